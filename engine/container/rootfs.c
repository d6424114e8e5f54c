/* A stopped container is mounted just as its monitor would do it (start_plan_root, start_settle_mounts), at the same
 * paths below <run_dir>/m. Several in one process lie above each other; they are known by descriptor only. */
#include "engine/container/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/container/internal.h"
#include "engine/container/start.h"
#include "engine/container/user.h"
#include "engine/engine.h"
#include "engine/image/mount.h"
#include "engine/monitor/client.h"
#include "engine/storage/storage.h"
#include "rootless/session.h"

/* For five seconds. */
#define ROOT_TRIES 250
#define ROOT_TRY_USEC 20000

void container_root_done(struct container_root *r)
{
    r->fd = fd_close(r->fd);
    r->upper_fd = fd_close(r->upper_fd);
    strv_done(&r->layer_dirs);
    idmap_done(&r->uids);
    idmap_done(&r->gids);
    mem_freep(&r->user);
    mem_freep(&r->driver);
    if (r->locked)
        container_unlock(r->engine, r->locked->id, TAKE_FD(r->locked->lock_fd));
    r->locked = NULL;
}

/* --- running */

/* What the container's process has as "/". The number names that process for as long as the pidfd says that it lives,
 * which is asked afterwards. */
static struct err *open_process_root(const struct container *c, int pidfd, int *ret)
{
    char path[64];
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    if (pidfd < 0 || c->host_pid <= 0)
        return ERR_NEW(ERR_STATE, "container %s is just being restarted", c->name);
    (void)snprintf(path, sizeof(path), "/proc/%d/root", (int)c->host_pid);
    AUTO_FD int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int errnum = errno;
    if (poll(&p, 1, 0) != 0 || (fd < 0 && errnum == ENOENT)) /* the latter: a process without memory any more */
        return ERR_NEW(ERR_STATE, "container %s has just ended", c->name);
    if (fd < 0)
        return ERR_SYS(errnum, "open the root of container %s", c->name);
    *ret = TAKE_FD(fd);
    return NULL;
}

static struct err *open_live(struct engine *e, struct container *c, enum container_root_part part,
                             struct container_root *r)
{
    struct monitor *m = NULL;
    struct monitor_namespaces ns = {-1, -1, -1};
    TRY(monitor_connect(engine_run_dir(e), c->id, &m));
    struct err *err = monitor_namespaces(m, &ns);
    monitor_free(m);
    TRY(err);
    fd_close(ns.mntns_fd);
    AUTO_FD int root = ns.root_fd, pidfd = ns.pidfd;
    if (part == ROOT_MOUNTED)
        return open_process_root(c, pidfd, &r->fd);
    r->fd = TAKE_FD(root);
    return NULL;
}

/* --- stopped */

static struct err *mount_plan(const struct plan_mount *p, const char *target)
{
    struct storage_mount m;
    plan_mount_get(p, &m);
    m.is_volatile = false; /* what is written here shall last */
    TRY(file_mkdirs(target, 0755));
    return storage_mount(&m, target);
}

/* The place of a mount inside the root, made as the runtime would make it. */
static struct err *mount_point(int rootfd, const char *target, bool is_dir, int *ret)
{
    AUTO_FREE char *dir = NULL;
    AUTO_FD int parent = -1, made = -1;
    struct err *e = path_open_in_root(rootfd, target, O_PATH, 0, ret);
    if (!e || err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_drop(e);
    if (is_dir)
        return path_mkdir_in_root(rootfd, target, 0755, ret);
    TRY(mem_strndup(target, (size_t)(path_last(target) - target), &dir));
    TRY(path_mkdir_in_root(rootfd, *dir ? dir : "/", 0755, &parent));
    made = openat(parent, path_last(target), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (made < 0)
        return ERR_SYS(errno, "create");
    return path_open_in_root(rootfd, target, O_PATH, 0, ret);
}

static struct err *mount_inside(int rootfd, const struct oci_mount *m)
{
    AUTO_FD int place = -1;
    struct stat st;
    if (strcmp(m->type, "bind") != 0) /* a tmpfs lives with the process */
        return NULL;
    if (stat(m->source, &st) < 0)
        return ERR_SYS(errno, "%s", m->source);
    TRY(mount_point(rootfd, m->target, S_ISDIR(st.st_mode), &place));
    return storage_bind(m->source, place, strv_contains(&m->options, "ro"));
}

static struct err *mount_all(struct start *s, bool with_mounts, int *ret_fd)
{
    AUTO_FREE char *root = NULL;
    AUTO_FD int fd = -1;
    TRY(mem_asprintf(&root, "%s/" MONITOR_ROOTFS, engine_run_dir(s->e)));
    TRY_WRAP(mount_plan(&s->plan.root, root), "mount the root file system");
    fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open %s", root);
    if (with_mounts)
        TRY(start_settle_mounts(s));
    for (size_t i = 0; i < s->plan.n_mounts; i++) {
        AUTO_FREE char *target = NULL;
        TRY(mem_asprintf(&target, "%s/" MONITOR_MOUNTS "/%zu", engine_run_dir(s->e), i));
        TRY(mount_plan(&s->plan.mounts[i], target));
    }
    for (size_t i = 0; i < s->n_mounts; i++) {
        const struct oci_mount *m = &s->mounts[i];
        TRY_WRAP(mount_inside(fd, m), "mount %s", m->target);
    }
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

static struct err *mount_here(struct start *s, enum container_root_part part, struct container_root *r)
{
    AUTO_FREE char *place = NULL;
    TRY(mem_asprintf(&place, "%s/" MONITOR_PRIVATE, engine_run_dir(s->e)));
    TRY(storage_private_place(place));
    return mount_all(s, part == ROOT_MOUNTED, &r->fd);
}

/* --- both */

/* Not running: lock it, and look again. */
static struct err *lock_stopped(struct engine *e, struct container *c, struct container_root *r)
{
    if (c->lock_fd >= 0)
        return NULL;
    TRY(container_lock_wait(e, c->id, &c->lock_fd));
    c->engine = e;
    r->locked = c;
    TRY(container_settle(e, c));
    if (c->gone)
        return container_not_found(c->name);
    if (container_is_live(c)) { /* somebody was quicker */
        container_unlock(e, c->id, TAKE_FD(c->lock_fd));
        r->locked = NULL;
        return NULL;
    }
    return container_wait_monitor(e, c);
}

static struct err *open_upper(struct engine *e, const struct container *c, struct container_root *r)
{
    AUTO_FREE char *dir = NULL, *upper = NULL;
    TRY(container_dir(e, c->id, &dir));
    r->is_copy = strcmp(r->driver, "copy") == 0;
    TRY(path_join(&upper, dir, r->is_copy ? "copy" : "upper"));
    struct err *err = file_open_dir(AT_FDCWD, upper, &r->upper_fd);
    if (err && err_kind(err) == ERR_NOT_FOUND) { /* it never ran */
        err_drop(err);
        return NULL;
    }
    return err;
}

/* What stays of the preparation when the root is open. */
static struct err *keep_facts(struct start *s, struct container_root *r)
{
    const struct container_spec *spec = &s->c->spec;
    const struct session *session = engine_session(s->e);
    const char *user = spec->user ? spec->user : s->config.user;
    TRY(strv_copy(&s->layer_dirs, &r->layer_dirs));
    TRY(mem_strdup(s->plan.root.driver, &r->driver));
    TRY(idmap_copy(&s->ct_uids, &r->uids));
    TRY(idmap_copy(&s->ct_gids, &r->gids));
    if (!spec->user && container_spec_keeps_id(spec))
        return mem_asprintf(&r->user, "%u:%u", session->host_uid, session->host_gid);
    return mem_strdup(user, &r->user);
}

struct err *container_root_user(const struct container_root *r, const struct container *c, uid_t *ret_uid,
                                gid_t *ret_gid)
{
    AUTO_OCI_USER struct oci_user user = {0};
    uint32_t id;
    *ret_uid = *ret_gid = 0;
    if (engine_session(r->engine)->single_id)
        return NULL;
    TRY(user_lookup(r->fd, r->user ? r->user : "", &c->spec.group_add, &user));
    *ret_uid = user.ct_uid;
    *ret_gid = user.ct_gid;
    if (r->uids.count && idmap_to_host(&r->uids, user.ct_uid, &id))
        *ret_uid = id;
    if (r->gids.count && idmap_to_host(&r->gids, user.ct_gid, &id))
        *ret_gid = id;
    return NULL;
}

static struct err *open_root(struct start *s, enum container_root_part part, struct container_root *r)
{
    TRY(container_load_spec(s->e, s->c));
    if (!container_is_live(s->c))
        TRY(lock_stopped(s->e, s->c, r));
    TRY(start_load_image(s));
    TRY(start_settle_userns(s));
    TRY(start_plan_root(s));
    TRY(keep_facts(s, r));
    r->is_live = container_is_live(s->c);
    if (part != ROOT_LAYERS)
        TRY(r->is_live ? open_live(s->e, s->c, part, r) : mount_here(s, part, r));
    return open_upper(s->e, s->c, r);
}

static struct err *try_open(struct engine *e, struct container *c, enum container_root_part part,
                            struct container_root *ret)
{
    struct start s = {.e = e, .c = c, .root_fd = -1, .private_fd = -1};
    *ret = (struct container_root){.fd = -1, .upper_fd = -1, .engine = e};
    struct err *err = open_root(&s, part, ret);
    start_done(&s);
    if (err)
        container_root_done(ret);
    return err;
}

/* What was running may just be ending, or being restarted: then look again. */
struct err *container_root_open(struct engine *e, struct container *c, enum container_root_part part,
                                struct container_root *ret)
{
    for (int i = 0;; i++) {
        bool was_live = container_is_live(c);
        struct err *err = try_open(e, c, part, ret);
        if (!err || !was_live || err_kind(err) != ERR_STATE || i == ROOT_TRIES)
            return err;
        err_drop(err);
        usleep(ROOT_TRY_USEC);
        TRY(container_observe(e, c));
        if (c->gone)
            return container_not_found(c->name);
    }
}

struct err *container_root_below(const struct container_root *r, int *ret_fd)
{
    AUTO_FREE char *place = NULL, *target = NULL;
    TRY(mem_asprintf(&place, "%s/" MONITOR_PRIVATE, engine_run_dir(r->engine)));
    TRY(mem_asprintf(&target, "%s/below", place));
    TRY(storage_private_place(place));
    if (mkdir(target, 0755) < 0)
        return ERR_SYS(errno, "create %s", target);
    TRY(image_mount_layers(r->engine, &r->layer_dirs, target, false));
    return file_open_dir(AT_FDCWD, target, ret_fd);
}
