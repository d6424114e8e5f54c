/* What the files of ids.h share. All but ids_keep.c runs in the process that answers.
 *
 * That process may be killed, and another takes its place (ids_keep.c). What must outlive it is in memory that both and
 * the monitor share: the credentials, to which limits of the container's processes refer, and the call that is being
 * answered, written there by the kernel as it hands it over. So there is no moment at which a call is known to nobody,
 * which would wait for ever. A call that was begun is done again: what it made of a file or of credentials is made once
 * more, and what may only be done once (a new file with O_EXCL, a directory) may say EEXIST then. */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"
#include "engine/monitor/ids_creds.h"

struct ids_state {
    struct ids_table table;
    uint64_t serial;            /* of the filter that `notif` came from */
    uint64_t tried;             /* id of a call that somebody was killed over */
    struct seccomp_notif notif; /* id 0: no call is being answered */
};

/* A filter of one run of the OCI runtime. Numbers of descriptors differ from process to process, serials don't. */
struct ids_filter {
    int fd;
    uint64_t serial;
    struct loop_source *src; /* the monitor's */
};
/* What a fork of the monitor becomes; new filters come through `sock`. Sorts `filters`. */
_Noreturn void ids_live(struct ids_state *state, int sock, struct ids_filter *filters, size_t n, pid_t monitor);

/* One waiting call. */
struct ids_call {
    int listener;
    const struct seccomp_notif *notif;
    struct ids_table *table;
    bool sealed_outside; /* we ourselves may not gain privileges: so the container's programs were not asked */
};

/* What becomes of it. */
struct ids_answer {
    bool go_on; /* the kernel does it */
    bool sent;  /* the answer is there already */
    int errnum; /* 0: the result is `value` */
    int64_t value;
};
#define IDS_GO_ON ((struct ids_answer){.go_on = true})
#define IDS_VALUE(v) ((struct ids_answer){.value = (v)})
#define IDS_ERRNO(e) ((struct ids_answer){.errnum = (e)})

/* Arguments as 32 bits: ids, descriptors, flags. */
uint32_t ids_arg(const struct ids_call *c, unsigned index);

/* ids_target.c: the process that waits. */
/* False where it cannot be read; the text is then not to be used. */
bool ids_read(const struct ids_call *c, uint64_t address, void *buf, size_t len);
/* 0 or an errno; PATH_MAX bytes. */
int ids_read_path(const struct ids_call *c, uint64_t address, char *buf);
bool ids_write(const struct ids_call *c, uint64_t address, const void *data, size_t len);
/* What it believes to be; false: nothing special. */
bool ids_creds_get(const struct ids_call *c, struct ids_creds *ret);
/* What its next program will believe; false: the same. */
bool ids_creds_get_next(const struct ids_call *c, struct ids_creds *ret);
int ids_creds_put(const struct ids_call *c, const struct ids_creds *creds);
/* Number in /proc/PID/status, as "Umask:" has it (octal), or `fallback`. */
unsigned ids_status(const struct ids_call *c, const char *field, bool octal, unsigned fallback);
/* A file as the process would find it, O_PATH. `path` may be "" for the descriptor itself. 0 or an errno. */
int ids_open(const struct ids_call *c, int dirfd, const char *path, bool follow, int *ret);
/* The directory that `path` is, or would be, in, O_PATH, and its last part, which points into `path`. EINVAL where that
 * is no plain name. */
int ids_open_parent(const struct ids_call *c, int dirfd, char *path, const char **ret_name, int *ret);
/* Owner, group, mode and kind as inside. False: it has no record, and *ret is what the kernel says. */
bool ids_stat(int fd, struct stat *ret, int *ret_errnum);

/* The calls. ids_self.c */
struct ids_answer ids_do_get(const struct ids_call *c);
struct ids_answer ids_do_get_three(const struct ids_call *c);
struct ids_answer ids_do_get_groups(const struct ids_call *c);
struct ids_answer ids_do_set(const struct ids_call *c);
struct ids_answer ids_do_set_groups(const struct ids_call *c);
struct ids_answer ids_do_keep(const struct ids_call *c);
struct ids_answer ids_do_exec(const struct ids_call *c);
/* ids_owner.c */
struct ids_answer ids_do_chown(const struct ids_call *c);
struct ids_answer ids_do_chmod(const struct ids_call *c);
struct ids_answer ids_do_stat(const struct ids_call *c);
struct ids_answer ids_do_statx(const struct ids_call *c);
/* ids_make.c */
struct ids_answer ids_do_open(const struct ids_call *c);
struct ids_answer ids_do_mkdir(const struct ids_call *c);
struct ids_answer ids_do_mknod(const struct ids_call *c);
