#include "fuse-overlay/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/override.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/origin.h"
#include "fuse-overlay/realdir.h"

int attr_place(struct overlay *fs, struct node *n, int *ret_dirfd, const char **ret_name)
{
    struct realdir *rd = NULL;
    if (n->type == DT_DIR)
        rd = n->dir->reals[0];
    else if (n->names)
        rd = dir_real(n->names->parent->dir, n->layer);
    if (!rd)
        return -ESTALE;
    int fd = realdir_fd(fs, rd);
    if (fd < 0)
        return fd;
    *ret_dirfd = fd;
    *ret_name = n->type == DT_DIR ? "." : n->names->name;
    return 0;
}

int attr_raw(struct overlay *fs, struct node *n, struct stat *ret)
{
    int dirfd = -1;
    const char *name = NULL;
    if (n->type == DT_DIR) {
        struct realdir *rd = n->dir->reals[0];
        /* A directory that is only looked at need not be opened. */
        if (rd->fd < 0 && n->names) {
            dirfd = realdir_fd(fs, rd->parent);
            if (dirfd < 0)
                return dirfd;
            return fstatat(dirfd, rd->name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
        }
        int fd = realdir_fd(fs, rd);
        return fd < 0 ? fd : fstat(fd, ret) < 0 ? -errno : 0;
    }
    if (n->file)
        return fstat(n->file->fd, ret) < 0 ? -errno : 0;
    int r = attr_place(fs, n, &dirfd, &name);
    if (r < 0)
        return r;
    return fstatat(dirfd, name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* The attribute of a layer that keeps owners in attributes. Links and special files can't have one. */
static bool attr_read_override(const struct layer *l, int dirfd, const char *name, const struct stat *st,
                               struct override *ret)
{
    char buf[OVERRIDE_MAX];
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return false;
    if (fchdir(dirfd) < 0)
        return false;
    ssize_t n = lgetxattr(name, l->override_xattr, buf, sizeof(buf));
    return n > 0 && override_parse(buf, (size_t)n, ret);
}

struct owner attr_owner(struct overlay *fs, unsigned layer, int dirfd, const char *name, const struct stat *st)
{
    struct owner o = {st->st_uid, st->st_gid, st->st_mode, st->st_rdev};
    const struct layer *l = &fs->layers[layer];
    struct override v;
    if (!l->override_xattr || dirfd < 0)
        return o;
    if (!attr_read_override(l, dirfd, name, st, &v)) {
        if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
            o.uid = o.gid = 0;
        return o;
    }
    o.uid = v.uid;
    o.gid = v.gid;
    /* A directory stays one, whatever is claimed, and nothing else becomes one or a link. */
    mode_t type = v.has_type ? v.mode & S_IFMT : st->st_mode & S_IFMT;
    if (S_ISDIR(st->st_mode) || S_ISDIR(type) || S_ISLNK(type))
        type = st->st_mode & S_IFMT;
    o.mode = type | (v.mode & 07777);
    o.rdev = v.rdev;
    return o;
}

/* Links to show of something that is no directory. */
static nlink_t attr_links(struct overlay *fs, const struct node *n, nlink_t real)
{
    const struct origin *o = NULL;
    if (overlay_is_upper(fs, n->layer))
        o = origin_find(fs, n->real_ino);
    else if (real > 1)
        o = origin_group(fs, fs->layers[n->layer].dev_index, n->real_ino, false);
    else if (!n->names)
        return 0; /* removed, though its layer still has it */
    if (!o)
        return real;
    int64_t links = (int64_t)real + o->bias;
    return links < 0 ? 0 : (nlink_t)links;
}

static nlink_t attr_dir_links(const struct overlay *fs, const struct node *n, nlink_t real)
{
    if (n->flags & NODE_REMOVED)
        return 0;
    /* As the kernel's overlay has it: 1 tells programs not to count on it. */
    return fs->opts->static_nlink || n->dir->n_reals > 1 ? 1 : real;
}

static void attr_show_ids(const struct overlay *fs, struct stat *st)
{
    const struct options *o = fs->opts;
    st->st_uid = o->squash_uid ? o->squash_to_uid : ids_to_ct(&o->uids, st->st_uid, fs->overflow_uid);
    st->st_gid = o->squash_gid ? o->squash_to_gid : ids_to_ct(&o->gids, st->st_gid, fs->overflow_gid);
}

void attr_show(struct overlay *fs, struct node *n, struct stat *st)
{
    if (fs->layers[n->layer].override_xattr) {
        int dirfd = -1;
        const char *name = NULL;
        (void)attr_place(fs, n, &dirfd, &name);
        struct owner o = attr_owner(fs, n->layer, dirfd, name, st);
        st->st_uid = o.uid;
        st->st_gid = o.gid;
        st->st_mode = o.mode;
        st->st_rdev = o.rdev;
    }
    attr_show_ids(fs, st);
    st->st_ino = n->ino;
    if (n->type == DT_DIR) {
        st->st_nlink = attr_dir_links(fs, n, st->st_nlink);
        n->dir->mode = st->st_mode;
    } else {
        st->st_nlink = attr_links(fs, n, st->st_nlink);
    }
}

int attr_get(struct overlay *fs, struct node *n, struct stat *ret)
{
    int r = attr_raw(fs, n, ret);
    if (r < 0)
        return r;
    attr_show(fs, n, ret);
    return 0;
}
