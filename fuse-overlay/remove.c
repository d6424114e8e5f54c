/* Removing names: declared in tree.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse-overlay/attr.h"
#include "fuse-overlay/changes.h"
#include "fuse-overlay/copyup.h"
#include "fuse-overlay/file.h"
#include "fuse-overlay/lookup.h"
#include "fuse-overlay/merge.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/origin.h"
#include "fuse-overlay/quota.h"
#include "fuse-overlay/realdir.h"
#include "fuse-overlay/tree.h"
#include "fuse-overlay/whiteout.h"

void tree_count_unlinked(struct overlay *fs, struct node *n, unsigned layer)
{
    struct stat st;
    if (!overlay_is_upper(fs, layer)) {
        if (!(n->flags & NODE_HASHED))
            return;
        struct origin *group = origin_group(fs, fs->layers[layer].dev_index, n->real_ino, true);
        if (group)
            group->bias--;
        return;
    }
    if (!origin_find(fs, n->real_ino))
        return;
    if (!(n->flags & NODE_HASHED))
        st.st_nlink = 0;
    else if (!n->file || fstat(n->file->fd, &st) < 0) /* another name is left, or file_keep() has a descriptor */
        return;
    origin_unlinked(fs, n->real_ino, (int64_t)st.st_nlink);
}

int tree_keep(struct overlay *fs, struct dentry *d, struct node *n)
{
    if (n->type == DT_DIR)
        return realdir_pin(fs, n->dir->reals[0]);
    bool is_last = n->names == d && !d->alias;
    /* Links of a copy are counted by what fstat(2) says afterwards. */
    if (!is_last && !(n->flags & NODE_HASHED))
        return 0;
    return file_keep(fs, n);
}

int tree_add_whiteout(struct overlay *fs, struct node *parent, const char *name)
{
    unsigned flags = DENTRY_WHITEOUT | DENTRY_LOWER | (fs->wh_files ? DENTRY_WH_FILE : 0);
    return dir_add(parent, name, LAYER_UPPER, DT_CHR, 0, flags) ? 0 : -ENOMEM;
}

/* From the disk. `*ret_whiteout`: there is a whiteout in its place. */
static int unlink_on_disk(struct overlay *fs, const struct dentry *d, int dirfd, bool *ret_whiteout)
{
    bool is_upper = overlay_is_upper(fs, d->layer), is_dir = d->type == DT_DIR;
    *ret_whiteout = !is_upper || d->flags & DENTRY_LOWER;
    if (!is_upper)
        return whiteout_make(fs, dirfd, d->name);
    if (*ret_whiteout && !(d->flags & DENTRY_WH_FILE))
        return is_dir ? whiteout_over_dir(fs, dirfd, d->name) : whiteout_over_file(fs, dirfd, d->name);
    int r = 0;
    if (is_dir)
        r = whiteout_rmdir(fs, dirfd, d->name);
    else if (unlinkat(dirfd, d->name, 0) < 0)
        r = -errno;
    if (r == 0 && !*ret_whiteout && d->flags & DENTRY_WH_FILE)
        whiteout_drop_file(dirfd, d->name);
    return r;
}

/* `n` is held by the caller. */
static int tree_remove(struct overlay *fs, struct dentry *d, struct node *n)
{
    struct node *parent = d->parent;
    bool whiteout = false;
    int r = copyup_dir(fs, parent);
    if (r == 0)
        r = tree_keep(fs, d, n);
    if (r < 0)
        return r;
    int dirfd = realdir_fd(fs, parent->dir->reals[0]);
    if (dirfd < 0)
        return dirfd;
    int64_t dir_bytes = quota_dir_bytes(fs, n);
    r = unlink_on_disk(fs, d, dirfd, &whiteout);
    if (r < 0)
        return r;
    if (n->type == DT_DIR) {
        n->flags |= NODE_REMOVED;
        quota_add(fs, -dir_bytes, overlay_is_upper(fs, d->layer) ? -1 : 0);
    } else
        tree_count_unlinked(fs, n, d->layer);
    /* The name outlives its entry: an empty string would be wrong for the whiteout. */
    char name[NAME_MAX + 1];
    size_t len = 0;
    for (; len < NAME_MAX && d->name[len]; len++)
        name[len] = d->name[len];
    name[len] = '\0';
    bool wh_file = d->flags & DENTRY_WH_FILE;
    dir_remove(fs, d);
    if (n->type != DT_DIR)
        file_relist(fs, n);
    changes_dir(fs, parent);
    if (!whiteout)
        return 0;
    r = tree_add_whiteout(fs, parent, name);
    struct dentry *w = wh_file && r == 0 ? dir_find(parent, name) : NULL;
    if (w)
        w->flags |= DENTRY_WH_FILE;
    return r;
}

int tree_unlink(struct overlay *fs, struct node *parent, const char *name)
{
    struct dentry *d = NULL;
    struct node *n = NULL;
    if (!fs->writable)
        return -EROFS;
    for (;;) {
        int r = lookup_entry(fs, parent, name, &d);
        if (r == 0 && d->type == DT_DIR)
            r = -EISDIR;
        if (r == 0)
            r = lookup_node(fs, d, &n, NULL);
        if (r < 0)
            return r;
        if (!copyup_wait(fs, n))
            break;
    }
    node_ref(n);
    int r = tree_remove(fs, d, n);
    node_unref(fs, n);
    return r;
}

int tree_rmdir(struct overlay *fs, struct node *parent, const char *name)
{
    struct dentry *d = NULL;
    struct node *n = NULL;
    if (!fs->writable)
        return -EROFS;
    int r = lookup_entry(fs, parent, name, &d);
    if (r == 0 && d->type != DT_DIR)
        r = -ENOTDIR;
    if (r == 0)
        r = lookup_node(fs, d, &n, NULL);
    if (r < 0)
        return r;
    node_ref(n);
    r = merge_load(fs, n);
    if (r == 0 && n->dir->n_listed)
        r = -ENOTEMPTY;
    if (r == 0)
        r = tree_remove(fs, d, n);
    node_unref(fs, n);
    return r;
}
