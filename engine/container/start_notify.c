/* --sdnotify: what a service manager that runs `coracle run` hears. systemd believes the main process of a service
 * alone (NotifyAccess=main), which is this command until it has named the monitor: so it does that before the container
 * can say anything. Source: sd_notify(3), systemd.service(5). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/monitor/notify.h"

struct err *start_settle_notify(struct start *s)
{
    const char *mode = s->c->spec.sdnotify ? s->c->spec.sdnotify : "container", *socket = getenv("NOTIFY_SOCKET");
    if (!socket || !*socket || strcmp(mode, "ignore") == 0)
        return NULL;
    TRY(mem_strdup(socket, &s->plan.notify_socket));
    if (strcmp(mode, "container") == 0) {
        s->plan.notify = PLAN_NOTIFY_CONTAINER;
        return start_keep(s, &s->facts.notify_dir, "%s/" MONITOR_PRIVATE "/" NOTIFY_DIR, engine_run_dir(s->e));
    }
    s->plan.notify = strcmp(mode, "healthy") == 0 ? PLAN_NOTIFY_HEALTHY : PLAN_NOTIFY_STARTER;
    return NULL;
}

/* A manager that doesn't listen is a line in the log, as in Podman: the container runs all the same. */
static struct err *tell(const struct start *s, const char *more)
{
    AUTO_FREE char *text = NULL;
    TRY(mem_asprintf(&text, "MAINPID=%d\n%s", (int)monitor_pid(s->monitor), more));
    AUTO_ERR struct err *e = notify_send(s->plan.notify_socket, text, strlen(text));
    if (e)
        log_debug("%s", err_text(e));
    return NULL;
}

struct err *start_notify_pid(const struct start *s)
{
    return s->plan.notify_socket && s->plan.notify != PLAN_NOTIFY_STARTER ? tell(s, "") : NULL;
}

struct err *start_notify_ready(const struct start *s)
{
    return s->plan.notify_socket && s->plan.notify == PLAN_NOTIFY_STARTER ? tell(s, "READY=1\n") : NULL;
}
