/* Starting a holder. Many first commands at once make one session:
 *
 *   take start.lock ─► somebody listens now? use it
 *                   ─► try `lock`: free  → start coracle-session with it; it reports over a pipe when it listens
 *                                  held  → the holder is coming, or was killed while containers run and one of their
 *                                          monitors is replacing it: let go of start.lock, wait a little, look again
 *
 * `lock` and start.lock are only valid while their names still lead to them (file_open_locked), since old directories
 * get removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/proc.h"
#include "rootless/session_internal.h"

#define START_WAIT_SEC 30 /* $CORACLE_SESSION_WAIT */
#define START_POLL_FIRST_NSEC 1000000
#define START_POLL_MAX_NSEC 50000000
#define START_DEATHS_MAX 3
#define START_HOLDER_MSEC 60000 /* a slow directory server behind NSS counts in */

static int64_t start_now_nsec(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static struct err *start_deadline(int64_t *ret)
{
    uint64_t seconds = START_WAIT_SEC;
    const char *wish = getenv("CORACLE_SESSION_WAIT");
    if (wish && *wish)
        TRY_WRAP(number_parse_u64(wish, 86400, &seconds), "CORACLE_SESSION_WAIT");
    *ret = start_now_nsec() + (int64_t)seconds * 1000000000;
    return NULL;
}

static struct err *start_spawn(const char *dir, const struct session_place *place, int lock, int ready,
                               struct proc *ret)
{
    AUTO_FREE char *path = NULL;
    AUTO_STRV struct strv argv = STRV_INIT;
    AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return ERR_SYS(errno, "open /dev/null");
    TRY(proc_find_helper("coracle-session", &path));
    char *words[] = {(char[]){"coracle-session"},
                     (char[]){"--start"},
                     (char[]){"--dir"},
                     (char *)(uintptr_t)dir,
                     (char[]){"--root"},
                     place->root,
                     NULL};
    TRY(strv_add_all(&argv, words));
    const struct proc_fd fds[] = {{null, 0}, {null, 1}, {null, 2}, {lock, 3}, {ready, 4}};
    struct proc_opts opts = {
        .path = path,
        .argv = argv.items,
        .fds = fds,
        .n_fds = ARRAY_LEN(fds),
        .cwd = "/",
        .new_session = true,
        .default_signals = true,
    };
    return proc_spawn(&opts, ret);
}

/* Run coracle-session until it reports. Its child stays; it does not. */
static struct err *start_holder(const char *dir, const struct session_place *place, int lock)
{
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    AUTO_FD int ready = pipe_fds[0];
    AUTO_FD int ready_write = pipe_fds[1];
    AUTO_PROC struct proc starter = PROC_INIT; /* killed if still there */
    struct err *outcome = NULL;
    TRY(start_spawn(dir, place, lock, ready_write, &starter));
    ready_write = fd_close(ready_write);
    struct pollfd p = {.fd = ready, .events = POLLIN};
    int n;
    do {
        n = poll(&p, 1, START_HOLDER_MSEC);
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return ERR_NEW(ERR_TIMEOUT, "coracle-session is not ready after %d s", START_HOLDER_MSEC / 1000);
    struct err *e = err_recv(ready, &outcome);
    if (e) {
        err_drop(e);
        return ERR_NEW(ERR_STATE, "coracle-session was killed or crashed before it was ready");
    }
    if (!outcome)
        TRY(proc_wait(&starter, &(int){0}));
    return outcome;
}

enum start_state { START_FOUND, START_WAIT, START_FAILED };

/* One round, with start.lock held in this function only. */
static struct err *start_try(const struct session_place *place, const char *dir, struct session_peer *ret,
                             enum start_state *ret_state)
{
    AUTO_FD int dir_fd = -1;
    AUTO_FD int start_lock = -1;
    AUTO_FD int lock = -1;
    TRY(session_dir_open(place, dir, &dir_fd));
    *ret_state = START_WAIT;
    struct err *e = file_open_locked(dir_fd, SESSION_START_LOCK, true, false, &start_lock);
    if (!e) {
        e = session_find_in(place, dir, ret);
        if (!e)
            *ret_state = START_FOUND;
        if (!e || err_kind(e) != ERR_NOT_FOUND)
            return e;
        err_drop(e);
        e = file_open_locked(dir_fd, SESSION_LOCK, true, false, &lock);
    }
    if (e && err_kind(e) == ERR_IN_USE) {
        err_drop(e);
        return NULL;
    }
    TRY(e);
    session_dir_remove_stale(place);
    *ret_state = START_FAILED;
    TRY(start_holder(dir, place, lock));
    *ret_state = START_FOUND;
    return session_find_in(place, dir, ret);
}

/* Who is in the way when nobody listens and the lock stays held. */
static struct err *start_timed_out(const struct session_place *place, const char *dir)
{
    AUTO_FREE char *users = NULL;
    AUTO_FD int dir_fd = -1;
    TRY(session_dir_open(place, dir, &dir_fd));
    AUTO_FD int lock = openat(dir_fd, SESSION_LOCK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (lock < 0)
        return ERR_SYS(errno, "open the lock in %s", dir);
    TRY(session_lock_users(lock, &users));
    return ERR_NEW(ERR_TIMEOUT,
                   "the session's holder has died, and its lock %s/%s is still held by %s; end that, or wait for it",
                   dir, SESSION_LOCK, users ? users : "a process that cannot be seen from here");
}

static void start_sleep(long *nsec)
{
    struct timespec ts = {.tv_nsec = *nsec};
    (void)nanosleep(&ts, NULL);
    *nsec = *nsec * 2 < START_POLL_MAX_NSEC ? *nsec * 2 : START_POLL_MAX_NSEC;
}

struct err *session_start(const struct session_place *place, struct session_peer *ret)
{
    AUTO_FREE char *dir = NULL;
    int64_t deadline = 0;
    long pause_nsec = START_POLL_FIRST_NSEC;
    unsigned deaths = 0;
    TRY(start_deadline(&deadline));
    TRY(session_dir_prepare(place, &dir));
    for (;;) {
        enum start_state state = START_WAIT;
        struct err *e = start_try(place, dir, ret, &state);
        if (!e && state == START_FOUND)
            return NULL;
        bool again = e && err_kind(e) == (state == START_FAILED ? ERR_STATE : ERR_NOT_FOUND);
        if (e && (!again || (state == START_FAILED && ++deaths >= START_DEATHS_MAX)))
            return ERR_WRAP(e, "start the session");
        /* A starter that was killed, a directory that was removed meanwhile, or a holder that left again: once more. */
        if (start_now_nsec() > deadline) {
            if (e)
                return ERR_WRAP(e, "start the session");
            return start_timed_out(place, dir);
        }
        bool gone = e != NULL;
        err_drop(e);
        start_sleep(&pause_nsec);
        if (gone) {
            free(dir);
            dir = NULL;
            TRY(session_dir_prepare(place, &dir));
        }
    }
}
