/* Volumes, binds and the rest: from a container's mounts to sources that exist in the monitor's mount namespace. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/override.h"
#include "base/path.h"
#include "engine/container/internal.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/volume/options.h"
#include "engine/volume/volume.h"
#include "rootless/session.h"

#define MOUNTS_MAX 4096

static bool has_option(const struct strv *options, const char *const *any)
{
    for (; *any; any++)
        if (strv_contains(options, *any))
            return true;
    return false;
}

/* Bind defaults as Podman's: recursive, private, and ro when asked for. */
static struct err *add_bind_options(struct strv *options, bool read_only)
{
    static const char *const binds[] = {"bind", "rbind", NULL};
    static const char *const propagation[] = {"private", "rprivate", "shared", "rshared", "slave", "rslave", NULL};
    if (!has_option(options, binds))
        TRY(strv_add(options, "rbind"));
    if (!has_option(options, propagation))
        TRY(strv_add(options, "rprivate"));
    if (read_only && !strv_contains(options, "ro"))
        TRY(strv_add(options, "ro"));
    return NULL;
}

/* An image's layers, or a directory under an overlay, mounted by the monitor; *ret_index is its place. */
static struct err *add_plan_mount(struct start *s, struct plan_mount **ret, size_t *ret_index)
{
    struct monitor_plan *p = &s->plan;
    const char *driver;
    if (p->n_mounts >= PLAN_MOUNTS_MAX)
        return ERR_NEW(ERR_INVALID, "more than %d image and overlay mounts", PLAN_MOUNTS_MAX);
    struct plan_mount *grown = mem_realloc_array(p->mounts, p->n_mounts + 1, sizeof(*grown));
    if (!grown)
        return err_oom();
    p->mounts = grown;
    *ret_index = p->n_mounts++;
    *ret = &grown[*ret_index];
    **ret = (struct plan_mount){0};
    TRY(engine_storage_driver(s->e, &driver));
    return mem_strdup(driver, &(*ret)->driver);
}

/* Where the monitor keeps what the container writes to a mount of its own: containers/<id>/mount-<index>. */
static struct err *plan_upper(struct start *s, size_t index, char **ret)
{
    AUTO_FREE char *dir = NULL;
    TRY(container_dir(s->e, s->c->id, &dir));
    TRY(mem_asprintf(ret, "%s/mount-%zu", dir, index));
    return mkdir(*ret, 0700) < 0 && errno != EEXIST ? ERR_SYS(errno, "create %s", *ret) : NULL;
}

static struct err *plan_source(struct start *s, size_t index, const char *subpath, char **ret)
{
    return mem_asprintf(ret, "%s/" MONITOR_MOUNTS "/%zu%s%s", engine_run_dir(s->e), index, subpath ? "/" : "",
                        subpath ? subpath : "");
}

static struct err *image_source(struct start *s, const struct mount_spec *m, char **ret)
{
    struct plan_mount *pm;
    struct image *i = NULL;
    size_t index;
    TRY(add_plan_mount(s, &pm, &index));
    TRY(image_find(s->e, m->source, &i));
    struct err *err = image_layers_ready(s->e, &i->layer_dirs, &pm->layers, &s->packed_fd);
    image_free(i);
    TRY(err);
    TRY(mem_asprintf(&pm->layers_dir, "%s/layers", engine_root(s->e)));
    if (!m->read_only)
        TRY(plan_upper(s, index, &pm->upper_dir));
    pm->read_only = m->read_only;
    return plan_source(s, index, m->subpath, ret);
}

/* Takes "upperdir=…" and "workdir=…" out of `options`: directories of the user's own, which last. */
static struct err *take_own_dirs(struct strv *options, struct plan_mount *pm)
{
    static const char *const names[] = {"upperdir=", "workdir="};
    for (size_t i = 0; i < options->count;) {
        const char *o = options->items[i];
        size_t k = strncmp(o, names[0], strlen(names[0])) == 0 ? 0 : 1;
        if (k == 1 && strncmp(o, names[1], strlen(names[1])) != 0) {
            i++;
            continue;
        }
        TRY(mem_replace(k ? &pm->work : &pm->upper, o + strlen(names[k])));
        strv_remove(options, i);
    }
    return NULL;
}

static struct err *overlay_source(struct start *s, const char *dir, struct strv *options, char **ret)
{
    struct plan_mount *pm;
    size_t index;
    TRY(add_plan_mount(s, &pm, &index));
    TRY(mem_strdup(dir, &pm->rootfs));
    TRY(plan_upper(s, index, &pm->upper_dir));
    TRY(take_own_dirs(options, pm));
    return plan_source(s, index, NULL, ret);
}

/* Does another container that runs, or is being started, use the volume? */
static struct err *used_by_others(struct start *s, const char *name, bool *ret)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    struct monitor_state state;
    TRY(volume_users(s->e, name, &ids));
    *ret = false;
    for (size_t i = 0; i < ids.count && !*ret; i++) {
        int lock = -1;
        if (strcmp(ids.items[i], s->c->id) == 0)
            continue;
        TRY(monitor_peek(engine_run_dir(s->e), ids.items[i], &state));
        *ret = state.phase != MONITOR_PHASE_NONE;
        if (*ret)
            continue;
        struct err *err = container_lock(s->e, ids.items[i], &lock);
        *ret = err && err_kind(err) == ERR_IN_USE;
        err_drop(err);
        if (lock >= 0)
            container_unlock(s->e, ids.items[i], lock);
    }
    return NULL;
}

/* Below the volume, never out of it through a link. `options`: of the mount, appended. */
static struct err *volume_source(struct start *s, const struct mount_spec *m, struct strv *options, char **ret)
{
    AUTO_FREE char *data = NULL;
    AUTO_VOLUME_OPTIONS struct volume_options o = {0};
    bool in_use = false;
    TRY(volume_read_options(s->e, m->source, &o));
    if (o.kind == VOLUME_TMPFS)
        TRY(used_by_others(s, m->source, &in_use));
    TRY(volume_place(s->e, m->source, &o, in_use, &data));
    TRY(strv_add_all(options, o.binds.items));
    if (!m->subpath || !*m->subpath) {
        *ret = TAKE_PTR(data);
        return NULL;
    }
    AUTO_FD int dir = -1, sub = -1;
    TRY(file_open_dir(AT_FDCWD, data, &dir));
    TRY_WRAP(path_open_in_root(dir, m->subpath, O_PATH | O_CLOEXEC, 0, &sub), "volume %s: subpath %s", m->source,
             m->subpath);
    char real[4096];
    ssize_t n = readlink(fd_proc_path(sub).s, real, sizeof(real) - 1);
    if (n <= 0)
        return ERR_SYS(errno, "volume %s: subpath %s", m->source, m->subpath);
    return mem_strndup(real, (size_t)n, ret);
}

static struct err *resolve_source(struct start *s, const struct mount_spec *m, struct strv *options, char **ret)
{
    AUTO_FREE char *dir = NULL;
    if (m->type == MOUNT_IMAGE)
        return image_source(s, m, ret);
    if (m->type == MOUNT_VOLUME)
        TRY(volume_source(s, m, options, &dir));
    else
        TRY(mem_strdup(m->source, &dir));
    if (m->overlay)
        return overlay_source(s, dir, options, ret);
    *ret = TAKE_PTR(dir);
    return NULL;
}

struct err *start_add_mount(struct start *s, const char *type, const char *target, struct oci_mount **ret)
{
    TRY(mem_grow(&s->mounts, s->n_mounts, &s->cap_mounts, sizeof(*s->mounts), MOUNTS_MAX));
    struct oci_mount *o = &s->mounts[s->n_mounts++];
    *o = (struct oci_mount){0};
    TRY(mem_strdup(type, &o->type));
    TRY(mem_strdup(target, &o->target));
    *ret = o;
    return NULL;
}

static struct err *settle_mount(struct start *s, const struct mount_spec *m)
{
    static const char *const types[] = {
        [MOUNT_BIND] = "bind",   [MOUNT_VOLUME] = "bind",   [MOUNT_TMPFS] = "tmpfs",
        [MOUNT_RAMFS] = "ramfs", [MOUNT_DEVPTS] = "devpts", [MOUNT_IMAGE] = "bind",
    };
    struct oci_mount *o;
    if (m->type == MOUNT_ARTIFACT) /* start_artifacts.c */
        return NULL;
    TRY(start_add_mount(s, types[m->type], m->target, &o));
    TRY(strv_copy(&m->options, &o->options));
    if (strcmp(o->type, "bind") == 0) {
        TRY_WRAP(resolve_source(s, m, &o->options, &o->source), "mount %s", m->target);
        return add_bind_options(&o->options, m->read_only);
    }
    if (m->tmpcopyup && !strv_contains(&o->options, "tmpcopyup"))
        TRY(strv_add(&o->options, "tmpcopyup"));
    if (m->read_only && !strv_contains(&o->options, "ro"))
        TRY(strv_add(&o->options, "ro"));
    return mem_strdup(o->type, &o->source);
}

static int depth_of(const char *path)
{
    int n = 0;
    for (; *path; path++)
        n += *path == '/';
    return n;
}

/* Outer mounts first; the order of one depth is kept (insertion sort: there are few). */
static void sort_by_depth(struct start *s)
{
    for (size_t i = 1; i < s->n_mounts; i++) {
        struct oci_mount m = s->mounts[i];
        size_t j = i;
        for (; j > 0 && depth_of(s->mounts[j - 1].target) > depth_of(m.target); j--)
            s->mounts[j] = s->mounts[j - 1];
        s->mounts[j] = m;
    }
}

struct err *start_settle_mounts(struct start *s)
{
    const struct container_spec *spec = &s->c->spec;
    if (spec->pause) /* they are for the pod's other containers: nobody looks at them here */
        return NULL;
    for (size_t i = 0; i < spec->n_mounts; i++)
        TRY(settle_mount(s, &spec->mounts[i]));
    sort_by_depth(s);
    return NULL;
}

/* --- with the root mounted */

/* Ids of the container's user as the session, where the volumes' owners are set, counts them. */
static void session_ids(const struct start *s, uid_t *ret_uid, gid_t *ret_gid)
{
    uint32_t id;
    *ret_uid = s->user.ct_uid;
    *ret_gid = s->user.ct_gid;
    if (s->own_userns && idmap_to_host(&s->ct_uids, s->user.ct_uid, &id))
        *ret_uid = id;
    if (s->own_userns && idmap_to_host(&s->ct_gids, s->user.ct_gid, &id))
        *ret_gid = id;
}

static struct err *fill_volume(struct start *s, const struct mount_spec *m, uid_t uid, gid_t gid)
{
    AUTO_FD int source = -1;
    if (!m->no_copy) {
        struct err *err = path_open_in_root(s->root_fd, m->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, &source);
        if (err && err_kind(err) != ERR_NOT_FOUND && err_kind(err) != ERR_INVALID)
            return ERR_WRAP(err, "volume %s", m->source);
        err_drop(err);
    }
    return volume_copy_up(s->e, m->source, source, uid, gid);
}

/* :U, the source given to the container's user. */
static struct err *chown_source(struct start *s, const struct mount_spec *m, uid_t uid, gid_t gid)
{
    AUTO_FREE char *source = NULL;
    AUTO_VOLUME_OPTIONS struct volume_options o = {0};
    AUTO_FD int fd = -1;
    if (m->type == MOUNT_VOLUME)
        TRY(volume_read_options(s->e, m->source, &o));
    if (m->type == MOUNT_VOLUME)
        TRY(volume_place(s->e, m->source, &o, true, &source)); /* it is mounted already */
    else
        TRY(mem_strdup(m->source, &source));
    struct stat st;
    bool single = engine_session(s->e)->single_id;
    if (stat(source, &st) == 0 && !S_ISDIR(st.st_mode)) {
        fd = open(source, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        int errnum = fd < 0 ? errno : override_chown(fd, uid, gid, single);
        return errnum ? ERR_SYS(errnum, "set owner of %s", source) : NULL;
    }
    TRY(file_open_dir(AT_FDCWD, source, &fd));
    TRY_WRAP(file_chown_tree(fd, uid, gid, single), "mount %s: give %s to the container's user", m->target, source);
    return NULL;
}

struct err *start_copy_up(struct start *s)
{
    const struct container_spec *spec = &s->c->spec;
    uid_t uid;
    gid_t gid;
    if (spec->pause)
        return NULL;
    session_ids(s, &uid, &gid);
    for (size_t i = 0; i < spec->n_mounts; i++) {
        const struct mount_spec *m = &spec->mounts[i];
        if (m->type == MOUNT_VOLUME)
            TRY(fill_volume(s, m, uid, gid));
        if (m->chown && (m->type == MOUNT_VOLUME || m->type == MOUNT_BIND))
            TRY(chown_source(s, m, uid, gid));
    }
    return NULL;
}
