/* Reading requests: how many threads, and how they wait.
 *
 * One thread at a time reads the device (the leader) and works on what it read, for most requests take less time than
 * waking another thread would. When a request may take long, or one request after the other is already waiting, the
 * leader hands its role over first, so that on an idle machine a few threads work at once. Before it sleeps the leader
 * looks for the next request again and again for some tens of microseconds, because being woken on another processor
 * takes longer than most requests; where that was in vain (a loaded machine, a slow client) it stops doing so for a
 * while. Where looking goes on to help, the role goes to a thread that shares the client's processor (companion.h). */
#pragma once

#include "base/err.h"
#include "fuse-overlay/overlay.h"

struct fuse_session;

struct serve_opts {
    struct fuse_session *session;
    struct overlay *fs;
    int fd;        /* of the device */
    int signal_fd; /* SIGTERM and the like; readable: leave */
    int watch_fd;  /* or -1: likewise */
    int load_fd;   /* of /proc/loadavg, or -1 */
    unsigned threads_max;
};

/* Until the mount is gone or it is told to leave. *ret_unmounted: the former. */
struct err *serve(const struct serve_opts *opts, bool *ret_unmounted) ERR_RESULT;
