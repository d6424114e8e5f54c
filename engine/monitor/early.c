#include "engine/monitor/early.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/monitor/job.h"
#include "engine/monitor/launch.h"
#include "engine/monitor/life.h"

#define CONFIG "config.json"
#define CONFIG_MAX ((size_t)64 << 20)

/* Of other runtimes it isn't known whether they take a FIFO. */
static bool early_can(const struct server *s)
{
    return !s->plan.bundle && (launch_runtime_is(s, "crun") || launch_runtime_is(s, "runc"));
}

/* Open for both directions, so that neither this open nor the runtime's waits for the other. */
static struct err *early_make_fifo(struct server *s)
{
    if (mkfifoat(s->private_fd, CONFIG, 0600) < 0)
        return ERR_SYS(errno, "make a FIFO");
    s->early_fd = openat(s->private_fd, CONFIG, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return s->early_fd < 0 ? ERR_SYS(errno, "open a FIFO") : NULL;
}

static struct err *early_launch(struct server *s)
{
    struct job *j = NULL;
    TRY(early_make_fifo(s));
    TRY(job_new(s, "", s->plan.tty, s->plan.interactive, &j));
    s->container = j;
    struct err *e = launch_run(s, j, &s->early);
    if (e)
        job_free(j);
    return e;
}

/* As if there had been none. */
static void early_forget(struct server *s)
{
    s->early = NULL;
    s->early_fd = fd_close(s->early_fd);
}

void early_start(struct server *s)
{
    if (!early_can(s))
        return;
    struct err *e = early_launch(s);
    if (e) {
        early_forget(s);
        (void)unlinkat(s->private_fd, CONFIG, 0);
    }
    err_drop(e);
}

/* All of it at once: the runtime may not read yet. */
static struct err *early_feed(struct server *s)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    TRY(file_read(s->private_fd, MONITOR_CONFIG, CONFIG_MAX, &text, &len));
    int capacity = fcntl(s->early_fd, F_GETPIPE_SZ);
    if (capacity < 0 || ((size_t)capacity < len && fcntl(s->early_fd, F_SETPIPE_SZ, (int)len) < 0))
        return ERR_SYS(errno, "make room for config.json");
    ssize_t n = write(s->early_fd, text, len);
    return n == (ssize_t)len ? NULL : ERR_SYS(n < 0 ? errno : ENOSPC, "hand over config.json");
}

struct err *early_finish(struct server *s)
{
    struct launch *l = s->early;
    struct err *e = NULL;
    if (l && s->early_useless)
        e = ERR_NEW(ERR_STATE, "it was started for another plan");
    else if (l)
        e = early_feed(s);
    if (!s->plan.bundle && renameat(s->private_fd, MONITOR_CONFIG, s->private_fd, CONFIG) < 0 && !e)
        e = ERR_SYS(errno, "put config.json in its place");
    if (!l)
        return e;
    if (!e) {
        early_forget(s); /* from here on a launch like any other; the closed FIFO is the document's end */
        return NULL;
    }
    err_drop(e);
    s->start_asked = true;
    return proc_signal(&l->runtime, SIGKILL);
}

struct err *early_ended(struct server *s)
{
    launch_free(s->early);
    early_forget(s);
    if (s->container)
        job_free(s->container);
    if (!s->start_asked)
        return NULL;
    s->start_asked = false;
    struct err *e = life_start(s);
    return e ? life_start_failed(s, e) : NULL;
}
