#include "engine/image/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/image/internal.h"
#include "engine/storage/counted.h"
#include "engine/storage/options.h"
#include "engine/storage/storage.h"
#include "rootless/session.h"

/* --- mount, unmount */

/* An engine without a session has nothing mounted. */
static const char *run_dir(struct engine *e)
{
    const char *dir = engine_session(e)->run_dir;
    return dir ? dir : "/nonexistent";
}

struct err *image_mount_layers(struct engine *e, const struct strv *layers, const char *target, bool lasting)
{
    AUTO_FREE char *layers_dir = NULL;
    AUTO_FD int watch = -1, hold = -1;
    const struct storage_options *options;
    AUTO_STRV struct strv ready = STRV_INIT;
    TRY(image_layers_ready(e, layers, &ready, &hold));
    struct storage_mount m = {.layers = ready, .read_only = true};
    TRY(engine_storage_driver(e, &m.driver));
    TRY(engine_storage_options(e, &options));
    m.flags = options->flags;
    m.program_options = options->fuse;
    if (lasting)
        TRY(session_watch(engine_session(e), &watch));
    m.watch_fd = watch;
    TRY(mem_asprintf(&layers_dir, "%s/layers", store_root(engine_store(e))));
    m.layers_dir = layers_dir;
    return storage_mount(&m, target);
}

static struct err *entry_path(struct engine *e, const char *id, char **ret)
{
    return mem_asprintf(ret, "%s/images/%s", run_dir(e), id);
}

struct mounting {
    struct engine *e;
    const struct image *image;
};

static struct err *mount_image(void *arg, const char *target)
{
    const struct mounting *m = arg;
    return ERR_WRAP(image_mount_layers(m->e, &m->image->layer_dirs, target, true), "mount image %.12s", m->image->id);
}

static struct err *tell(struct engine *e, const char *id, const char *action)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    TRY(store_begin(s, STORE_WRITE, false));
    TRY(store_event(s, "image", action, id, NULL, NULL));
    return store_commit(s);
}

struct err *image_mount(struct engine *e, const struct image *i, char **ret_path)
{
    AUTO_FREE char *dir = NULL;
    struct mounting m = {e, i};
    TRY(entry_path(e, i->id, &dir));
    TRY(counted_mount(dir, mount_image, &m, ret_path));
    return tell(e, i->id, "mount");
}

struct err *image_unmount(struct engine *e, const char *id, bool force, bool *ret_was)
{
    AUTO_FREE char *dir = NULL;
    TRY(entry_path(e, id, &dir));
    return counted_unmount(dir, force, ret_was);
}

struct err *image_unmount_user(struct engine *e, const char *id, bool force, bool *ret_was)
{
    TRY(image_unmount(e, id, force, ret_was));
    return *ret_was ? tell(e, id, "unmount") : NULL;
}

struct err *image_mounted(struct engine *e, struct strv *ret_ids)
{
    AUTO_FREE char *dir = NULL;
    TRY(mem_asprintf(&dir, "%s/images", run_dir(e)));
    return counted_list(dir, ret_ids);
}

struct err *image_mount_path(struct engine *e, const char *id, char **ret)
{
    AUTO_FREE char *dir = NULL;
    TRY(entry_path(e, id, &dir));
    return counted_path(dir, ret);
}

/* --- diff */

/* What every container gets anew, so that it is no change of an image (Podman leaves out the same). */
static const char *const not_ours[] = {
    "/dev",  "/etc/hostname", "/etc/hosts",         "/etc/mtab",    "/etc/resolv.conf",
    "/proc", "/run",          "/run/.containerenv", "/run/secrets", "/sys",
};

void tree_changes_leave_out(struct tree_changes *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        bool skip = false;
        for (size_t k = 0; k < ARRAY_LEN(not_ours); k++)
            skip |= strcmp(c->items[i].path, not_ours[k]) == 0;
        if (skip)
            mem_freep(&c->items[i].path);
        else
            c->items[kept++] = c->items[i];
    }
    c->count = kept;
}

static struct err *mount_at(struct engine *e, const char *place, const char *name, const struct strv *layers,
                            int *ret_fd)
{
    AUTO_FREE char *target = NULL;
    TRY(mem_asprintf(&target, "%s/%s", place, name));
    if (mkdir(target, 0755) < 0)
        return ERR_SYS(errno, "create %s", target);
    TRY(image_mount_layers(e, layers, target, false));
    return file_open_dir(AT_FDCWD, target, ret_fd);
}

struct err *image_diff(struct engine *e, const struct image *i, const struct image *parent, struct tree_changes *ret)
{
    AUTO_FREE char *place = NULL;
    AUTO_FD int old = -1, new = -1;
    struct strv below = parent ? parent->layer_dirs : i->layer_dirs; /* borrowed */
    if (!parent && below.count > 0)
        below.count--;
    TRY(mem_asprintf(&place, "%s/m", run_dir(e)));
    TRY(storage_private_place(place));
    TRY(mount_at(e, place, "old", &below, &old));
    TRY(mount_at(e, place, "new", &i->layer_dirs, &new));
    TRY(tree_compare(old, new, ret));
    tree_changes_leave_out(ret);
    return NULL;
}

struct err *image_mount_private(struct engine *e, const struct image *i, char **ret)
{
    AUTO_FREE char *place = NULL, *target = NULL;
    TRY(path_join(&place, engine_run_dir(e), "m"));
    TRY(storage_private_place(place));
    TRY(path_join(&target, place, "files"));
    if (mkdir(target, 0755) < 0)
        return ERR_SYS(errno, "create %s", target);
    TRY(image_mount_layers(e, &i->layer_dirs, target, false));
    *ret = TAKE_PTR(target);
    return NULL;
}
