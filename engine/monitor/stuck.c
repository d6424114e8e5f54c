/* A runtime that waits for ever. It starts the container's process by way of others of its own, which talk over sockets
 * that each of them holds both ends of: where one is killed (by the kernel's out-of-memory killer, by hand), the others
 * wait for a message that nobody will send. Its mark is a child that has ended and that the runtime, at work on
 * something else, doesn't reap. Seen with crun 1.8. */
#include "engine/monitor/launch.h"

#include <signal.h>

#include "base/proclist.h"

/* Between two looks, both of which must find it so; nothing that works takes as long. */
#define STUCK_LOOK_NSEC (1500 * SERVER_NSEC_PER_MSEC)

static struct err *has_zombie(pid_t pid, bool *ret)
{
    AUTO_PROCLIST struct proclist list = {0};
    TRY(proclist_read(&list));
    *ret = false;
    for (size_t i = 0; i < list.count && !*ret; i++)
        *ret = list.items[i].ppid == pid && list.items[i].state == 'Z';
    return NULL;
}

static struct err *look(struct loop_source *src, void *arg)
{
    struct launch *l = arg;
    bool zombie = false;
    (void)src;
    err_drop(has_zombie(l->runtime.pid, &zombie));
    if (zombie && l->suspect) {
        l->stuck = true;
        (void)kill(l->runtime.pid, SIGKILL); /* our child, not reaped yet */
    }
    l->suspect = zombie;
    return NULL;
}

struct err *launch_watch(struct launch *l)
{
    return loop_add_timer(l->server->loop, STUCK_LOOK_NSEC, STUCK_LOOK_NSEC, look, l, &l->watch_src);
}
