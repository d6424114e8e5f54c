/* Credentials that processes of a container believe to have, where the kernel knows one id: what setuid(2) and its kin
 * do to them. Computes only; in the process of ids.h.
 *
 * Who has which is kept by the kernel, as the soft limit RLIMIT_LOCKS of the process: a limit that nothing has looked
 * at since Linux 2.4.25 (getrlimit(2)), that children and new programs inherit as they do credentials, and that another
 * process may set (prlimit(2)). The value is a number in the table here, or the ids themselves. So there is no list of
 * processes that would have to be told of forks and ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/err.h"

#define IDS_GROUPS_MAX 64            /* supplementary groups of one process */
#define IDS_TABLE_MAX ((size_t)4096) /* different credentials in one container */
#define IDS_DIRECT_MAX (((uint32_t)1 << 30) - 1)

/* Indices of creds.uid and gid: the order of setresuid(2), and what setfsuid(2) sets. */
enum { IDS_REAL, IDS_EFFECTIVE, IDS_SAVED, IDS_FS, IDS_KINDS };

struct ids_creds {
    uint32_t uid[IDS_KINDS], gid[IDS_KINDS];
    bool keep;   /* PR_SET_KEEPCAPS: what is root's may be kept by who was it, prctl(2) */
    bool rooted; /* ... and was */
    uint32_t n_groups;
    uint32_t groups[IDS_GROUPS_MAX];
};

/* All zero is an empty one. It only grows, item first, so that whoever takes over from a process that was killed while
 * it wrote finds whole items. */
struct ids_table {
    size_t count;
    struct ids_creds items[IDS_TABLE_MAX];
};

/* The limit that says "user `uid` in group `gid` from the next program on", without a table: for the OCI runtime, which
 * sets it while it still has to be root. Both at most IDS_DIRECT_MAX. */
uint64_t ids_limit_of(uint32_t uid, uint32_t gid);
/* Is it one of these? */
bool ids_creds_next(uint64_t limit, struct ids_creds *ret);
/* What a limit means; false: nothing, so the process is root with the groups that it really has. */
bool ids_creds_of(const struct ids_table *t, uint64_t limit, struct ids_creds *ret);
/* The limit for these credentials, which get a place in the table. ERR_NO_SPACE. */
struct err *ids_limit_for(struct ids_table *t, const struct ids_creds *c, uint64_t *ret) ERR_RESULT;

/* The calls, by what they do. Arguments as the kernel has them, (uint32_t)-1 is "as it is"; 0 or an errno (for the fs
 * ids the kernel has none). Rights are those of the effective user 0, or kept. Sources: credentials(7), setresuid(2),
 * setreuid(2), setuid(2), setfsuid(2). */
int ids_set(struct ids_creds *c, bool is_gid, uint32_t id);
int ids_set_re(struct ids_creds *c, bool is_gid, uint32_t real, uint32_t effective);
int ids_set_res(struct ids_creds *c, bool is_gid, const uint32_t id[3]);
/* The one before, which is the call's result. */
uint32_t ids_set_fs(struct ids_creds *c, bool is_gid, uint32_t id);
int ids_set_groups(struct ids_creds *c, const uint32_t *groups, size_t n);
/* execve(2) of a setuid or setgid program. */
void ids_exec(struct ids_creds *c, bool setuid, uint32_t uid, bool setgid, uint32_t gid);
/* May a process with these give a file of `uid`:`gid` to `to_uid`:`to_gid`? chown(2). */
bool ids_may_chown(const struct ids_creds *c, uint32_t uid, uint32_t gid, uint32_t to_uid, uint32_t to_gid);
