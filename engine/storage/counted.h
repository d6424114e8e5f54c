/* Mounts that several have asked for: the first makes it, the last takes it away.
 *
 * `dir`/root is the mount point and `dir`/count how often it was asked for; its lock is flock(2) on `dir`. They are in
 * the session's mount namespace and live as long as that. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"

typedef struct err *(*counted_fn)(void *arg, const char *target);
/* Have `fn` mount it, or count one user more. *ret_path: where. */
struct err *counted_mount(const char *dir, counted_fn fn, void *arg, char **ret_path) ERR_RESULT;
/* Count one user less, and unmount with the last; force: now. *ret_was: it was mounted. ERR_IN_USE. */
struct err *counted_unmount(const char *dir, bool force, bool *ret_was) ERR_RESULT;
/* Names below `parent` (ids) of what is mounted, sorted. */
struct err *counted_list(const char *parent, struct strv *ret_ids) ERR_RESULT;
/* Where it is mounted; *ret stays NULL when it isn't. */
struct err *counted_path(const char *dir, char **ret) ERR_RESULT;
