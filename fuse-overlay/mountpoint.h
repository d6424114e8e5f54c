/* The mount itself: mount(2) where we may (uid 0 of a user namespace), else fusermount3. */
#pragma once

#include "base/err.h"
#include "fuse-overlay/options.h"

struct mountpoint {
    int parent_fd; /* to unmount by descriptor once paths mean nothing any more; -1: not ours */
    char *name;    /* in it */
};

/* Mount on opts->target; *ret_fd is the device. With opts->device_fd that is all that happens. *ret_refused: mount(2)
 * is not allowed, and nothing else has failed. */
struct err *mountpoint_mount(const struct options *opts, struct mountpoint *ret, int *ret_fd,
                             bool *ret_refused) ERR_RESULT;
/* Lazily; best effort. */
void mountpoint_unmount(const struct mountpoint *m);
void mountpoint_done(struct mountpoint *m);
