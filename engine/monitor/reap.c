/* SIGCHLD: children are the runtimes that we start, and, since we are a subreaper, everything that they leave: the
 * container's process, those of exec, and whatever a container without a pid namespace puts into the background. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/proc.h"
#include "base/strv.h"
#include "engine/monitor/ids.h"
#include "engine/monitor/job.h"
#include "engine/monitor/join.h"
#include "engine/monitor/life.h"
#include "engine/monitor/network.h"

#define REAP_CHILDREN_MAX ((size_t)1 << 20)

/* A stranger that ends while a runtime is at work may be the process which that runtime is about to announce. */
static void remember(struct server *s, pid_t pid, int status)
{
    if (!s->launches)
        return;
    if (s->n_orphans == SERVER_ORPHANS_MAX) {
        memmove(s->orphans, s->orphans + 1, sizeof(s->orphans) - sizeof(s->orphans[0]));
        s->n_orphans--;
    }
    s->orphans[s->n_orphans++] = (struct orphan){pid, status};
}

bool reap_was_orphan(struct server *s, pid_t pid, int *ret_status)
{
    for (unsigned i = 0; i < s->n_orphans; i++) {
        if (s->orphans[i].pid != pid)
            continue;
        *ret_status = s->orphans[i].status;
        memmove(s->orphans + i, s->orphans + i + 1, (s->n_orphans - i - 1) * sizeof(s->orphans[0]));
        s->n_orphans--;
        return true;
    }
    return false;
}

static struct err *reaped(struct server *s, pid_t pid, int status)
{
    join_forget_hub(s, pid);
    if (pid == s->ids_pid) {
        ids_ended(s);
        return NULL;
    }
    for (struct launch *l = s->launches; l; l = l->next) {
        if (l->runtime.pid == pid)
            return launch_ended(l, status);
    }
    for (struct job *j = s->jobs; j; j = j->next) {
        if (j->running && j->pid == pid) {
            job_ended(j, status);
            return NULL;
        }
    }
    remember(s, pid, status);
    return NULL;
}

struct err *reap_children(struct server *s)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            break;
        TRY(reaped(s, pid, status));
    }
    if (!s->launches)
        s->n_orphans = 0;
    life_check_end(s);
    return NULL;
}

/* Pids of our children, from proc(5); empty where the kernel doesn't list them (CONFIG_PROC_CHILDREN). */
static struct err *list_children(struct strv *ret)
{
    AUTO_FREE char *text = NULL;
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    TRY(fd_read_all(fd, REAP_CHILDREN_MAX, &text, NULL));
    return strv_split(text, ' ', ret);
}

static bool is_runtime(const struct server *s, pid_t pid)
{
    for (const struct launch *l = s->launches; l; l = l->next) {
        if (l->runtime.pid == pid)
            return true;
    }
    return false;
}

/* Children of ours that are none of the container's, and stay beside it. */
static bool is_service(const struct server *s, pid_t pid)
{
    return network_is_child(s, pid) || holder_is_child(pid) || (pid > 0 && pid == s->ids_pid);
}

bool reap_is_helper(const struct server *s, pid_t pid)
{
    return is_runtime(s, pid) || is_service(s, pid);
}

static bool next_child(const struct strv *names, size_t *at, pid_t *ret)
{
    while (*at < names->count) {
        int64_t pid = 0;
        struct err *e = number_parse_i64(names->items[(*at)++], 2, INT32_MAX, &pid);
        bool ok = !e;
        err_drop(e);
        *ret = (pid_t)pid;
        if (ok)
            return true;
    }
    return false;
}

bool reap_is_alone(const struct server *s)
{
    AUTO_STRV struct strv names = STRV_INIT;
    siginfo_t si;
    pid_t pid;
    if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD)
        return true;
    err_drop(list_children(&names));
    for (size_t at = 0; next_child(&names, &at, &pid);) {
        if (!is_service(s, pid))
            return false;
    }
    return true;
}

/* A child's number is its own until we reap it, so no pidfd is needed. */
void reap_kill_rest(struct server *s)
{
    AUTO_STRV struct strv names = STRV_INIT;
    pid_t pid;
    if (reap_is_alone(s))
        return;
    err_drop(list_children(&names));
    for (size_t at = 0; next_child(&names, &at, &pid);) {
        if (!reap_is_helper(s, pid))
            (void)kill(pid, SIGKILL);
    }
}
