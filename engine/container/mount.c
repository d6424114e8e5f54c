/* Root file systems of containers as directories in the session, for `mount`.
 *
 * Counted (engine/storage/counted.h) in <run_dir>/mounted/<id>/. There is one mount of an upper directory at a time:
 * what runs is bound from its monitor's namespace; what is mounted here first is bound by the monitor when it is
 * started (start_root.c). Volumes are not part of it, as in Podman.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/container/container.h"
#include "engine/container/internal.h"
#include "engine/engine.h"
#include "engine/monitor/client.h"
#include "engine/storage/counted.h"
#include "engine/storage/storage.h"
#include "rootless/session.h"

#define BORROWED ".borrowed" /* beside the directory: FUSE, bound from a monitor */

struct mounting {
    struct engine *e;
    struct container *c;
};

static struct err *entry_path(struct engine *e, const char *id, char **ret)
{
    return mem_asprintf(ret, "%s/mounted/%s", engine_run_dir(e), id);
}

static struct err *mark_borrowed(const struct mounting *m, const char *target)
{
    AUTO_FREE char *dir = NULL, *mark = NULL;
    struct statfs fs;
    if (statfs(target, &fs) < 0 || fs.f_type != FUSE_SUPER_MAGIC)
        return NULL;
    TRY(entry_path(m->e, m->c->id, &dir));
    TRY(mem_asprintf(&mark, "%s" BORROWED, dir));
    AUTO_FD int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? ERR_SYS(errno, "create %s", mark) : NULL;
}

static struct err *mount_live(struct mounting *m, const char *target)
{
    struct monitor *monitor = NULL;
    struct monitor_namespaces ns = {-1, -1, -1};
    TRY(monitor_connect(engine_run_dir(m->e), m->c->id, &monitor));
    struct err *err = monitor_namespaces(monitor, &ns);
    monitor_free(monitor);
    TRY(err);
    AUTO_FD int mntns = ns.mntns_fd, root = ns.root_fd, pidfd = ns.pidfd;
    (void)pidfd;
    TRY(storage_bind_from(mntns, root, target));
    return mark_borrowed(m, target);
}

static struct err *mount_plan(struct engine *e, const struct plan_mount *plan, const char *target)
{
    AUTO_FD int watch = -1;
    struct storage_mount s;
    TRY(session_watch(engine_session(e), &watch));
    plan_mount_get(plan, &s);
    s.watch_fd = watch;
    s.is_volatile = false;
    return storage_mount(&s, target);
}

static struct err *mount_stopped(struct mounting *m, const char *target)
{
    struct plan_mount plan = {0};
    TRY(container_plan_root(m->e, m->c, &plan));
    struct err *err = mount_plan(m->e, &plan, target);
    plan_mount_done(&plan);
    return err;
}

static struct err *mount_root(void *arg, const char *target)
{
    struct mounting *m = arg;
    return container_is_live(m->c) ? mount_live(m, target) : mount_stopped(m, target);
}

/* coracle-overlay leaves with the monitor that it belongs to, and what was bound from there is dead then. */
static struct err *drop_dead(struct engine *e, const struct container *c, const char *dir)
{
    AUTO_FREE char *mark = NULL;
    bool was;
    TRY(mem_asprintf(&mark, "%s" BORROWED, dir));
    return !container_is_live(c) && access(mark, F_OK) == 0 ? container_unmount(e, c->id, true, &was) : NULL;
}

static struct err *mount_locked(struct mounting *m, char **ret_path)
{
    AUTO_FREE char *dir = NULL;
    TRY(entry_path(m->e, m->c->id, &dir));
    TRY(drop_dead(m->e, m->c, dir));
    TRY_WRAP(counted_mount(dir, mount_root, m, ret_path), "mounting container %s", m->c->name);
    return container_event_alone(m->e, m->c, "mount");
}

struct err *container_mount(struct engine *e, struct container *c, char **ret_path)
{
    struct mounting m = {e, c};
    AUTO_FD int lock = -1;
    if (container_is_live(c))
        return mount_locked(&m, ret_path);
    TRY(container_lock_wait(e, c->id, &lock));
    struct err *err = container_settle(e, c);
    if (!err && c->gone)
        err = container_not_found(c->name);
    if (!err && !container_is_live(c))
        err = container_wait_monitor(e, c);
    if (!err)
        err = mount_locked(&m, ret_path);
    container_unlock(e, c->id, TAKE_FD(lock));
    return err;
}

struct err *container_unmount(struct engine *e, const char *id, bool force, bool *ret_was)
{
    AUTO_FREE char *dir = NULL;
    AUTO_FREE char *mark = NULL, *path = NULL;
    TRY(entry_path(e, id, &dir));
    TRY(counted_unmount(dir, force, ret_was));
    if (!*ret_was)
        return NULL;
    TRY(counted_path(dir, &path));
    TRY(mem_asprintf(&mark, "%s" BORROWED, dir));
    if (!path)
        (void)unlink(mark);
    return NULL;
}

struct err *container_unmount_user(struct engine *e, const struct container *c, bool force, bool *ret_was)
{
    TRY(container_unmount(e, c->id, force, ret_was));
    return *ret_was ? container_event_alone(e, c, "unmount") : NULL;
}

struct err *container_mount_path(struct engine *e, const struct container *c, char **ret)
{
    AUTO_FREE char *dir = NULL;
    TRY(entry_path(e, c->id, &dir));
    TRY(drop_dead(e, c, dir));
    return counted_path(dir, ret);
}
