#include "engine/monitor/freeze.h"

#include <signal.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proclist.h"
#include "engine/monitor/cgroup.h"
#include "engine/monitor/job.h"
#include "engine/monitor/life.h"

/* Processes fork while they are being stopped: look again until all are. One that waits for a disk stops late. */
#define TRIES 200
#define TRY_USEC 2000

void freeze_forget(struct server *s)
{
    s->paused = s->paused_by_signal = false;
    mem_freep(&s->stopped_before);
    s->n_stopped_before = 0;
}

/* What the container consists of: our children that are none of our own helpers, and all below them. */
static struct err *list_container(const struct server *s, struct proclist *ret)
{
    TRY(proclist_read(ret));
    for (size_t i = 0; i < ret->count; i++)
        ret->items[i].marked = ret->items[i].ppid == getpid() && !reap_is_helper(s, ret->items[i].pid);
    proclist_mark_descendants(ret);
    return NULL;
}

static bool is_stopped(const struct proclist_item *p)
{
    return strchr("TtZX", p->state) != NULL;
}

static struct err *note_stopped(struct server *s, const struct proclist *l)
{
    s->stopped_before = mem_zalloc((l->count + 1) * sizeof(*s->stopped_before));
    if (!s->stopped_before)
        return err_oom();
    s->n_stopped_before = 0;
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i].marked && l->items[i].state == 'T')
            s->stopped_before[s->n_stopped_before++] = l->items[i].pid;
    return NULL;
}

static bool was_stopped(const struct server *s, pid_t pid)
{
    for (size_t i = 0; i < s->n_stopped_before; i++)
        if (s->stopped_before[i] == pid)
            return true;
    return false;
}

static struct err *stop_all(struct server *s)
{
    for (int i = 0; i < TRIES; i++) {
        AUTO_PROCLIST struct proclist l = {0};
        bool running = false;
        TRY(list_container(s, &l));
        if (i == 0)
            TRY(note_stopped(s, &l));
        for (size_t k = 0; k < l.count; k++) {
            if (!l.items[k].marked || is_stopped(&l.items[k]))
                continue;
            running = true;
            TRY(proclist_signal(&l.items[k], SIGSTOP, NULL));
        }
        if (!running)
            return NULL;
        (void)usleep(TRY_USEC);
    }
    return ERR_NEW(ERR_TIMEOUT, "container %.12s: a process does not stop", s->plan.id);
}

static struct err *continue_all(struct server *s)
{
    AUTO_PROCLIST struct proclist l = {0};
    TRY(list_container(s, &l));
    for (size_t i = 0; i < l.count; i++)
        if (l.items[i].marked && !was_stopped(s, l.items[i].pid))
            TRY(proclist_signal(&l.items[i], SIGCONT, NULL));
    return NULL;
}

struct err *freeze_pause(struct server *s, bool *ret_signals)
{
    if (s->paused)
        return ERR_NEW(ERR_STATE, "container %.12s is already paused", s->plan.id);
    if (!s->container || !s->container->running || s->ending)
        return ERR_NEW(ERR_STATE, "container %.12s is not running", s->plan.id);
    bool frozen = false;
    if (s->cgroup)
        TRY(cgroup_freeze(s->cgroup, true, &frozen));
    if (!frozen) {
        struct err *e = stop_all(s);
        if (e) { /* all or none */
            err_drop(continue_all(s));
            freeze_forget(s);
            return e;
        }
    }
    s->paused = true;
    s->paused_by_signal = !frozen;
    *ret_signals = !frozen;
    life_publish(s, MONITOR_PHASE_PAUSED);
    return NULL;
}

struct err *freeze_resume(struct server *s)
{
    bool done;
    if (!s->paused)
        return ERR_NEW(ERR_STATE, "container %.12s is not paused", s->plan.id);
    TRY(s->paused_by_signal ? continue_all(s) : cgroup_freeze(s->cgroup, false, &done));
    freeze_forget(s);
    life_publish(s, MONITOR_PHASE_RUNNING);
    return NULL;
}
