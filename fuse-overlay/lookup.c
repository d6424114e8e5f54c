#include "fuse-overlay/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuse-overlay/attr.h"
#include "fuse-overlay/copyup.h"
#include "fuse-overlay/merge.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/origin.h"
#include "fuse-overlay/realdir.h"

int lookup_any(struct overlay *fs, struct node *dir, const char *name, struct dentry **ret)
{
    if (dir->type != DT_DIR)
        return -ENOTDIR;
    if (dir->flags & NODE_REMOVED)
        return -ENOENT;
    int r = merge_load(fs, dir);
    *ret = r < 0 ? NULL : dir_find(dir, name);
    return r;
}

int lookup_entry(struct overlay *fs, struct node *dir, const char *name, struct dentry **ret)
{
    int r = lookup_any(fs, dir, name, ret);
    if (r == 0 && (!*ret || (*ret)->flags & DENTRY_WHITEOUT))
        return strlen(name) > NAME_MAX ? -ENAMETOOLONG : -ENOENT;
    return r;
}

/* The kernel splits paths, so none of these should arrive; but then this is the place that everything goes through. */
int lookup_check_new(const struct overlay *fs, const char *name)
{
    if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EINVAL;
    if (strlen(name) > NAME_MAX - (fs->wh_files ? 4 : 0))
        return -ENAMETOOLONG;
    return overlay_name_is_own(name) ? -EINVAL : 0;
}

/* The directories that a directory's name stands for: those of the same name in the parent's. */
static int lookup_make_dir(struct overlay *fs, const struct dentry *d, struct node *n)
{
    uint32_t count = 0;
    const uint16_t *layers = dentry_layers(d, &count);
    struct dir *dir = n->dir;
    dir->reals = mem_alloc(count * sizeof(struct realdir *));
    if (!dir->reals)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        struct realdir *parent = dir_real(d->parent->dir, layers[i]);
        if (!parent) /* the parent was replaced or turned opaque meanwhile */
            continue;
        struct realdir *rd = realdir_new(parent, d->name, layers[i], -1);
        if (!rd)
            return -ENOMEM;
        dir->reals[dir->n_reals++] = rd;
    }
    (void)fs;
    return dir->n_reals ? 0 : -ESTALE;
}

static int lookup_stat(struct overlay *fs, const struct dentry *d, struct stat *ret)
{
    struct realdir *rd = dir_real(d->parent->dir, d->layer);
    int fd = rd ? realdir_fd(fs, rd) : -ESTALE;
    if (fd < 0)
        return fd;
    return fstatat(fd, d->name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* A file with several links may be there already under another name; a lower one may have been copied up under another.
 */
static int lookup_linked(struct overlay *fs, struct dentry *d, struct stat *st, struct node **ret)
{
    *ret = node_find(fs, d->layer, st->st_ino);
    if (*ret || overlay_is_upper(fs, d->layer))
        return 0;
    const struct origin *group = origin_group(fs, fs->layers[d->layer].dev_index, st->st_ino, false);
    if (!group || !group->ino)
        return 0;
    int r = copyup_join(fs, d);
    if (r == 0)
        r = lookup_stat(fs, d, st);
    if (r == 0)
        *ret = node_find(fs, d->layer, st->st_ino);
    return r;
}

static int lookup_make(struct overlay *fs, struct dentry *d, const struct stat *st, struct node **ret)
{
    /* With owners in attributes a special file may be a regular one on disk; the kernel sees what is meant (attr_show).
     */
    struct node *n = node_new(d->type, d->layer, st->st_ino, origin_ino(fs, d->layer, st->st_ino));
    if (!n)
        return -ENOMEM;
    int r = 0;
    if (n->type == DT_DIR)
        r = lookup_make_dir(fs, d, n);
    else if (st->st_nlink > 1)
        r = node_hash(fs, n);
    if (r < 0) {
        node_drop(fs, n);
        return r;
    }
    *ret = n;
    return 0;
}

int lookup_attach(struct overlay *fs, struct dentry *d, const struct stat *st, struct node **ret)
{
    int r = lookup_make(fs, d, st, ret);
    if (r == 0)
        dentry_attach(d, *ret);
    return r;
}

int lookup_node(struct overlay *fs, struct dentry *d, struct node **ret, struct stat *ret_raw)
{
    struct stat st;
    if (d->flags & DENTRY_NODE) {
        *ret = d->node;
        return ret_raw ? attr_raw(fs, d->node, ret_raw) : 0;
    }
    int r = lookup_stat(fs, d, &st);
    if (r < 0)
        return r;
    unsigned type = IFTODT(st.st_mode);
    if (type != d->type) {
        /* A layer was changed underneath: only what is no directory, and was none, can be taken as it is now. */
        if (type == DT_DIR || d->type == DT_DIR)
            return -ESTALE;
        d->type = (uint8_t)type;
    }
    struct node *n = NULL;
    if (st.st_nlink > 1 && type != DT_DIR)
        r = lookup_linked(fs, d, &st, &n);
    if (r == 0 && !n)
        r = lookup_make(fs, d, &st, &n);
    if (r < 0)
        return r;
    dentry_attach(d, n);
    if (ret_raw)
        *ret_raw = st;
    *ret = n;
    return 0;
}
