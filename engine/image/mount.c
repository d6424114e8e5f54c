#include "engine/image/mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/image/internal.h"
#include "engine/storage/options.h"
#include "engine/storage/storage.h"
#include "rootless/session.h"

#define COUNT_MAX 1000000

/* --- mount, unmount */

/* An engine without a session has nothing mounted. */
static const char *run_dir(struct engine *e)
{
    const char *dir = engine_session(e)->run_dir;
    return dir ? dir : "/nonexistent";
}

/* `lasting`: as long as the session, not only as long as this command. */
static struct err *mount_layers(struct engine *e, const struct strv *layers, const char *target, bool lasting)
{
    AUTO_FREE char *layers_dir = NULL;
    AUTO_FD int watch = -1;
    const struct storage_options *options;
    struct storage_mount m = {.layers = *layers, .read_only = true};
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

static struct err *read_count(int dirfd, uint64_t *ret)
{
    AUTO_FREE char *text = NULL;
    struct err *e = file_read(dirfd, "count", 32, &text, NULL);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        *ret = 0;
        return NULL;
    }
    TRY(e);
    return number_parse_u64(text, COUNT_MAX, ret);
}

static struct err *write_count(int dirfd, uint64_t count)
{
    AUTO_FREE char *text = NULL;
    TRY(mem_asprintf(&text, "%llu", (unsigned long long)count));
    return file_write_atomic(dirfd, "count", text, strlen(text), 0600, FILE_NOSYNC);
}

static struct err *entry_path(struct engine *e, const char *id, char **ret)
{
    return mem_asprintf(ret, "%s/images/%s", run_dir(e), id);
}

struct err *image_mount(struct engine *e, const struct image *i, char **ret_path)
{
    AUTO_FREE char *dir = NULL, *root = NULL;
    AUTO_FD int lock = -1;
    uint64_t count = 0;
    TRY(entry_path(e, i->id, &dir));
    TRY(mem_asprintf(&root, "%s/root", dir));
    do { /* somebody may take it away between both */
        fd_close(lock);
        TRY(file_mkdirs(dir, 0700));
        struct err *error = file_open_locked(AT_FDCWD, dir, true, true, &lock);
        if (error && err_kind(error) != ERR_NOT_FOUND)
            return error;
        err_drop(error);
    } while (lock < 0);
    TRY(read_count(lock, &count));
    if (count >= COUNT_MAX)
        return ERR_NEW(ERR_NO_SPACE, "image %.12s is mounted %d times", i->id, COUNT_MAX);
    if (mkdirat(lock, "root", 0755) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "create %s", root);
    if (count == 0)
        TRY_WRAP(mount_layers(e, &i->layer_dirs, root, true), "mount image %.12s", i->id);
    TRY(write_count(lock, count + 1));
    *ret_path = TAKE_PTR(root);
    return NULL;
}

static struct err *take_away(int lock, const char *dir, bool force)
{
    AUTO_FREE char *root = NULL;
    TRY(mem_asprintf(&root, "%s/root", dir));
    if (umount2(root, force ? MNT_DETACH : 0) < 0 && errno != EINVAL && errno != ENOENT) {
        if (errno == EBUSY)
            return ERR_NEW(ERR_IN_USE, "unmount %s: somebody works in it (--force detaches it all the same)", root);
        return ERR_SYS(errno, "unmount %s", root);
    }
    (void)unlinkat(lock, "count", 0);
    (void)unlinkat(lock, "root", AT_REMOVEDIR);
    (void)rmdir(dir);
    return NULL;
}

struct err *image_unmount(struct engine *e, const char *id, bool force, bool *ret_was)
{
    AUTO_FREE char *dir = NULL;
    AUTO_FD int lock = -1;
    uint64_t count = 0;
    *ret_was = false;
    TRY(entry_path(e, id, &dir));
    if (access(dir, F_OK) < 0)
        return NULL;
    struct err *error = file_open_locked(AT_FDCWD, dir, true, true, &lock);
    if (error && err_kind(error) == ERR_NOT_FOUND) {
        err_drop(error);
        return NULL;
    }
    TRY(error);
    TRY(read_count(lock, &count));
    *ret_was = count > 0;
    return count > 1 && !force ? write_count(lock, count - 1) : take_away(lock, dir, force);
}

struct err *image_mounted(struct engine *e, struct strv *ret_ids)
{
    AUTO_FREE char *dir = NULL;
    TRY(mem_asprintf(&dir, "%s/images", run_dir(e)));
    DIR *d = opendir(dir);
    const struct dirent *entry;
    struct err *error = NULL;
    if (!d)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "open %s", dir);
    while (!error && (entry = readdir(d)))
        if (ident_is_prefix(entry->d_name))
            error = strv_add(ret_ids, entry->d_name);
    closedir(d);
    if (!error)
        strv_sort(ret_ids);
    return error;
}

struct err *image_mount_path(struct engine *e, const char *id, char **ret)
{
    AUTO_FREE char *dir = NULL, *count = NULL;
    TRY(entry_path(e, id, &dir));
    TRY(mem_asprintf(&count, "%s/count", dir));
    return access(count, F_OK) < 0 ? NULL : mem_asprintf(ret, "%s/root", dir);
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
    TRY(mount_layers(e, layers, target, false));
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
