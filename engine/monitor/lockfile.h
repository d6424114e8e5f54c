/* <run_dir>/containers/<id>/: the lock that says "this container has a monitor", and what the monitor is doing.
 *
 * flock(2) on the file `lock`, held by the monitor alone and for its whole life; its contents are a struct
 * monitor_state. A reader takes the lock shared for a moment, so it can keep a starting monitor from its lock for a
 * moment: that one tries again before it believes it. A monitor on its way out says so (phase EXITED), and a new one
 * waits for it.
 */
#pragma once

#include "base/err.h"
#include "engine/monitor/protocol.h"

#define LOCKFILE_NAME "lock"
#define LOCKFILE_SOCKET "socket"
#define LOCKFILE_CGROUP "cgroup" /* path of the container's own cgroup, to be removed */

struct lockfile {
    char *path;  /* <run_dir>/containers/<id> */
    int dir_fd;  /* the same */
    int lock_fd; /* locked while open */
};
#define LOCKFILE_INIT               \
    {                               \
        .dir_fd = -1, .lock_fd = -1 \
    }

/* Make the directory and take the lock. ERR_STATE: the container runs. */
struct err *lockfile_take(const char *run_dir, const char *id, struct lockfile *ret) ERR_RESULT;
struct err *lockfile_publish(const struct lockfile *l, const struct monitor_state *st) ERR_RESULT;
/* Remove the directory, then let go. The lock may be taken by another from then on. */
void lockfile_release(struct lockfile *l);
/* Open the directory; ERR_NOT_FOUND. */
struct err *lockfile_open_dir(const char *run_dir, const char *id, int *ret_dir) ERR_RESULT;
/* What the holder of the lock published; MONITOR_PHASE_NONE when nobody holds it. */
struct err *lockfile_peek(int dir_fd, struct monitor_state *ret) ERR_RESULT;
