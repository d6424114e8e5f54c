/* coracle-monitor: one for each running container. Started by client_start.c alone; see server.h. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/msg.h"
#include "engine/monitor/life.h"
#include "engine/monitor/record.h"
#include "engine/monitor/server.h"
#include "engine/monitor/spawnfd.h"

static struct server server; /* zero, so that its buffer costs nothing before it is used */

static void report(struct err *take_e)
{
    err_drop(msg_send_error(SPAWN_FD_CONTROL, MONITOR_FAILED, take_e));
    err_drop(take_e);
}

int main(void)
{
    fault_from_env();
    server_init(&server);
    (void)signal(SIGPIPE, SIG_IGN);
    fd_survive_size_limit();
    (void)umask(022);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct err *e = server_setup(&server, SPAWN_FD_CONTROL);
    if (e) {
        if (server.lock.lock_fd >= 0)
            life_publish(&server, MONITOR_PHASE_EXITED);
        report(e);
    } else {
        err_drop(server_run(&server, SPAWN_FD_CONTROL));
    }
    /* --rm and nobody there: the exit command finds the exit in the record. */
    if (server.ending && server.plan.auto_remove && !server.cleaned)
        err_drop(record_write(server.plan.container_dir, &server.state.last, server.error));
    server_done(&server);
    server_exec_exit_command(&server);
    return server.ending ? EXIT_SUCCESS : EXIT_FAILURE;
}
