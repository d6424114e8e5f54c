/* Renaming: declared in tree.h.
 *
 * What moves is copied up first, directories with everything below them, so that it consists of the upper layer alone
 * and the kernel's overlay with userxattr, which follows no redirects, shows the same tree. Then one rename(2) on the
 * upper directory, whose flags leave the whiteout behind (RENAME_WHITEOUT) or swap a directory with what is in its way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuse-overlay/attr.h"
#include "fuse-overlay/changes.h"
#include "fuse-overlay/copyup.h"
#include "fuse-overlay/file.h"
#include "fuse-overlay/lookup.h"
#include "fuse-overlay/merge.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/quota.h"
#include "fuse-overlay/realdir.h"
#include "fuse-overlay/tree.h"
#include "fuse-overlay/whiteout.h"

/* One end of a rename. */
struct side {
    struct node *dir;
    const char *name;
    struct dentry *d; /* entry or whiteout, or NULL */
    struct node *n;   /* NULL: nothing visible; held */
    int fd;           /* of the upper directory */
};

static bool side_has_lower(const struct overlay *fs, const struct side *s)
{
    return s->d && (s->d->flags & DENTRY_LOWER || !overlay_is_upper(fs, s->d->layer));
}

/* 0, 1: begin anew since the lock was away, or an errno. */
static int side_find(struct overlay *fs, struct side *s)
{
    int r = lookup_any(fs, s->dir, s->name, &s->d);
    if (r < 0 || !s->d || s->d->flags & DENTRY_WHITEOUT)
        return r;
    r = lookup_node(fs, s->d, &s->n, NULL);
    if (r < 0)
        return r;
    node_ref(s->n);
    return copyup_wait(fs, s->n) ? 1 : 0;
}

static void side_done(struct overlay *fs, struct side *s)
{
    if (s->n)
        node_unref(fs, s->n);
    s->n = NULL;
}

static int side_copyup(struct overlay *fs, struct side *s)
{
    if (s->n->type != DT_DIR)
        return copyup_file(fs, s->n, -1, 0);
    int r = copyup_tree(fs, s->n);
    return r == -EAGAIN ? 1 : r;
}

/* A whiteout that hides nothing any more. It has to go: the kernel's overlay lists a directory that consists of its
 * upper directory alone as it is. */
static void side_drop_whiteout(struct overlay *fs, struct dentry *d)
{
    int fd = realdir_fd(fs, d->parent->dir->reals[0]);
    if (fd < 0)
        return;
    if (d->flags & DENTRY_WH_FILE)
        whiteout_drop_file(fd, d->name);
    else
        (void)unlinkat(fd, d->name, 0);
    dir_remove(fs, d);
}

/* A directory that was copied up with all its contents consists of its upper directory alone from now on. */
static void side_cut_off(struct overlay *fs, struct node *n)
{
    struct dir *dir = n->dir;
    while (dir->n_reals > 1)
        realdir_unref(fs, dir->reals[--dir->n_reals]);
    for (uint32_t i = 0; i < dir->n_buckets; i++) {
        for (struct dentry *d = dir->buckets[i], *next; d; d = next) {
            next = d->hash_next;
            d->flags &= (uint8_t)~DENTRY_LOWER;
            if (d->flags & DENTRY_WHITEOUT)
                side_drop_whiteout(fs, d);
            else if (d->type == DT_DIR) {
                mem_freep(&d->joined);
                d->layer = LAYER_UPPER;
                if (d->flags & DENTRY_NODE)
                    side_cut_off(fs, d->node);
            }
        }
    }
}

/* What moves to the other side must hide what lower layers have there. */
static int side_make_opaque(struct overlay *fs, const struct side *s, bool needed)
{
    if (s->n->type != DT_DIR)
        return 0;
    int r = needed ? whiteout_set_opaque(fs, s->fd, s->name) : 0;
    if (r == 0) {
        side_cut_off(fs, s->n);
        s->n->flags &= (uint8_t)~NODE_PLAIN;
    }
    return r;
}

/* The entry disappears from memory; the node stays held. */
static void side_forget(struct overlay *fs, struct side *s)
{
    if (s->d)
        dir_remove(fs, s->d);
    s->d = NULL;
}

/* `n` has the name of this side now. */
static int side_enter(struct overlay *fs, struct side *s, struct node *n, bool has_lower)
{
    s->d = dir_add(s->dir, s->name, LAYER_UPPER, n->type, n->real_ino, has_lower ? DENTRY_LOWER : 0);
    if (!s->d)
        return -ENOMEM;
    dentry_attach(s->d, n);
    changes_dir(fs, s->dir);
    return n->type == DT_DIR ? realdir_moved(fs, n->dir->reals[0], s->dir->dir->reals[0], s->name) : 0;
}

static int rename_exchange(struct overlay *fs, struct side *from, struct side *to)
{
    bool from_lower = side_has_lower(fs, from), to_lower = side_has_lower(fs, to);
    int r = side_make_opaque(fs, from, to_lower);
    if (r == 0)
        r = side_make_opaque(fs, to, from_lower);
    if (r == 0 && renameat2(from->fd, from->name, to->fd, to->name, RENAME_EXCHANGE) < 0)
        r = -errno;
    if (r < 0)
        return r;
    side_forget(fs, from);
    side_forget(fs, to);
    r = side_enter(fs, from, to->n, from_lower);
    return r < 0 ? r : side_enter(fs, to, from->n, to_lower);
}

/* A directory cannot be renamed over a whiteout or a directory with whiteouts in it: they change places, and what is in
 * the old place then is removed, or is the whiteout that is needed there. */
static int rename_dir_over(struct overlay *fs, struct side *from, struct side *to, bool leave_whiteout)
{
    if (renameat2(from->fd, from->name, to->fd, to->name, RENAME_EXCHANGE) < 0)
        return -errno;
    if (to->n)
        return leave_whiteout ? whiteout_over_dir(fs, from->fd, from->name) : whiteout_rmdir(fs, from->fd, from->name);
    if (leave_whiteout)
        return 0;
    return unlinkat(from->fd, from->name, 0) < 0 ? -errno : 0;
}

static int rename_on_disk(struct overlay *fs, struct side *from, struct side *to, bool leave_whiteout)
{
    bool in_the_way = to->d && overlay_is_upper(fs, to->d->layer) && (to->n || !(to->d->flags & DENTRY_WH_FILE));
    if (from->n->type == DT_DIR && in_the_way)
        return rename_dir_over(fs, from, to, leave_whiteout);
    int r = -EINVAL;
    if (leave_whiteout && !fs->wh_files)
        r = renameat2(from->fd, from->name, to->fd, to->name, RENAME_WHITEOUT) < 0 ? -errno : 0;
    if (r == -EINVAL || r == -EPERM) {
        r = renameat(from->fd, from->name, to->fd, to->name) < 0 ? -errno : 0;
        if (r == 0 && leave_whiteout)
            r = whiteout_make(fs, from->fd, from->name);
    }
    return r;
}

static int rename_replace(struct overlay *fs, struct side *from, struct side *to)
{
    bool leave_whiteout = side_has_lower(fs, from), to_lower = side_has_lower(fs, to);
    bool had_wh_file = to->d && to->d->flags & DENTRY_WH_FILE;
    int r = to->n ? tree_keep(fs, to->d, to->n) : 0;
    if (r == 0)
        r = side_make_opaque(fs, from, to_lower);
    int64_t grown = -quota_bytes(fs, to->fd), replaced = r == 0 && to->n ? quota_dir_bytes(fs, to->n) : 0;
    bool replaced_dir = to->n && to->n->type == DT_DIR && overlay_is_upper(fs, to->n->layer);
    if (r == 0)
        r = rename_on_disk(fs, from, to, leave_whiteout);
    if (r < 0)
        return r;
    quota_add(fs, grown + quota_bytes(fs, to->fd) - replaced, replaced_dir ? -1 : 0);
    if (had_wh_file)
        whiteout_drop_file(to->fd, to->name);
    if (to->n && to->n->type == DT_DIR)
        to->n->flags |= NODE_REMOVED;
    else if (to->n)
        tree_count_unlinked(fs, to->n, to->d->layer);
    side_forget(fs, to);
    if (to->n && to->n->type != DT_DIR)
        file_relist(fs, to->n);
    side_forget(fs, from);
    changes_dir(fs, from->dir);
    r = side_enter(fs, to, from->n, to_lower);
    if (r == 0 && leave_whiteout)
        r = tree_add_whiteout(fs, from->dir, from->name);
    return r;
}

/* What must hold of both ends, and everything that has to be in the upper directory. 1: begin anew. */
static int rename_prepare(struct overlay *fs, struct side *from, struct side *to, unsigned flags)
{
    int r = side_find(fs, from);
    if (r == 0)
        r = side_find(fs, to);
    if (r != 0)
        return r;
    if (!from->n)
        return -ENOENT;
    if (flags & RENAME_NOREPLACE && to->n)
        return -EEXIST;
    if (flags & RENAME_EXCHANGE && !to->n)
        return -ENOENT;
    r = to->n ? 0 : lookup_check_new(fs, to->name);
    if (r < 0)
        return r;
    if (!(flags & RENAME_EXCHANGE) && to->n) {
        if ((from->n->type == DT_DIR) != (to->n->type == DT_DIR))
            return to->n->type == DT_DIR ? -EISDIR : -ENOTDIR;
        if (to->n->type == DT_DIR && (r = merge_load(fs, to->n)) < 0)
            return r;
        if (to->n->type == DT_DIR && to->n->dir->n_listed)
            return -ENOTEMPTY;
    }
    r = side_copyup(fs, from);
    if (r == 0 && flags & RENAME_EXCHANGE)
        r = side_copyup(fs, to);
    if (r == 0)
        r = copyup_dir(fs, from->dir);
    if (r == 0)
        r = copyup_dir(fs, to->dir);
    if (r != 0)
        return r;
    from->fd = realdir_fd(fs, from->dir->dir->reals[0]);
    to->fd = realdir_fd(fs, to->dir->dir->reals[0]);
    return from->fd < 0 ? from->fd : to->fd < 0 ? to->fd : 0;
}

int tree_rename(struct overlay *fs, struct node *from_dir, const char *from_name, struct node *to_dir,
                const char *to_name, unsigned flags)
{
    if (!fs->writable)
        return -EROFS;
    if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    for (;;) {
        struct side from = {.dir = from_dir, .name = from_name}, to = {.dir = to_dir, .name = to_name};
        int r = rename_prepare(fs, &from, &to, flags);
        if (r == 0 && from.n == to.n) /* two links of one file: nothing happens */
            r = 0;
        else if (r == 0)
            r = flags & RENAME_EXCHANGE ? rename_exchange(fs, &from, &to) : rename_replace(fs, &from, &to);
        side_done(fs, &from);
        side_done(fs, &to);
        if (r <= 0)
            return r;
    }
}
