/* Secrets: named small data that containers get as files or environment.
 *
 * Rows tell that they exist; the data is with a driver: `file`, a file of mode 0600 below <root>/secrets (or the
 * directory of the option `path`); `pass`, a file that gpg encrypts below ~/.password-store; `shell`, four commands of
 * the user's that get SECRET_ID. Files are copied into a container when that is made, so a secret may go before it;
 * what becomes environment is read at each start. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

struct engine;

#define SECRET_BYTES_MAX 512000
#define SECRET_ID_LEN 25

struct secret {
    char *id, *name, *driver;
    struct strv options, labels; /* "key=value" */
    int64_t created_nsec, updated_nsec;
};
void secret_free(struct secret *s);

struct secret_create_opts {
    const char *name, *driver; /* NULL: file */
    struct strv options, labels;
    bool replace; /* one of the same name goes */
    const void *data;
    size_t len;
};
/* ERR_EXISTS `NAME: secret name in use`. */
struct err *secret_create(struct engine *e, const struct secret_create_opts *opts, char **ret_id) ERR_RESULT;
/* By name, id, or unique beginning of an id. ERR_NOT_FOUND `no secret with name or id "x": no such secret`. */
struct err *secret_find(struct engine *e, const char *name, struct secret **ret) ERR_RESULT;
/* By name. `filters`: name= (a regular expression), id= (a beginning). */
struct err *secret_list(struct engine *e, const struct strv *filters, struct secret ***ret,
                        size_t *ret_count) ERR_RESULT;
void secret_list_free(struct secret **list, size_t count);
struct err *secret_remove(struct engine *e, const struct secret *s) ERR_RESULT;
/* The data, heap; NUL behind it. */
struct err *secret_data(struct engine *e, const struct secret *s, char **ret, size_t *ret_len) ERR_RESULT;

/* driver.c. The directory of the file driver is made when missing. ERR_INVALID: no such driver, an option missing. */
struct err *secret_driver_check(const char *driver, const struct strv *options) ERR_RESULT;
struct err *secret_driver_store(struct engine *e, const struct secret *s, const void *data, size_t len) ERR_RESULT;
struct err *secret_driver_load(struct engine *e, const struct secret *s, char **ret, size_t *ret_len) ERR_RESULT;
struct err *secret_driver_delete(struct engine *e, const struct secret *s) ERR_RESULT;

/* --- as containers ask for them: NAME[,type=mount|env][,target=T][,uid=N][,gid=N][,mode=OCTAL]. Computes only. */
struct secret_use {
    char *source, *target;
    bool env;
    uint32_t ct_uid, ct_gid, mode;
};
void secret_use_done(struct secret_use *u);
#define AUTO_SECRET_USE __attribute__((cleanup(secret_use_done)))
struct err *secret_use_parse(const char *text, struct secret_use *ret) ERR_RESULT;
