/* What is answered to the kernel. Private to coracle-packed. */
#pragma once

#define FUSE_USE_VERSION 35
#include <fuse_lowlevel.h>
#include <pthread.h>

#include "base/err.h"
#include "packed/tree.h"
#include "userns/idmap.h"

/* The userdata of the session; read only once it is served. */
struct packed {
    int fd;                  /* of the file */
    struct idmap uids, gids; /* borrowed: ids that exist here; the others are shown as 0 */
};

extern const struct fuse_lowlevel_ops requests_ops;
/* Each thread, before its first request: a tree of its own and a buffer for answers. */
struct err *requests_begin(const struct packed *p, struct tree *take_tree) ERR_RESULT;
void requests_end(void);
