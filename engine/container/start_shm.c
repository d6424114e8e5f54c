/* What goes with a namespace of another container: its /dev/shm with --ipc container:X, its /etc/hosts and
 * /etc/resolv.conf with --network container:X, attached in our monitor's mount namespace.
 *
 * A mount can only be cloned from within its own mount namespace and attached from within the target's, so a child
 * enters the one and then the other. It resolves "/dev/shm" in a root that the other container controls: without
 * following links. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
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

#define HOSTS_MAX ((size_t)1 << 20)

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

/* --- hosts and resolv.conf
 *
 * They are files in the other monitor's private directory, which that container cannot change the names in. What is
 * written into them later (its networks change) shows here as well. */

enum { SHARED_HOSTS, SHARED_RESOLV, SHARED_FILES };

struct files_move {
    int from_ns, to_ns;
    const char *paths[SHARED_FILES]; /* the same in both; NULL: not this one */
    int targets[SHARED_FILES];
};

static int move_files(const void *arg)
{
    const struct files_move *m = arg;
    int trees[SHARED_FILES];
    if (setns(m->from_ns, CLONE_NEWNS) < 0)
        return errno;
    for (int i = 0; i < SHARED_FILES; i++) {
        trees[i] = m->paths[i] ? (int)syscall(SYS_open_tree, AT_FDCWD, m->paths[i],
                                              OPEN_TREE_CLONE | O_CLOEXEC | AT_SYMLINK_NOFOLLOW)
                               : -1;
        if (trees[i] < 0 && m->paths[i] && errno != ENOENT) /* the other has none: ours stays */
            return errno;
    }
    if (setns(m->to_ns, CLONE_NEWNS) < 0)
        return errno;
    for (int i = 0; i < SHARED_FILES; i++)
        if (trees[i] >= 0 && syscall(SYS_move_mount, trees[i], "", m->targets[i], "",
                                     MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
            return errno;
    return 0;
}

/* Our own name goes into what is shared now, once. */
static struct err *add_own_name(const struct start *s)
{
    AUTO_FREE char *text = NULL, *line = NULL;
    struct err *err = file_read(s->private_fd, START_HOSTS, HOSTS_MAX, &text, NULL);
    if (err) {
        err_drop(err);
        return NULL;
    }
    TRY(mem_asprintf(&line, "127.0.0.1\t%s\n", s->c->name));
    if (strstr(text, line))
        return NULL;
    AUTO_FD int fd = openat(s->private_fd, START_HOSTS, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? ERR_SYS(errno, "open the pod's hosts file") : fd_write_all(fd, line, strlen(line));
}

static struct err *share_files(struct start *s, int from, int to)
{
    const struct container_spec *spec = &s->c->spec;
    bool own_resolv = spec->dns.count || spec->dns_search.count || spec->dns_option.count;
    struct files_move move = {from, to, {s->facts.hosts_path, own_resolv ? NULL : s->facts.resolv_path}, {-1, -1}};
    AUTO_FD int hosts = -1, resolv = -1;
    hosts = openat(s->private_fd, START_HOSTS, O_PATH | O_CLOEXEC);
    resolv = openat(s->private_fd, START_RESOLV, O_PATH | O_CLOEXEC);
    move.targets[SHARED_HOSTS] = hosts;
    move.targets[SHARED_RESOLV] = resolv;
    if (hosts < 0)
        move.paths[SHARED_HOSTS] = NULL;
    if (resolv < 0)
        move.paths[SHARED_RESOLV] = NULL;
    TRY(start_in_child("share the other container's hosts and resolv.conf", move_files, &move));
    return move.paths[SHARED_HOSTS] ? add_own_name(s) : NULL;
}

struct err *start_share_files(struct start *s, const char *other_id)
{
    struct monitor_namespaces ns = {-1, -1, -1};
    struct monitor *m = NULL;
    AUTO_FD int to = -1;
    if (!s->facts.hosts_path && !s->facts.resolv_path)
        return NULL;
    TRY(open_mntns(monitor_pid(s->monitor), &to));
    TRY(monitor_connect(engine_run_dir(s->e), other_id, &m));
    struct err *err = monitor_namespaces(m, &ns);
    if (!err)
        err = share_files(s, ns.mntns_fd, to);
    (void)fd_close(ns.mntns_fd);
    (void)fd_close(ns.root_fd);
    (void)fd_close(ns.pidfd);
    monitor_free(m);
    return err;
}
