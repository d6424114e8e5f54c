#include "fuse-overlay/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fuse-overlay/attr.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/realdir.h"

/* One layer's part of a directory while it is read. */
struct merge {
    struct overlay *fs;
    struct node *node;
    int fd;
    unsigned layer;
    bool is_last;       /* no layer below has this directory */
    bool is_opaque;     /* found to hide what is below */
    bool has_xwhiteout; /* "x": regular files may be whiteouts by an attribute (Linux 6.7) */
};

/* getdents64(2) */
struct merge_dirent {
    uint64_t ino;
    int64_t off;
    unsigned short len;
    unsigned char type;
    char name[];
};

/* Is the directory opaque? Only asked where there is something below to hide. */
static void merge_read_opaque(struct merge *m)
{
    static const char *const names[] = {"user.overlay.opaque", "user.fuseoverlayfs.opaque", "trusted.overlay.opaque"};
    if (m->is_last || flistxattr(m->fd, NULL, 0) == 0)
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char value = 0;
        if (fgetxattr(m->fd, names[i], &value, 1) != 1)
            continue;
        m->is_opaque = m->is_opaque || value == 'y';
        m->has_xwhiteout = m->has_xwhiteout || value == 'x';
    }
}

/* Type of an entry, and whether it is a whiteout itself. */
static int merge_type(const struct merge *m, const char *name, unsigned *type, bool *ret_whiteout)
{
    *ret_whiteout = false;
    if (*type != DT_UNKNOWN && *type != DT_CHR && !(*type == DT_REG && m->has_xwhiteout))
        return 0;
    struct stat st;
    if (fstatat(m->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 1 : -errno;
    *type = IFTODT(st.st_mode);
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))
        *ret_whiteout = true;
    else if (m->has_xwhiteout && S_ISREG(st.st_mode) && st.st_size == 0 && fchdir(m->fd) == 0)
        *ret_whiteout = lgetxattr(name, "user.overlay.whiteout", NULL, 0) >= 0;
    return 0;
}

/* The name is known from this layer already: "x" and ".wh.x" beside each other, where "x" counts and nothing below. */
static int merge_same_layer(struct dentry *d, const struct merge_dirent *e, bool is_whiteout)
{
    d->flags = (uint8_t)((d->flags & ~DENTRY_OPEN) | DENTRY_SEEN);
    if (is_whiteout) {
        if (d->flags & DENTRY_HIDDEN)
            return 0;
        d->flags |= DENTRY_WH_FILE;
        return 0;
    }
    if (!(d->flags & DENTRY_HIDDEN))
        return 0;
    d->flags = (uint8_t)((d->flags & ~(DENTRY_HIDDEN | DENTRY_WHITEOUT)) | DENTRY_WH_FILE);
    d->type = e->type;
    d->ino = e->ino;
    return dir_list(d);
}

/* The name is known from a layer above. */
static int merge_below(const struct merge *m, struct dentry *d, unsigned type, bool is_whiteout)
{
    if (!(d->flags & DENTRY_SEEN))
        d->flags |= (uint8_t)(DENTRY_SEEN | (is_whiteout ? 0 : DENTRY_LOWER));
    if (!(d->flags & DENTRY_OPEN))
        return 0;
    if (!is_whiteout && type == DT_DIR)
        return dentry_join(d, m->layer, false);
    d->flags &= (uint8_t)~DENTRY_OPEN;
    return 0;
}

static int merge_name(const struct merge *m, const struct merge_dirent *e, const char *name, bool is_whiteout,
                      bool is_wh_file)
{
    struct dentry *d = dir_find(m->node, name);
    if (d && d->layer == m->layer && (is_wh_file || d->flags & DENTRY_WH_FILE || d->flags & DENTRY_HIDDEN))
        return merge_same_layer(d, e, is_whiteout);
    if (d && d->layer == m->layer) /* a file system that lists a name twice */
        return 0;
    if (d)
        return merge_below(m, d, e->type, is_whiteout);
    unsigned flags = is_whiteout ? DENTRY_HIDDEN : e->type == DT_DIR && !m->is_last ? DENTRY_OPEN : 0;
    if (is_whiteout && overlay_is_upper(m->fs, m->layer))
        flags |= DENTRY_WHITEOUT;
    if (is_wh_file)
        flags |= DENTRY_WH_FILE;
    unsigned type = is_whiteout ? DT_CHR : e->type;
    return dir_add(m->node, name, m->layer, type, e->ino, flags) ? 0 : -ENOMEM;
}

static int merge_entry(struct merge *m, struct merge_dirent *e)
{
    const char *name = e->name;
    if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
        return 0;
    if (overlay_name_is_own(name)) {
        if (strcmp(name, ".wh..wh..opq") == 0)
            m->is_opaque = true;
        /* Others that begin with ".wh..wh." are aufs' own. ".wh." alone is nothing. */
        if (!name[4] || strncmp(name + 4, ".wh.", 4) == 0)
            return 0;
        return merge_name(m, e, name + 4, true, true);
    }
    bool is_whiteout = false;
    unsigned type = e->type;
    int r = merge_type(m, name, &type, &is_whiteout);
    if (r != 0) /* gone meanwhile, or an error */
        return r < 0 ? r : 0;
    e->type = (unsigned char)type;
    return merge_name(m, e, name, is_whiteout, false);
}

static int merge_layer(struct merge *m)
{
    merge_read_opaque(m);
    if (lseek(m->fd, 0, SEEK_SET) < 0)
        return errno == EBADF ? -EACCES : -errno; /* O_PATH: it may not be read */
    for (;;) {
        long n = syscall(SYS_getdents64, m->fd, m->fs->dents, OVERLAY_DENTS_BYTES);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        for (long at = 0; at < n;) {
            struct merge_dirent *e = (void *)(m->fs->dents + at);
            at += e->len;
            int r = merge_entry(m, e);
            if (r < 0)
                return r;
        }
    }
}

/* Whiteouts of lower layers have done their work; those of the upper directory stay, since they are in the way there.
 */
static void merge_finish(struct overlay *fs, struct dir *dir)
{
    for (uint32_t i = 0; i < dir->n_buckets; i++) {
        for (struct dentry *d = dir->buckets[i], *next; d; d = next) {
            next = d->hash_next;
            bool is_done = d->flags & DENTRY_HIDDEN && !(d->flags & DENTRY_WHITEOUT);
            d->flags &= (uint8_t) ~(DENTRY_OPEN | DENTRY_SEEN | DENTRY_HIDDEN);
            if (is_done)
                dir_remove(fs, d);
        }
    }
    dir->is_loaded = true;
}

int merge_load(struct overlay *fs, struct node *node)
{
    struct dir *dir = node->dir;
    if (dir->is_loaded)
        return 0;
    for (uint32_t i = 0; i < dir->n_reals; i++) {
        struct realdir *rd = dir->reals[i];
        struct merge m = {.fs = fs, .node = node, .layer = rd->layer, .is_last = i + 1 == dir->n_reals};
        m.fd = realdir_fd(fs, rd);
        int r = m.fd;
        if (r >= 0)
            r = merge_layer(&m);
        else if (r == -ENOENT && i > 0) /* a layer was changed underneath */
            r = 0;
        if (r < 0) {
            dir_clear(dir);
            return r;
        }
        while (m.is_opaque && dir->n_reals > i + 1)
            realdir_unref(fs, dir->reals[--dir->n_reals]);
    }
    merge_finish(fs, dir);
    return 0;
}
