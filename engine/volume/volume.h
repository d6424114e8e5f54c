/* Named and anonymous volumes: volumes/<name>/_data, or what their options name (options.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strv.h"

struct engine;

struct volume {
    char *name, *driver, *mountpoint;
    int64_t created_nsec;
    bool anonymous, needs_copy_up;
    struct strv labels, options; /* "key=value" */
    uint64_t containers;         /* that use it */
};
void volume_free(struct volume *v);

struct volume_create_opts {
    const char *name;   /* NULL: 64 random hex digits */
    const char *driver; /* NULL or "local" */
    struct strv labels, options;
    bool anonymous;
    bool ignore_existing;
};
struct err *volume_create(struct engine *e, const struct volume_create_opts *opts, struct volume **ret) ERR_RESULT;
/* Directory and row of a volume inside the caller's write transaction, so that it comes into being together with what
 * needs it. `opts->name` is given and valid. */
struct err *volume_insert(struct engine *e, const struct volume_create_opts *opts) ERR_RESULT;
/* The row goes inside the caller's write transaction; volume_remove_directory() afterwards. ERR_IN_USE. */
struct err *volume_delete_row(struct engine *e, const char *name) ERR_RESULT;
struct err *volume_remove_directory(struct engine *e, const char *name) ERR_RESULT;
/* Exact name, or a unique prefix. ERR_NOT_FOUND "no such volume". */
struct err *volume_find(struct engine *e, const char *name, struct volume **ret) ERR_RESULT;
struct err *volume_list(struct engine *e, const struct strv *filters, struct volume ***ret,
                        size_t *ret_count) ERR_RESULT;
void volume_list_free(struct volume **list, size_t count);
/* Exact name. ERR_IN_USE names the containers that use it (`volume rm -f` removes those first). */
struct err *volume_remove(struct engine *e, const char *name) ERR_RESULT;
/* Ids of the containers that use the volume, appended. */
struct err *volume_users(struct engine *e, const char *name, struct strv *ret_ids) ERR_RESULT;
struct err *volume_prune(struct engine *e, const struct strv *filters, struct strv *ret_names,
                         uint64_t *ret_bytes) ERR_RESULT;
/* Podman's `volume inspect` object, as JSON text. */
struct err *volume_inspect(struct engine *e, const struct volume *v, char **ret_json) ERR_RESULT;
/* Where its files are, in the session's mount namespace, for a container that is about to start. A volume in memory is
 * mounted, anew unless it is `in_use` by another container. */
struct volume_options;
struct err *volume_place(struct engine *e, const char *name, const struct volume_options *o, bool in_use,
                         char **ret_path) ERR_RESULT;
/* The options that it was created with (options.h). */
struct err *volume_read_options(struct engine *e, const char *name, struct volume_options *ret) ERR_RESULT;
/* First use: when the image has files at the mount point copy them in, with the owner of that directory (`source_fd`,
 * in the mounted root); else (`source_fd` -1) give the volume to the container's user. Called before the container
 * starts; does nothing from the second time on, and for volumes that are mounted from elsewhere. */
struct err *volume_copy_up(struct engine *e, const char *name, int source_fd, uid_t uid, gid_t gid) ERR_RESULT;
/* All its files as a tar into `fd`, with owners as they are inside. */
struct err *volume_export(struct engine *e, const struct volume *v, int fd) ERR_RESULT;
/* The files of a tar, in any compression, into it, over what is there. ERR_CORRUPT. */
struct err *volume_import(struct engine *e, const struct volume *v, int fd) ERR_RESULT;
