/* Hard links over copy-up: all names of a lower file become links to the one copy. Declared in copyup.h.
 *
 * Names that are in memory are linked at once. For those that are not, a link "ix<N>" stays in the work directory, and
 * the group of links remembers the copy: when such a name is looked up, it is linked then (copyup_join). Until the
 * mount ends all names are one file; afterwards those that nobody looked at are what the layer has. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse-overlay/changes.h"
#include "fuse-overlay/copyup.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/origin.h"
#include "fuse-overlay/realdir.h"
#include "fuse-overlay/stage.h"

struct index_name {
    char s[24];
};

static struct index_name index_name(uint64_t number)
{
    struct index_name n;
    (void)snprintf(n.s, sizeof(n.s), "ix%" PRIx64, number);
    return n;
}

/* Link fromfd/from into the directory of `d`, in the upper layer. */
static int link_name(struct overlay *fs, int from_fd, const char *from, struct dentry *d)
{
    struct stat st;
    int r = copyup_dir(fs, d->parent);
    if (r < 0)
        return r;
    int dirfd = realdir_fd(fs, d->parent->dir->reals[0]);
    if (dirfd < 0 || fstat(dirfd, &st) < 0)
        return dirfd < 0 ? dirfd : -errno;
    if (linkat(from_fd, from, dirfd, d->name, 0) < 0)
        return -errno;
    copyup_restore_times(dirfd, &st);
    d->layer = LAYER_UPPER;
    d->flags |= DENTRY_LOWER;
    changes_dir(fs, d->parent);
    return 0;
}

static uint32_t dev_index_of(const struct overlay *fs, const struct stat *lower)
{
    uint32_t dev_index = 0;
    for (size_t i = 1; i < fs->n_layers; i++)
        dev_index = fs->layers[i].dev == lower->st_dev ? fs->layers[i].dev_index : dev_index;
    return dev_index;
}

int copyup_links_removed(struct overlay *fs, struct node *n, const struct stat *lower, uint64_t upper_ino,
                         uint64_t staged)
{
    struct origin *group = origin_group(fs, dev_index_of(fs, lower), lower->st_ino, true);
    struct origin *copy = NULL;
    if (!group)
        return -ENOMEM;
    int64_t links = (int64_t)lower->st_nlink + group->bias;
    if (links <= 0)
        return 0;
    uint64_t index = stage_new(fs);
    if (renameat(fs->work_fd, stage_name(staged).s, fs->work_fd, index_name(index).s) < 0)
        return -errno;
    copy = origin_set(fs, upper_ino, n->ino);
    if (!copy)
        return -ENOMEM;
    copy->index = index;
    copy->bias = (int32_t)links - 1;
    group->ino = upper_ino;
    return 1;
}

int copyup_links(struct overlay *fs, struct node *n, const struct stat *lower, const struct stat *upper)
{
    /* node->names' first is where the copy is. */
    struct dentry *first = n->names;
    struct origin *group = origin_group(fs, dev_index_of(fs, lower), lower->st_ino, true);
    struct origin *copy = origin_find(fs, upper->st_ino);
    int dirfd = realdir_fd(fs, first->parent->dir->reals[0]);
    if (!group || !copy || dirfd < 0)
        return dirfd < 0 ? dirfd : -ENOMEM;
    uint64_t index = stage_new(fs);
    if (linkat(dirfd, first->name, fs->work_fd, index_name(index).s, 0) < 0)
        return -errno;
    int32_t links = 2;
    for (struct dentry *d = n->names; d; d = d->alias) {
        if (d == first || overlay_is_upper(fs, d->layer))
            continue;
        int r = link_name(fs, fs->work_fd, index_name(index).s, d);
        if (r < 0)
            return r;
        links++;
    }
    group->ino = upper->st_ino;
    copy->index = index;
    copy->bias = (int32_t)lower->st_nlink + group->bias - links;
    return node_hash(fs, n);
}

int copyup_join(struct overlay *fs, struct dentry *d)
{
    struct realdir *rd = dir_real(d->parent->dir, d->layer);
    int fd = rd ? realdir_fd(fs, rd) : -ESTALE;
    struct stat st;
    if (fd < 0 || fstatat(fd, d->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fd < 0 ? fd : -errno;
    const struct origin *group = origin_group(fs, fs->layers[d->layer].dev_index, st.st_ino, false);
    struct origin *copy = group ? origin_find(fs, group->ino) : NULL;
    if (!copy || !copy->index)
        return 0;
    int r = link_name(fs, fs->work_fd, index_name(copy->index).s, d);
    if (r == 0)
        copy->bias--;
    return r;
}

void origin_unlinked(struct overlay *fs, uint64_t upper_ino, int64_t links_left)
{
    struct origin *o = origin_find(fs, upper_ino);
    if (!o || links_left + o->bias > 0)
        return;
    if (o->index)
        (void)unlinkat(fs->work_fd, index_name(o->index).s, 0);
    origin_drop(fs, upper_ino);
}
