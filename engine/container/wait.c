/* wait: for the end of a container, or for a state. Its monitor is asked for the end; a state is looked at again when
 * the kernel tells of a change: monitors publish theirs in files below <run_dir>/containers/<id>, and a removed
 * container loses its directory. */
#include <errno.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/engine.h"
#include "engine/monitor/client.h"

static struct err *exit_of_last_run(struct engine *e, struct container *c, int *ret_exit)
{
    TRY(container_observe(e, c));
    *ret_exit = c->exit_code;
    return NULL;
}

struct err *container_wait(struct engine *e, struct container *c, int *ret_exit)
{
    struct monitor *m;
    struct monitor_exit x;
    struct err *err = monitor_connect(engine_run_dir(e), c->id, &m);
    if (err && err_kind(err) == ERR_STATE) { /* not running: what the last run left */
        err_drop(err);
        return exit_of_last_run(e, c, ret_exit);
    }
    TRY(err);
    err = monitor_wait(m, NULL, &x);
    monitor_free(m);
    if (err && err_kind(err) == ERR_NETWORK) { /* the monitor was killed */
        err_drop(err);
        return exit_of_last_run(e, c, ret_exit);
    }
    TRY(err);
    container_note_exit(c, &x);
    *ret_exit = x.exit_code;
    return NULL;
}

/* --- a state */

struct watch {
    int fd;
    char *runs; /* where monitors make their directories … */
    char *run;  /* … and this container's one */
};

static void watch_done(struct watch *w)
{
    w->fd = fd_close(w->fd);
    mem_freep(&w->runs);
    mem_freep(&w->run);
}
#define AUTO_WATCH __attribute__((cleanup(watch_done)))

static struct err *watch_open(struct engine *e, const char *id, struct watch *w)
{
    AUTO_FREE char *rows = NULL;
    TRY(mem_asprintf(&w->runs, "%s/containers", engine_run_dir(e)));
    TRY(mem_asprintf(&rows, "%s/containers", engine_root(e)));
    TRY(container_run_dir(e, id, &w->run));
    TRY(file_mkdirs(w->runs, 0700));
    w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->fd < 0 || inotify_add_watch(w->fd, w->runs, IN_CREATE | IN_DELETE) < 0 ||
        inotify_add_watch(w->fd, rows, IN_DELETE | IN_MOVED_FROM) < 0)
        return ERR_SYS(errno, "watch container %.12s", id);
    return NULL;
}

/* Before each look: the monitor of a new run has another directory, whose birth is told. */
static struct err *watch_run(struct watch *w)
{
    if (inotify_add_watch(w->fd, w->run, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE) < 0 && errno != ENOENT)
        return ERR_SYS(errno, "watch %s", w->run);
    return NULL;
}

static struct err *watch_wait(struct watch *w)
{
    char ignored[4096];
    struct pollfd p = {.fd = w->fd, .events = POLLIN};
    if (poll(&p, 1, -1) < 0 && errno != EINTR)
        return ERR_SYS(errno, "wait for a container");
    while (read(w->fd, ignored, sizeof(ignored)) > 0)
        continue;
    return NULL;
}

struct err *container_wait_until(struct engine *e, const char *id,
                                 bool (*reached)(const void *arg, const struct container *c), const void *arg)
{
    AUTO_WATCH struct watch w = {.fd = -1};
    TRY(watch_open(e, id, &w));
    for (;;) {
        struct container *c;
        TRY(watch_run(&w));
        TRY(container_find(e, id, &c));
        bool done = reached(arg, c);
        container_free(c);
        if (done)
            return NULL;
        store_idle(engine_store(e));
        TRY(watch_wait(&w));
    }
}
