#include "engine/container/processes.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/engine.h"
#include "engine/monitor/client.h"

/* What names the pid namespace of a process; false when it can't be seen. */
static bool read_namespace(pid_t pid, char ret[64])
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
    ssize_t n = readlink(path, ret, 63);
    if (n <= 0)
        return false;
    ret[n] = '\0';
    return true;
}

static void mark(struct proclist *l, pid_t pid)
{
    struct proclist_item *p = proclist_find(l, pid);
    if (p)
        p->marked = true;
}

static struct err *mark_execs(struct engine *e, const struct container *c, struct proclist *l)
{
    struct monitor *m = NULL;
    struct monitor_state st;
    AUTO_FREE struct monitor_exec_state *execs = NULL;
    size_t count = 0;
    struct err *err = monitor_connect(engine_run_dir(e), c->id, &m);
    if (!err)
        err = monitor_query(m, &st, &execs, &count);
    monitor_free(m);
    for (size_t i = 0; !err && i < count; i++)
        if (execs[i].running)
            mark(l, execs[i].host_pid);
    return err;
}

struct err *container_processes(struct engine *e, const struct container *c, struct proclist *ret)
{
    AUTO_PROCLIST struct proclist l = {0};
    char own[64], its[64], other[64];
    TRY(proclist_read(&l));
    mark(&l, c->host_pid);
    bool separate = read_namespace(getpid(), own) && read_namespace(c->host_pid, its) && strcmp(own, its) != 0;
    for (size_t i = 0; separate && i < l.count; i++)
        if (read_namespace(l.items[i].pid, other) && strcmp(its, other) == 0)
            l.items[i].marked = true;
    if (!separate)
        TRY(mark_execs(e, c, &l));
    proclist_mark_descendants(&l);
    *ret = l;
    l = (struct proclist){0};
    return NULL;
}

double processes_uptime(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_BOOTTIME, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}
