/* The directories of a tree, by descriptor: a stack of open ones from the root down to the parent of the last entry.
 * Archives list a tree in order, so that the next entry nearly always has its parent on the stack already; names are
 * never resolved as a whole.
 *
 * A directory keeps its modification time while entries are made in it: what it was when the stack came to it is put
 * back when the stack leaves. So neither the order of entries matters, nor is any list of times to apply at the end.
 *
 * A parent that is a symbolic link is resolved with the tree's root as "/", as Podman does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"

struct dirs;

/* Where an entry goes; borrowed from the stack, until its next use. */
struct dirs_place {
    int fd;           /* the parent directory, readable */
    const char *name; /* last part of the name */
    gid_t gid;        /* group of the parent, which new entries may inherit */
};

struct err *dirs_new(int rootfd, struct dirs **ret) ERR_RESULT;
/* Restores pending times. */
void dirs_free(struct dirs *d);
/* The parent of `name` (clean, not ""), and missing ones are made when `make`: 0755, owner 0. ERR_NOT_FOUND without
 * `make`; ERR_INVALID where something else than a directory is in the way. */
struct err *dirs_find(struct dirs *d, const char *name, bool make, struct dirs_place *ret) ERR_RESULT;
/* An entry is about to be made or removed in the place found last. */
void dirs_touch(struct dirs *d);
/* Set the modification time of the root itself. */
void dirs_set_root_time(struct dirs *d, const struct timespec *mtime);
/* Forget everything but the root (directories were removed). */
void dirs_reset(struct dirs *d);
