/* What an entry has besides its data: owner, mode, time, extended attributes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include <archive_entry.h>

#include "base/err.h"
#include "engine/layer/dirs.h"

/* How metadata is applied in one archive, and what could not be kept. */
struct meta_rules {
    bool single_id;           /* what one id cannot own is kept in a record (base/override.h) */
    bool ignore_chown_errors; /* and those that this namespace has no id for */
    uint64_t ids_ignored;     /* entries */
    uint64_t xattrs_ignored;  /* attributes this host or file system refuses */
    bool acl_seen;            /* a default ACL was set somewhere: new entries may have inherited one */
};

struct meta {
    uid_t uid;
    gid_t gid;
    mode_t mode;                 /* permissions, setuid, setgid, sticky */
    struct timespec times[2];    /* for utimensat */
    struct archive_entry *entry; /* borrowed: the attributes */
};

/* ERR_INVALID for owners that cannot be. */
struct err *meta_read(struct archive_entry *entry, struct meta *ret) ERR_RESULT;
/* Apply everything to an open file or directory just made in a parent of group `parent_gid`. `mode_set` is what it was
 * made with, or (mode_t)-1. The order matters: a change of owner clears setuid and file capabilities. */
struct err *meta_apply_fd(struct meta_rules *rules, const struct meta *m, int fd, gid_t parent_gid,
                          mode_t mode_set) ERR_RESULT;
/* The same for what can't be opened. Changes the working directory. */
struct err *meta_apply_at(struct meta_rules *rules, const struct meta *m, const struct dirs_place *place,
                          bool is_link) ERR_RESULT;
