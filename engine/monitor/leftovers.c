/* What a killed monitor leaves: maybe processes, a directory in run_dir, maybe a cgroup.
 *
 * Its mounts and the runtime's state are gone with its mount namespace, and the session's holder kills a registered
 * container. What remains is the moment between the runtime's work and the registration, and processes of containers
 * without a pid namespace. They are found by what nobody can take away from them: their mount namespace contains the
 * container's root or files, whose paths contain the container's 64-digit id.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/proc.h"
#include "engine/monitor/cgroup.h"
#include "engine/monitor/client.h"
#include "engine/monitor/lockfile.h"

#define LEFTOVERS_MOUNTS_MAX ((size_t)4 << 20)
#define LEFTOVERS_ROUNDS 20 /* processes may fork while we look */

struct err *monitor_peek(const char *run_dir, const char *id, struct monitor_state *ret)
{
    AUTO_FD int dir = -1;
    struct err *e = lockfile_open_dir(run_dir, id, &dir);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        *ret = (struct monitor_state){.phase = MONITOR_PHASE_NONE};
        return NULL;
    }
    TRY(e);
    return lockfile_peek(dir, ret);
}

/* Does a process live in a mount namespace that is not ours and shows the container? */
static bool belongs_to(int pid, const char *id, const struct stat *our_ns)
{
    char path[48];
    struct stat ns;
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
    if (stat(path, &ns) < 0 || (ns.st_ino == our_ns->st_ino && ns.st_dev == our_ns->st_dev))
        return false;
    (void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO_FREE char *text = NULL;
    if (fd < 0)
        return false;
    struct err *e = fd_read_all(fd, LEFTOVERS_MOUNTS_MAX, &text, NULL);
    bool found = !e && strstr(text, id);
    err_drop(e);
    return found;
}

/* The pidfd is opened before the look, so that it is the process looked at that is killed. */
static bool kill_if_left(int pid, const char *id, const struct stat *our_ns)
{
    struct proc p = {.pid = pid, .pidfd = -1};
    struct err *e = proc_pidfd_open(pid, &p.pidfd);
    bool found = !e && belongs_to(pid, id, our_ns);
    if (found)
        e = proc_signal(&p, SIGKILL);
    err_drop(e);
    fd_close(p.pidfd);
    return found;
}

static unsigned kill_round(const char *id)
{
    struct stat our_ns;
    unsigned killed = 0;
    DIR *proc = opendir("/proc");
    if (!proc || stat("/proc/self/ns/mnt", &our_ns) < 0) {
        if (proc)
            closedir(proc);
        return 0;
    }
    for (struct dirent *de; (de = readdir(proc));) {
        int64_t pid = 0;
        struct err *e = number_parse_i64(de->d_name, 2, INT32_MAX, &pid);
        if (!e)
            killed += kill_if_left((int)pid, id, &our_ns);
        err_drop(e);
    }
    closedir(proc);
    return killed;
}

static void remove_cgroup(int dir)
{
    AUTO_FREE char *path = NULL;
    struct err *e = file_read(dir, LOCKFILE_CGROUP, 4096, &path, NULL);
    if (!e)
        cgroup_remove(path);
    err_drop(e);
}

struct err *monitor_clear_leftovers(const char *run_dir, const char *id)
{
    struct lockfile l = LOCKFILE_INIT;
    struct monitor_state st;
    AUTO_FD int dir = -1;
    struct err *e = lockfile_open_dir(run_dir, id, &dir);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return NULL;
    }
    TRY(e);
    TRY(lockfile_peek(dir, &st));
    if (st.phase != MONITOR_PHASE_NONE)
        return ERR_NEW(ERR_STATE, "container %.12s is running", id);
    TRY(lockfile_take(run_dir, id, &l));
    for (unsigned i = 0; i < LEFTOVERS_ROUNDS && kill_round(id); i++)
        (void)usleep(2000);
    remove_cgroup(l.dir_fd);
    lockfile_release(&l);
    return NULL;
}
