#include "base/proclist.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"

#define PROCLIST_MAX ((size_t)1 << 22) /* the kernel's PID_MAX_LIMIT */
#define STAT_MAX 1024

void proclist_done(struct proclist *l)
{
    mem_freep(&l->items);
    *l = (struct proclist){0};
}

/* "PID (COMM) STATE PPID …": a name may hold anything, so the last parenthesis ends it. Field numbers are proc(5)'s. */
struct err *proclist_parse(const char *stat, struct proclist_item *ret)
{
    struct proclist_item p = {0};
    const char *open = strchr(stat, '('), *close = strrchr(stat, ')');
    int pid = 0, ppid = 0, pgrp = 0;
    uint64_t rss = 0;
    int64_t waited_user = 0, waited_system = 0; /* cutime and cstime are signed */
    if (!open || !close || close < open || sscanf(stat, "%d ", &pid) != 1)
        return ERR_NEW(ERR_CORRUPT, "process status that cannot be read");
    (void)snprintf(p.comm, sizeof(p.comm), "%.*s", (int)(close - open - 1), open + 1);
    int n = sscanf(close + 1,
                   " %c %d %d %*d %d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNd64
                   " %*d %" SCNd64 " %" SCNd64 " %*d %" SCNu64 " %" SCNu64 " %" SCNu64,
                   &p.state, &ppid, &pgrp, &p.tty, &p.user_ticks, &p.system_ticks, &waited_user, &waited_system,
                   &p.nice, &p.threads, &p.start_ticks, &p.virtual_bytes, &rss);
    if (n != 13)
        return ERR_NEW(ERR_CORRUPT, "process status that cannot be read");
    p.pid = pid;
    p.ppid = ppid;
    p.pgrp = pgrp;
    p.waited_ticks = (uint64_t)(waited_user + waited_system);
    p.resident_bytes = rss * (uint64_t)sysconf(_SC_PAGESIZE);
    *ret = p;
    return NULL;
}

/* False: it has gone. */
static bool read_one(int proc_fd, const char *pid, struct proclist_item *ret)
{
    char path[300], text[STAT_MAX];
    (void)snprintf(path, sizeof(path), "%s/stat", pid);
    AUTO_FD int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    struct err *e = proclist_parse(text, ret);
    bool ok = !e;
    err_drop(e);
    return ok;
}

static int by_pid(const void *a, const void *b)
{
    const struct proclist_item *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

struct err *proclist_read(struct proclist *ret)
{
    AUTO_PROCLIST struct proclist l = {0};
    DIR *dir = opendir("/proc");
    struct err *e = NULL;
    if (!dir)
        return ERR_SYS(errno, "read /proc");
    for (struct dirent *de; !e && (de = readdir(dir));) {
        if (!isdigit((unsigned char)de->d_name[0]))
            continue;
        e = mem_grow(&l.items, l.count, &l.cap, sizeof(*l.items), PROCLIST_MAX);
        if (!e && read_one(dirfd(dir), de->d_name, &l.items[l.count]))
            l.count++;
    }
    closedir(dir);
    TRY(e);
    if (l.count)
        qsort(l.items, l.count, sizeof(*l.items), by_pid);
    *ret = l;
    l = (struct proclist){0};
    return NULL;
}

struct proclist_item *proclist_find(const struct proclist *l, pid_t pid)
{
    const struct proclist_item key = {.pid = pid};
    return l->count ? bsearch(&key, l->items, l->count, sizeof(*l->items), by_pid) : NULL;
}

/* Numbers wrap around, so a child may come before its parent: until nothing changes. */
void proclist_mark_descendants(struct proclist *l)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < l->count; i++) {
            struct proclist_item *p = &l->items[i];
            const struct proclist_item *parent = p->marked ? NULL : proclist_find(l, p->ppid);
            if (!parent || !parent->marked)
                continue;
            p->marked = true;
            changed = true;
        }
    }
}

/* The pidfd is for who has the number now; the time of its start tells whether that is still the same. */
struct err *proclist_signal(const struct proclist_item *p, int sig, bool *ret_sent)
{
    AUTO_FD int pidfd = -1, proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct proclist_item now;
    char pid[16];
    if (ret_sent)
        *ret_sent = false;
    (void)snprintf(pid, sizeof(pid), "%d", (int)p->pid);
    struct err *e = proc_pidfd_open(p->pid, &pidfd);
    if (e && err_errno(e) == ESRCH) {
        err_drop(e);
        return NULL;
    }
    TRY(e);
    if (proc_fd < 0 || !read_one(proc_fd, pid, &now) || now.start_ticks != p->start_ticks)
        return NULL;
    if (proc_pidfd_signal(pidfd, sig) < 0)
        return errno == ESRCH ? NULL : ERR_SYS(errno, "send signal %d to process %s", sig, pid);
    if (ret_sent)
        *ret_sent = true;
    return NULL;
}
