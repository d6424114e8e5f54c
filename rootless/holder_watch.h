/* What to do when somebody wipes the session directory while the session lives. Outside, t/ is an ordinary empty
 * directory: removing it takes the mount on it away in every mount namespace, and the file system with it, were the
 * holder not keeping a second, detached mount of it (open_tree(2), Linux 5.2). With that, socket, lock and t/ are put
 * back, and the containers' sockets are reachable again. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct holder_watch {
    const char *dir; /* path of the session directory; borrowed */
    int inotify;     /* readable when something was removed; -1: not watching */
    int tmp_mount;   /* detached mount of t/, or -1 */
    dev_t tmp_dev;
    dev_t lock_dev; /* of the lock that is handed out */
    ino_t lock_ino;
};
#define HOLDER_WATCH_INIT              \
    {                                  \
        .inotify = -1, .tmp_mount = -1 \
    }
void holder_watch_done(struct holder_watch *w);
/* Best effort: where inotify or open_tree is refused, nothing is watched. */
void holder_watch_start(struct holder_watch *w, const char *dir, int dir_fd, int lock);
/* Take what inotify has to say off its queue. */
void holder_watch_drain(struct holder_watch *w);
/* Is everything in its place? */
bool holder_watch_intact(const struct holder_watch *w);
/* Make the directory again, with t/ mounted. *ret_dir: the new directory; *ret_start: its start.lock, held; *ret_lock:
 * a new lock, or -1 when the old one is still there. ERR_IN_USE: another session has taken the place. */
struct err *holder_watch_restore(struct holder_watch *w, int *ret_dir, int *ret_start, int *ret_lock) ERR_RESULT;

/* The lock file's name must lead to the lock that is handed out: *lock is replaced by a new one where it does not.
 * Called with start.lock held. ERR_IN_USE: the name belongs to another session. */
struct err *holder_relock(int dir_fd, int *lock) ERR_RESULT;
