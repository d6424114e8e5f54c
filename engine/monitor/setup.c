/* From a fresh process to a mounted root, and back.
 *
 * The mount namespace is a slave of the one we come from: what the user mounts or unmounts later shows here too, so
 * that a running container does not pin a disk that is being unmounted, while nothing that we mount shows there.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/path.h"
#include "engine/monitor/cgroup.h"
#include "engine/monitor/early.h"
#include "engine/monitor/health.h"
#include "engine/monitor/ids.h"
#include "engine/monitor/job.h"
#include "engine/monitor/launch.h"
#include "engine/monitor/life.h"
#include "engine/monitor/network.h"
#include "engine/monitor/notify.h"
#include "engine/monitor/peer.h"
#include "engine/monitor/record.h"
#include "engine/monitor/scope.h"
#include "engine/monitor/server.h"
#include "engine/monitor/spawnfd.h"
#include "engine/storage/storage.h"

#define ALONE_TRIES 3000 /* a killed process may take a while to go; three seconds at most */
#define ALONE_WAIT_USEC 1000

void server_init(struct server *s)
{
    s->session_mntns_fd = s->private_fd = s->root_fd = s->oom_fd = s->holder_fd = s->listen_fd = -1;
    s->early_fd = s->sealed_fd = s->notify_fd = -1;
    s->lock = (struct lockfile)LOCKFILE_INIT;
    s->cgroup_manager = "disabled";
}

static struct err *separate(struct server *s)
{
    s->session_mntns_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (s->session_mntns_fd < 0)
        return ERR_SYS(errno, "open the session's mount namespace");
    if (unshare(CLONE_NEWNS) < 0)
        return ERR_SYS(errno, "make a mount namespace");
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return ERR_SYS(errno, "separate the mount namespace");
    return NULL;
}

/* <run_dir>/m: the runtime's own state, its logs, pid files and sockets. Nobody else sees it, and it is gone with us.
 */
static struct err *mount_private(struct server *s)
{
    TRY(path_join(&s->private_path, s->plan.run_dir, MONITOR_PRIVATE));
    if (mkdir(s->private_path, 0700) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "create %s", s->private_path);
    if (mount("coracle", s->private_path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0)
        return ERR_SYS(errno, "mount a tmpfs on %s", s->private_path);
    return file_open_dir(AT_FDCWD, s->private_path, &s->private_fd);
}

static struct err *mount_one(const struct server *s, const struct plan_mount *p, const char *name)
{
    AUTO_FREE char *target = NULL;
    struct storage_mount m;
    plan_mount_get(p, &m);
    TRY(path_join(&target, s->plan.run_dir, name));
    TRY(file_mkdirs(target, 0755));
    return storage_mount(&m, target);
}

static struct err *mount_all(struct server *s)
{
    AUTO_FREE char *root = NULL;
    char name[32];
    TRY_WRAP(mount_one(s, &s->plan.root, MONITOR_ROOTFS), "mount the root file system");
    for (size_t i = 0; i < s->plan.n_mounts; i++) {
        (void)snprintf(name, sizeof(name), MONITOR_MOUNTS "/%zu", i);
        TRY_WRAP(mount_one(s, &s->plan.mounts[i], name), "mount %s",
                 s->plan.mounts[i].rootfs ? s->plan.mounts[i].rootfs : "an image");
    }
    TRY(path_join(&root, s->plan.run_dir, MONITOR_ROOTFS));
    s->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return s->root_fd < 0 ? ERR_SYS(errno, "open %s", root) : NULL;
}

bool server_is_passthrough(const struct server *s)
{
    return s->plan.log_driver && strcmp(s->plan.log_driver, "passthrough") == 0;
}

/* What we were given at birth must not slip into the exit command; into the runtime nothing slips anyhow. The session's
 * lock should: the exit command belongs to the session. */
static void mark_cloexec(const struct server *s)
{
    for (int fd = SPAWN_FD_CONTROL; fd < SPAWN_FD_PRESERVE + (int)s->plan.preserve_fds; fd++) {
        if (fd != SPAWN_FD_SESSION_LOCK)
            err_drop(fd_set_cloexec(fd, true));
    }
}

static struct err *on_signal(struct loop_source *src, const struct signalfd_siginfo *info, void *arg)
{
    struct server *s = arg;
    (void)src;
    return info->ssi_signo == SIGCHLD ? reap_children(s) : life_terminate(s);
}

static struct err *watch_signals(struct server *s)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    return loop_add_signals(s->loop, &set, on_signal, s, NULL);
}

/* The lock that means "running", a place of our own, and a runtime that loads: all that needs the early part alone. */
static struct err *settle_early(struct server *s)
{
    TRY(lockfile_take(s->plan.run_dir, s->plan.id, &s->lock));
    life_publish(s, MONITOR_PHASE_STARTING);
    scope_enter(s);
    TRY(network_start(s)); /* takes longest, so it is first */
    TRY(mount_private(s));
    early_start(s);
    return NULL;
}

/* The whole plan in place of the early part. */
static struct err *settle_plan(struct server *s, struct monitor_plan *p)
{
    bool again = s->private_fd >= 0;
    if (again && (strcmp(p->id, s->plan.id) != 0 || strcmp(p->run_dir, s->plan.run_dir) != 0))
        return ERR_NEW(ERR_CORRUPT, "the plan is another container's than its early part");
    bool same_place = again && strcmp(p->cgroup_manager ? p->cgroup_manager : "", s->plan.cgroup_manager) == 0;
    s->early_useless = again && !plan_matches_early(p, &s->plan);
    if (s->early_useless)
        s->sealed_fd = fd_close(s->sealed_fd); /* it may be another runtime's */
    plan_done(&s->plan);
    s->plan = *p;
    *p = (struct monitor_plan){0};
    if (again && !same_place)
        scope_enter(s);
    if (!s->plan.network) /* it was begun before the image was known */
        network_end(s);
    if (!again)
        TRY(settle_early(s));
    return network_bind(s); /* with the lock: no other monitor of this container has its ports */
}

/* One of the messages that come before the loop; the plan is the last. */
static struct err *receive_one(struct server *s, int control_fd, bool *ret_last)
{
    AUTO_MSG struct msg m = MSG_INIT;
    AUTO_PLAN struct monitor_plan p = {0};
    bool eof = false;
    TRY(msg_recv(control_fd, &m, &eof));
    *ret_last = !eof && m.type == MONITOR_PLAN;
    if (*ret_last) {
        TRY_WRAP(plan_decode(m.data, m.len, &p), "plan of a container");
        return settle_plan(s, &p);
    }
    if (!eof && m.type == MONITOR_NETWORK) {
        TRY(network_begin(s, &m));
        return s->private_fd >= 0 ? network_start(s) : NULL; /* else once we are settled */
    }
    if (!eof && m.type == MONITOR_JOIN) {
        TRY(network_join(s, &m));
        return s->private_fd >= 0 ? network_start(s) : NULL;
    }
    if (!eof && m.type == MONITOR_PUBLISH)
        return network_publish(s, &m);
    if (eof || m.type != MONITOR_EARLY || s->private_fd >= 0)
        return ERR_NEW(ERR_CORRUPT, "no plan came first");
    TRY_WRAP(plan_decode_early(m.data, m.len, &s->plan), "plan of a container");
    return settle_early(s);
}

static struct err *receive_plan(struct server *s, int control_fd)
{
    bool last = false;
    while (!last)
        TRY(receive_one(s, control_fd, &last));
    return NULL;
}

struct err *server_setup(struct server *s, int control_fd)
{
    /* Before the plan is there: a spare monitor does this much while its client still works the plan out. */
    TRY(separate(s));
    TRY(cgroup_make_unified());
    TRY(loop_new(&s->loop));
    TRY(watch_signals(s));
    TRY(receive_plan(s, control_fd));
    mark_cloexec(s);
    TRY(mount_all(s));
    TRY(notify_listen(s));
    TRY(ids_start(s));
    const int fds[] = {s->root_fd, s->private_fd};
    return msg_send(control_fd, MONITOR_MOUNTED, NULL, 0, fds, 2);
}

/* In the order in which they were mounted, backwards. What is busy goes when its last user does. */
void server_unmount(struct server *s)
{
    AUTO_FREE char *root = NULL;
    ids_end(s); /* it has files of the container open */
    s->root_fd = fd_close(s->root_fd);
    if (!s->private_path)
        return; /* it didn't come to that */
    for (size_t i = s->plan.n_mounts; i > 0; i--) {
        char name[48];
        AUTO_FREE char *path = NULL;
        (void)snprintf(name, sizeof(name), MONITOR_MOUNTS "/%zu", i - 1);
        struct err *e = path_join(&path, s->plan.run_dir, name);
        if (!e)
            (void)umount2(path, MNT_DETACH);
        err_drop(e);
    }
    struct err *e = path_join(&root, s->plan.run_dir, MONITOR_ROOTFS);
    if (!e)
        (void)umount2(root, MNT_DETACH);
    err_drop(e);
}

/* While the client writes config.json. */
static struct err *prepare(struct server *s)
{
    if (!s->plan.auto_remove)
        err_drop(record_remove(s->plan.container_dir));
    TRY(ctlog_open(&s->plan, &s->log));
    TRY(peer_listen(s));
    holder_connect(s);
    return NULL;
}

struct err *server_run(struct server *s, int control_fd)
{
    TRY(peer_add(s, control_fd, &s->control));
    struct err *e = prepare(s);
    if (!e)
        e = loop_run(s->loop);
    if (e)
        life_publish(s, MONITOR_PHASE_EXITED);
    if (e && s->control) {
        peer_send_error(s->control, e);
        e = NULL;
    }
    return e;
}

/* Nobody is left who could look after them. */
static void kill_all(struct server *s)
{
    if (s->container)
        err_drop(job_signal(s->container, SIGKILL));
    for (struct launch *l = s->launches; l; l = l->next)
        err_drop(proc_signal(&l->runtime, SIGKILL));
    reap_kill_rest(s);
}

/* A runtime that was killed halfway leaves processes that may be about to fork: look again until there is nobody. */
static void kill_until_alone(struct server *s)
{
    for (int i = 0; i < ALONE_TRIES && !reap_is_alone(s); i++) {
        reap_kill_rest(s);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        if (!reap_is_alone(s))
            (void)usleep(ALONE_WAIT_USEC);
    }
}

void server_done(struct server *s)
{
    network_end(s);
    kill_all(s);
    ids_end(s);
    peer_unlisten(s);
    peer_free_all(s);
    while (s->launches)
        launch_free(s->launches);
    while (s->jobs)
        job_free(s->jobs);
    kill_until_alone(s);
    if (!s->unmounted)
        server_unmount(s);
    health_free(s);
    notify_close(s);
    ctlog_close(s->log);
    if (s->erase)
        err_drop(file_remove_tree(AT_FDCWD, s->plan.container_dir)); /* what is left is swept by a later command */
    loop_free(s->loop);
    fd_close(s->early_fd);
    fd_close(s->sealed_fd);
    fd_close(s->holder_fd);
    fd_close(s->oom_fd);
    fd_close(s->private_fd);
    lockfile_release(&s->lock);
    mem_freep(&s->hubs);
}

/* It enters the session anew, from within; our mount namespace goes with this process image's descriptors and cwd. */
void server_exec_exit_command(struct server *s)
{
    if (!s->ending || s->cleaned || !s->plan.exit_command.count)
        return;
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (setns(s->session_mntns_fd, CLONE_NEWNS) == 0 && chdir("/") == 0)
        (void)execv(s->plan.exit_command.items[0], s->plan.exit_command.items);
}
