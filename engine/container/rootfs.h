/* The file system of a container, running or not, for commands that look into it or change it: cp, diff, commit,
 * export.
 *
 * Of a running container it is what its process sees, or what its monitor has mounted. Of a stopped one it is mounted
 * here, in a mount namespace of this process alone (which therefore starts no containers afterwards), and the
 * container's working lock is held until container_root_done(): nobody may mount the same upper directory meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strv.h"
#include "userns/idmap.h"

struct container;
struct engine;

enum container_root_part {
    ROOT_FILES,   /* no mounts: image and what was written above it */
    ROOT_LAYERS,  /* nothing mounted at all: only upper_fd and the lists */
    ROOT_MOUNTED, /* with volumes and binds; of a running container also with everything else that is mounted */
};
struct container_root {
    int fd;       /* O_PATH, "/"; open things below with path_open_in_root() alone. -1 with ROOT_LAYERS */
    int upper_fd; /* what was written, in the driver's form; -1: nothing yet, or it is no such driver */
    bool is_live;
    bool is_copy;             /* driver copy: no upper directory, the tree is in `copy` */
    struct idmap uids, gids;  /* of its own user namespace, to the session's ids; empty: it has none */
    char *user;               /* as asked for or as the image says; NULL: root */
    struct strv layer_dirs;   /* below <root>/layers, bottom first */
    char *driver;             /* of this container */
    struct container *locked; /* whose lock was taken here; borrowed */
    struct engine *engine;
};
/* Reads the container again where it took the lock. ERR_STATE: it is just being restarted (ROOT_MOUNTED). */
struct err *container_root_open(struct engine *e, struct container *c, enum container_root_part part,
                                struct container_root *ret) ERR_RESULT;
void container_root_done(struct container_root *r);
#define AUTO_ROOT __attribute__((cleanup(container_root_done)))
/* The tree below the container, read-only: its image. In the same private place. */
struct err *container_root_below(const struct container_root *r, int *ret_fd) ERR_RESULT;
/* Ids of the container's own user, as the session counts them. */
struct err *container_root_user(const struct container_root *r, const struct container *c, uid_t *ret_uid,
                                gid_t *ret_gid) ERR_RESULT;
/* The root once more, for reading. */
struct err *container_root_reopen(const struct container_root *r, int *ret_fd) ERR_RESULT;
/* changes.c: as container_diff(). */
struct tree_changes;
struct err *container_changes(const struct container_root *r, struct tree_changes *ret) ERR_RESULT;
