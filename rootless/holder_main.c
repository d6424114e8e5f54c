/* How a process becomes the holder: made by the starter, or adopting a session whose holder died. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "rootless/holder.h"
#include "rootless/holder_watch.h"
#include "rootless/session.h"
#include "rootless/session_wire.h"

enum { HOLD_LOCK = 3, HOLD_READY = 4 };
enum { ADOPT_LOCK = 3, ADOPT_MNTNS = 4, ADOPT_READY = 5 };

#define ADOPT_PAUSE_NSEC 2000000
#define ADOPT_TRIES 5000 /* of 2 ms: start.lock is held for the time of a start at most */

static struct err *holder_open_dir(const char *dir, int *ret)
{
    int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open session directory %s", dir);
    *ret = fd;
    return NULL;
}

/* Tell whoever waits, when it is not holder_run() that did. */
static struct err *holder_report(int ready, struct err *take_e)
{
    if (take_e) {
        err_drop(err_send(ready, take_e));
        (void)fd_close(ready);
    }
    return take_e;
}

static struct err *hold(const char *dir)
{
    AUTO_FD int dir_fd = -1;
    TRY(fd_set_cloexec(HOLD_LOCK, true));
    TRY(fd_set_cloexec(HOLD_READY, true));
    TRY(holder_open_dir(dir, &dir_fd));
    struct holder_opts opts = {
        .dir = dir,
        .dir_fd = dir_fd,
        .lock = HOLD_LOCK,
        .ready = HOLD_READY,
        .start_lock = -1,
    };
    return holder_run(&opts);
}

struct err *holder_main_hold(const char *dir)
{
    (void)prctl(PR_SET_NAME, "coracle-session", 0, 0, 0); /* else "exe", what it was started as */
    return holder_report(HOLD_READY, hold(dir));
}

/* Only one of the monitors' children may listen: the one that has start.lock and finds nobody there. */
static struct err *adopt_take_start_lock(int dir_fd, int *ret)
{
    const struct timespec pause = {.tv_nsec = ADOPT_PAUSE_NSEC};
    struct err *e = NULL;
    for (unsigned i = 0; i < ADOPT_TRIES; i++) {
        err_drop(e);
        e = file_open_locked(dir_fd, SESSION_START_LOCK, true, false, ret);
        if (!e || err_kind(e) != ERR_IN_USE)
            return e;
        (void)nanosleep(&pause, NULL);
    }
    return e;
}

/* Serve, unless somebody does. A dying holder may still accept for a moment, hence the tries. */
static struct err *adopt_serve(struct holder_opts *opts)
{
    const struct timespec pause = {.tv_nsec = ADOPT_PAUSE_NSEC};
    struct err *e = NULL;
    for (unsigned i = 0; i < ADOPT_TRIES; i++) {
        AUTO_FD int other = -1;
        err_drop(e);
        e = session_connect(opts->dir, &other);
        if (!e) {
            err_drop(err_send(opts->ready, NULL)); /* another one was quicker */
            return NULL;
        }
        if (err_kind(e) != ERR_NOT_FOUND)
            return e;
        err_drop(e);
        TRY(holder_relock(opts->dir_fd, &opts->lock)); /* the directory may have been wiped and made again */
        e = holder_run(opts);
        if (!e || err_kind(e) != ERR_IN_USE)
            return e;
        (void)nanosleep(&pause, NULL);
    }
    return e;
}

static struct err *adopt(const char *dir)
{
    AUTO_FD int dir_fd = -1;
    AUTO_FD int start_lock = -1;
    TRY(fd_set_cloexec(ADOPT_LOCK, true));
    TRY(fd_set_cloexec(ADOPT_READY, true));
    if (setns(ADOPT_MNTNS, CLONE_NEWNS) < 0)
        return ERR_SYS(errno, "join the session's mount namespace");
    (void)fd_close(ADOPT_MNTNS);
    TRY(holder_open_dir(dir, &dir_fd));
    TRY(adopt_take_start_lock(dir_fd, &start_lock));
    struct holder_opts opts = {
        .dir = dir,
        .dir_fd = dir_fd,
        .lock = ADOPT_LOCK,
        .ready = ADOPT_READY,
        .start_lock = start_lock,
        .adopted = true,
    };
    start_lock = -1; /* holder_run() closes it; a process that fails ends */
    return adopt_serve(&opts);
}

struct err *holder_main_adopt(const char *dir)
{
    /* The monitor reaps its child at once; the holder is nobody's. */
    pid_t pid = fork();
    if (pid < 0)
        return holder_report(ADOPT_READY, ERR_SYS(errno, "fork"));
    if (pid > 0)
        return NULL;
    return holder_report(ADOPT_READY, adopt(dir));
}
