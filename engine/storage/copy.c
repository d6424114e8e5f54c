/* The last resort: no union file system at all, a copy of everything.
 *
 * A container's root is container_dir/copy: made once, at its first start, in container_dir/copy.new, and renamed when
 * it is complete; an interrupted one is begun anew. Files are reflinks where the file system can (btrfs, XFS), else
 * copies, since the container may write to them.
 *
 * A read-only root (image mounts) belongs to nobody in particular: it is made of hard links to the layers' files, in a
 * directory beside those of the topmost layer, named after the list of layers. It costs inodes only, and disappears
 * with that layer. Writing to it would change layers, so it is only ever mounted read-only.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/storage/apply.h"
#include "engine/storage/driver.h"

static struct err *apply_path(const char *path, int to, enum apply_how how)
{
    AUTO_FD int from = -1;
    TRY_WRAP(file_open_dir(AT_FDCWD, path, &from), "open %s", path);
    return ERR_WRAP(apply_layer(from, to, how), "copy %s", path);
}

static struct err *apply_all(const struct storage_mount *m, int to, enum apply_how how)
{
    if (m->rootfs)
        return apply_path(m->rootfs, to, how);
    for (size_t i = 0; i < m->layers.count; i++) {
        AUTO_FREE char *path = NULL;
        TRY(storage_layer_path(m, m->layers.items[i], &path));
        TRY(apply_path(path, to, how));
    }
    return NULL;
}

/* Make parent/name unless it is there. Two makers at once: a lock on parent/name.new decides, and the second finds it
 * made. */
static struct err *make_once(const struct storage_mount *m, const char *parent, const char *name, enum apply_how how)
{
    AUTO_FD int dir = -1, lock = -1, to = -1;
    char new_name[80];
    TRY_WRAP(file_open_dir(AT_FDCWD, parent, &dir), "open %s", parent);
    if (file_exists(dir, name))
        return NULL;
    (void)snprintf(new_name, sizeof(new_name), "%s.lock", name);
    TRY(file_open_locked(dir, new_name, true, true, &lock));
    if (file_exists(dir, name))
        return NULL;
    (void)snprintf(new_name, sizeof(new_name), "%s.new", name);
    TRY(file_remove_tree(dir, new_name));
    if (mkdirat(dir, new_name, 0755) < 0)
        return ERR_SYS(errno, "create %s/%s", parent, new_name);
    TRY(file_open_dir(dir, new_name, &to));
    struct err *e = apply_all(m, to, how);
    if (e) {
        err_drop(file_remove_tree(dir, new_name));
        return e;
    }
    if (renameat(dir, new_name, dir, name) < 0)
        return ERR_SYS(errno, "complete %s/%s", parent, name);
    (void)snprintf(new_name, sizeof(new_name), "%s.lock", name);
    (void)unlinkat(dir, new_name, 0);
    return NULL;
}

/* FNV-1a over the names: the same list gives the same directory. The top layer's directory holds few of them. */
static uint64_t layers_hash(const struct strv *layers)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < layers->count; i++) {
        for (const char *s = layers->items[i];; s++) {
            h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
            if (!*s)
                break;
        }
    }
    return h;
}

static struct err *mount_shared(const struct storage_mount *m, const char *target)
{
    AUTO_FREE char *path = NULL, *parent = NULL;
    char name[32];
    if (m->layers.count == 0)
        return bind_empty(target, true);
    const char *top = m->layers.items[m->layers.count - 1];
    if (m->layers.count == 1) {
        TRY(storage_layer_path(m, top, &path));
        return bind_flagged(m, path, target, true);
    }
    (void)snprintf(name, sizeof(name), "merged-%016" PRIx64, layers_hash(&m->layers));
    TRY(path_join(&parent, m->layers_dir, top));
    TRY(path_join(&path, parent, name));
    TRY(make_once(m, parent, name, APPLY_LINK));
    return bind_flagged(m, path, target, true);
}

struct err *copy_mount(const struct storage_mount *m, const char *target)
{
    AUTO_FREE char *path = NULL;
    if (m->rootfs && !m->container_dir)
        return bind_mount(m->rootfs, target, m->read_only);
    if (!m->container_dir)
        return mount_shared(m, target);
    if (m->upper)
        return ERR_NEW(ERR_UNSUPPORTED, "upper directory %s: copies have none; a union file system is needed",
                       m->upper);
    TRY(make_once(m, m->container_dir, "copy", APPLY_COPY));
    TRY(path_join(&path, m->container_dir, "copy"));
    return bind_flagged(m, path, target, m->read_only);
}
