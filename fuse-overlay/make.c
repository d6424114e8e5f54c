/* New names: declared in tree.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "fuse-overlay/attr.h"
#include "fuse-overlay/changes.h"
#include "fuse-overlay/copyup.h"
#include "fuse-overlay/file.h"
#include "fuse-overlay/lookup.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/origin.h"
#include "fuse-overlay/quota.h"
#include "fuse-overlay/realdir.h"
#include "fuse-overlay/stage.h"
#include "fuse-overlay/tree.h"
#include "fuse-overlay/whiteout.h"

/* Where something new is made: at its place, or staged when a whiteout device has to be replaced. */
struct make {
    struct overlay *fs;
    const struct tree_new *t;
    int dirfd;               /* of the parent's upper directory */
    int64_t dir_bytes;       /* what that takes, before (quota.h) */
    struct dentry *whiteout; /* what is known under the name, or NULL */
    bool is_staged;
    uint64_t staged;
    struct stage_name staged_name;
    int at; /* directory and name to work with */
    const char *name;
    bool has_acl; /* the parent decides about permissions (default ACL), not the umask */
    struct owner want;
    int fd; /* of a regular file, open for writing: whoever makes one mostly goes on to write it; or -1 */
};

static bool make_has_default_acl(struct overlay *fs, struct node *parent, int dirfd)
{
    if (fs->opts->no_acl || parent->flags & NODE_PLAIN)
        return false;
    if (flistxattr(dirfd, NULL, 0) == 0) {
        parent->flags |= NODE_PLAIN;
        return false;
    }
    return fgetxattr(dirfd, "system.posix_acl_default", NULL, 0) > 0;
}

/* The owner of something new: who asks, or with set-group-id the group of the directory (inode(7)). */
static int make_owner(struct make *m)
{
    struct overlay *fs = m->fs;
    const struct tree_new *t = m->t;
    struct stat st;
    int r = attr_ids_to_disk(fs, t->uid, t->gid, &m->want);
    if (r < 0)
        return r;
    if (!t->parent->dir->mode && (r = attr_get(fs, t->parent, &st)) < 0)
        return r;
    m->has_acl = make_has_default_acl(fs, t->parent, m->dirfd);
    m->want.mode = m->has_acl || S_ISLNK(t->mode) ? t->mode : t->mode & ~t->umask;
    m->want.rdev = t->rdev;
    if (!(t->parent->dir->mode & S_ISGID))
        return 0;
    if (fstat(m->dirfd, &st) < 0)
        return -errno;
    m->want.gid = attr_owner(fs, LAYER_UPPER, m->dirfd, ".", &st).gid;
    if (S_ISDIR(t->mode))
        m->want.mode |= S_ISGID;
    return 0;
}

static int make_begin(struct make *m, struct overlay *fs, const struct tree_new *t)
{
    *m = (struct make){.fs = fs, .t = t, .fd = -1};
    int r = lookup_any(fs, t->parent, t->name, &m->whiteout);
    if (r < 0)
        return r;
    if (m->whiteout && !(m->whiteout->flags & DENTRY_WHITEOUT))
        return -EEXIST;
    r = lookup_check_new(fs, t->name);
    if (r == 0)
        r = copyup_dir(fs, t->parent);
    if (r < 0)
        return r;
    m->dirfd = realdir_fd(fs, t->parent->dir->reals[0]);
    if (m->dirfd < 0)
        return m->dirfd;
    m->dir_bytes = quota_bytes(fs, m->dirfd);
    m->at = m->dirfd;
    m->name = t->name;
    if (m->whiteout && !(m->whiteout->flags & DENTRY_WH_FILE)) {
        m->is_staged = true;
        m->staged = stage_new(fs);
        m->staged_name = stage_name(m->staged);
        m->at = fs->work_fd;
        m->name = m->staged_name.s;
    }
    return 0;
}

static int make_on_disk(struct make *m)
{
    const struct overlay *fs = m->fs;
    mode_t type = attr_disk_type(fs, m->t->mode & S_IFMT);
    mode_t mode = m->want.mode & 07777;
    if (fs->layers[LAYER_UPPER].override_xattr)
        mode = S_ISDIR(type) ? 0755 : 0644;
    int r = 0;
    if (S_ISDIR(type))
        r = mkdirat(m->at, m->name, mode & 01777);
    else if (S_ISLNK(type))
        r = symlinkat(m->t->target, m->at, m->name);
    else if (S_ISREG(type))
        r = m->fd = openat(m->at, m->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    else
        r = mknodat(m->at, m->name, type | mode, m->t->rdev);
    return r < 0 ? -errno : 0;
}

static int make_stat(const struct make *m, struct stat *st)
{
    return m->fd >= 0 ? fstat(m->fd, st) : fstatat(m->at, m->name, st, AT_SYMLINK_NOFOLLOW);
}

/* Owner, mode and, over a whiteout, what hides the lower directories. *st: as it is then. */
static int make_attributes(struct make *m, struct stat *st)
{
    if (make_stat(m, st) < 0)
        return -errno;
    if (m->has_acl)
        m->want.mode = (m->want.mode & ~(mode_t)0777) | (st->st_mode & 0777);
    bool override = m->fs->layers[LAYER_UPPER].override_xattr != NULL;
    bool differs = m->want.uid != st->st_uid || m->want.gid != st->st_gid || m->want.mode != st->st_mode;
    if (differs || override) {
        int r = attr_set_owner(m->fs, m->at, m->name, &m->want, st);
        if (r < 0)
            return r;
        if (!override && make_stat(m, st) < 0)
            return -errno;
    }
    if (m->whiteout && m->whiteout->flags & DENTRY_LOWER && S_ISDIR(m->t->mode))
        return whiteout_set_opaque(m->fs, m->at, m->name);
    return 0;
}

/* To its place, instead of the whiteout. */
static int make_appear(const struct make *m)
{
    if (!m->is_staged) {
        if (m->whiteout)
            whiteout_drop_file(m->dirfd, m->t->name);
        return 0;
    }
    bool is_dir = S_ISDIR(m->t->mode);
    int r = stage_place(m->fs, m->staged, m->dirfd, m->t->name, is_dir ? RENAME_EXCHANGE : 0);
    if (r == -EINVAL && is_dir) {
        r = unlinkat(m->dirfd, m->t->name, 0) < 0 ? -errno : 0;
        return r < 0 ? r : stage_place(m->fs, m->staged, m->dirfd, m->t->name, 0);
    }
    if (r == 0 && is_dir)
        stage_remove(m->fs, m->staged);
    return r;
}

static void make_undo(const struct make *m)
{
    if (m->is_staged)
        stage_remove(m->fs, m->staged);
    else if (unlinkat(m->at, m->name, 0) < 0)
        (void)unlinkat(m->at, m->name, AT_REMOVEDIR);
}

/* The name in memory. */
static int make_known(struct make *m, unsigned type, const struct stat *st, struct dentry **ret)
{
    unsigned flags = m->whiteout ? m->whiteout->flags & DENTRY_LOWER : 0;
    if (m->whiteout)
        dir_remove(m->fs, m->whiteout);
    m->whiteout = NULL;
    changes_dir(m->fs, m->t->parent);
    quota_add(m->fs, quota_bytes(m->fs, m->dirfd) - m->dir_bytes, 0);
    *ret = dir_add(m->t->parent, m->t->name, LAYER_UPPER, type, st->st_ino, flags);
    return *ret ? 0 : -ENOMEM;
}

int tree_make(struct overlay *fs, const struct tree_new *t, struct node **ret, struct stat *ret_st)
{
    struct make m;
    struct dentry *d = NULL;
    /* The device 0/0 means "nothing here" in the upper directory. */
    if (S_ISCHR(t->mode) && t->rdev == 0)
        return -EPERM;
    int r = make_begin(&m, fs, t);
    if (r == 0)
        r = make_owner(&m);
    if (r == 0)
        r = quota_take(fs, 0, 1);
    if (r < 0)
        return r;
    r = make_on_disk(&m);
    AUTO_FD int fd = m.fd;
    bool is_made = r == 0;
    if (r == 0)
        r = make_attributes(&m, ret_st);
    if (r == 0)
        r = quota_take(fs, quota_stat_bytes(ret_st), 0);
    if (r == 0 && (r = make_appear(&m)) < 0)
        quota_add(fs, -quota_stat_bytes(ret_st), 0);
    if (r < 0) {
        if (is_made)
            make_undo(&m);
        quota_add(fs, 0, -1);
        return r;
    }
    bool is_plain = t->parent->flags & NODE_PLAIN && !m.whiteout && !fs->layers[LAYER_UPPER].override_xattr;
    origin_drop(fs, ret_st->st_ino);
    r = make_known(&m, IFTODT(ret_st->st_mode), ret_st, &d);
    if (r == 0)
        r = lookup_attach(fs, d, ret_st, ret);
    if (r < 0)
        return r;
    if (is_plain)
        (*ret)->flags |= NODE_PLAIN;
    if (S_ISDIR(ret_st->st_mode))
        (*ret)->dir->is_loaded = true; /* nothing is in it */
    return fd >= 0 && S_ISREG(t->mode) ? file_set(fs, *ret, TAKE_FD(fd), true) : 0;
}

int tree_make_tmpfile(struct overlay *fs, const struct tree_new *t, struct node **ret, struct stat *ret_st)
{
    struct make m = {.fs = fs, .t = t, .at = fs->work_fd, .is_staged = true, .fd = -1};
    int r = copyup_dir(fs, t->parent);
    if (r < 0)
        return r;
    m.dirfd = realdir_fd(fs, t->parent->dir->reals[0]);
    r = m.dirfd < 0 ? m.dirfd : make_owner(&m);
    if (r == 0)
        r = quota_take(fs, 0, 1);
    if (r < 0)
        return r;
    m.staged = stage_new(fs);
    m.staged_name = stage_name(m.staged);
    m.name = m.staged_name.s;
    AUTO_FD int fd =
        openat(fs->work_fd, m.name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, m.want.mode & 07777);
    r = fd < 0 ? -errno : make_attributes(&m, ret_st);
    struct node *n = r < 0 ? NULL : node_new(DT_REG, LAYER_UPPER, ret_st->st_ino, origin_ino(fs, 0, ret_st->st_ino));
    if (r == 0)
        r = n ? file_set(fs, n, TAKE_FD(fd), true) : -ENOMEM;
    if (r < 0) {
        stage_remove(fs, m.staged);
        quota_add(fs, 0, -1);
        if (n)
            node_drop(fs, n);
        return r;
    }
    n->file->staged = m.staged;
    *ret = n;
    return 0;
}

/* Give the file another name on disk, below m->at. */
static int link_on_disk(const struct make *m, struct node *n)
{
    int dirfd = -1;
    const char *name = NULL;
    int r = attr_place(m->fs, n, &dirfd, &name);
    if (r == 0)
        return linkat(dirfd, name, m->at, m->name, 0) < 0 ? -errno : 0;
    if (r != -ESTALE || !n->file || !n->file->staged)
        return r == -ESTALE ? -ENOENT : r;
    /* Its first name: the file itself moves. */
    r = stage_place(m->fs, n->file->staged, m->at, m->name, m->is_staged ? 0 : RENAME_NOREPLACE);
    if (r == 0)
        n->file->staged = 0;
    return r;
}

int tree_link(struct overlay *fs, struct node *n, struct node *parent, const char *name)
{
    struct tree_new t = {.parent = parent, .name = name, .mode = S_IFREG};
    struct make m;
    struct dentry *d = NULL;
    struct stat st;
    if (n->type == DT_DIR)
        return -EPERM;
    int r = copyup_file(fs, n, -1, 0);
    if (r >= 0)
        r = make_begin(&m, fs, &t);
    if (r == 0)
        r = link_on_disk(&m, n);
    if (r < 0)
        return r;
    if (fstatat(m.at, m.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    if (r == 0)
        r = make_appear(&m);
    if (r == 0)
        r = make_known(&m, n->type, &st, &d);
    if (r < 0) {
        make_undo(&m);
        return r;
    }
    dentry_attach(d, n);
    file_relist(fs, n);
    changes_node(fs, n);
    return st.st_nlink > 1 ? node_hash(fs, n) : 0;
}
