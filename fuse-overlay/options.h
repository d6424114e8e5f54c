/* Command line and mount options of coracle-overlay: those of fuse-overlayfs, so that either takes the other's place.
 * Computes only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"
#include "fuse-overlay/ids.h"

#define OPTIONS_LAYERS_MAX 500 /* the kernel's overlay takes as many */

struct options {
    char *target;       /* where to mount; NULL with is_help or is_version */
    struct strv lowers; /* from the top, unescaped */
    char *upper, *work; /* both or none: read-only */
    struct ids_map uids, gids;
    bool squash_uid, squash_gid; /* show these instead of what is on disk */
    uint32_t squash_to_uid, squash_to_gid;
    unsigned xattr_permissions; /* 0: owner and mode in the inode; 1: security.*, 2: user.containers.override_stat */
    bool static_nlink, no_acl, is_volatile, no_fsync, writeback, single_thread;
    uint64_t max_bytes, max_files; /* what the upper directory may hold; 0: no limit */
    double timeout;                /* seconds that the kernel may keep names and attributes */
    unsigned long mount_flags;     /* MS_* */
    bool private_mount;            /* for the mounting user alone (noallow_other) */
    bool foreground, is_debug, is_help, is_version;
    int ready_fd;  /* closed once mounted; -1 */
    int device_fd; /* an open /dev/fuse that is mounted already; -1 */
    int watch_fd;  /* a pidfd, or pipe, whose end means that nobody needs the mount any more; -1 */
};

/* Parse argv; on failure nothing has to be freed. ERR_INVALID: the text names the option. */
struct err *options_parse(int argc, char *const *argv, struct options *ret) ERR_RESULT;
/* One list of mount options, "lowerdir=…,upperdir=…": a backslash takes the meaning of the next comma or colon away. */
struct err *options_parse_list(const char *list, struct options *o) ERR_RESULT;
void options_done(struct options *o);
const char *options_usage(void);
