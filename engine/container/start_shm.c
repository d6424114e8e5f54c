/* --ipc container:X: the other container's /dev/shm, attached in our monitor's mount namespace.
 *
 * A mount can only be cloned from within its own mount namespace and attached from within the target's, so a child
 * enters the one and then the other. It resolves "/dev/shm" in a root that the other container controls: without
 * following links. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/container/start.h"
#include "engine/engine.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#define MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#define MOVE_MOUNT_T_EMPTY_PATH 0x00000040
#endif

struct shm_move {
    int from_ns, to_ns, target;
};

static int move_shm(const void *arg)
{
    const struct shm_move *m = arg;
    const struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    if (setns(m->from_ns, CLONE_NEWNS) < 0)
        return errno;
    int dir = (int)syscall(SYS_openat2, AT_FDCWD, "/dev/shm", &how, sizeof(how));
    if (dir < 0)
        return errno;
    int tree = (int)syscall(SYS_open_tree, dir, "", OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH);
    if (tree < 0 || setns(m->to_ns, CLONE_NEWNS) < 0)
        return errno;
    if (syscall(SYS_move_mount, tree, "", m->target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return errno;
    return 0;
}

struct err *start_in_child(const char *what, int (*fn)(const void *arg), const void *arg)
{
    int status;
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYS(errno, "%s", what);
    if (pid == 0)
        _exit(fn(arg));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return ERR_SYS(errno, "%s", what);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
    return code ? ERR_SYS(code, "%s", what) : NULL;
}

static struct err *open_mntns(pid_t pid, int *ret)
{
    char path[48];
    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
    *ret = open(path, O_RDONLY | O_CLOEXEC);
    return *ret < 0 ? ERR_SYS(errno, "open %s", path) : NULL;
}

struct err *start_share_shm(struct start *s, pid_t other)
{
    AUTO_FD int from = -1, to = -1, target = -1;
    if (mkdirat(s->private_fd, "shm", 0700) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "create a mount point for /dev/shm");
    TRY(file_open_dir(s->private_fd, "shm", &target));
    TRY(open_mntns(other, &from));
    TRY(open_mntns(monitor_pid(s->monitor), &to));
    const struct shm_move move = {from, to, target};
    TRY(start_in_child("share the other container's /dev/shm", move_shm, &move));
    return start_keep(s, &s->facts.shm_path, "%s/" MONITOR_PRIVATE "/shm", engine_run_dir(s->e));
}
