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

/* In the child: only system calls. The exit status is the errno. */
static int move_shm(int from_ns, int to_ns, int target)
{
    const struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    if (setns(from_ns, CLONE_NEWNS) < 0)
        return errno;
    int dir = (int)syscall(SYS_openat2, AT_FDCWD, "/dev/shm", &how, sizeof(how));
    if (dir < 0)
        return errno;
    int tree = (int)syscall(SYS_open_tree, dir, "", OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH);
    if (tree < 0 || setns(to_ns, CLONE_NEWNS) < 0)
        return errno;
    if (syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return errno;
    return 0;
}

static struct err *in_child(int from_ns, int to_ns, int target)
{
    int status;
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYS(errno, "share /dev/shm");
    if (pid == 0)
        _exit(move_shm(from_ns, to_ns, target));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return ERR_SYS(errno, "share /dev/shm");
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
    return code ? ERR_SYS(code, "share the other container's /dev/shm") : NULL;
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
    TRY(in_child(from, to, target));
    return start_keep(s, &s->facts.shm_path, "%s/" MONITOR_PRIVATE "/shm", engine_run_dir(s->e));
}
