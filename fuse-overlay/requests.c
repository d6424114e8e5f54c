#include "fuse-overlay/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuse-overlay/attr.h"
#include "fuse-overlay/changes.h"
#include "fuse-overlay/changes_ioctl.h"
#include "fuse-overlay/file.h"
#include "fuse-overlay/lookup.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/protocol.h"
#include "fuse-overlay/quota.h"
#include "fuse-overlay/realdir.h"
#include "fuse-overlay/xattr.h"

struct overlay *requests_fs(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

static struct overlay *lock(fuse_req_t req)
{
    struct overlay *fs = requests_fs(req);
    pthread_mutex_lock(&fs->lock);
    return fs;
}

void requests_unlock(struct overlay *fs)
{
    realdir_trim(fs);
    file_trim(fs);
    pthread_mutex_unlock(&fs->lock);
}

void requests_entry(struct overlay *fs, struct node *n, const struct stat *raw, struct fuse_entry_param *ret)
{
    *ret = (struct fuse_entry_param){.attr = *raw, .attr_timeout = fs->timeout, .entry_timeout = fs->timeout};
    attr_show(fs, n, &ret->attr);
    ret->ino = node_number(fs, n);
    node_remember(n);
}

/* Everything that only the mount's own programs could be told wrongly by is kept by the kernel: nobody else writes
 * here. */
static void request_init(void *userdata, struct fuse_conn_info *conn)
{
    struct overlay *fs = userdata;
    unsigned want = FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_DIO | FUSE_CAP_NO_OPEN_SUPPORT |
                    FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_READDIRPLUS |
                    FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_DONT_MASK | FUSE_CAP_IOCTL_DIR;
    if (!fs->opts->no_acl)
        want |= FUSE_CAP_POSIX_ACL;
    if (fs->opts->writeback)
        want |= FUSE_CAP_WRITEBACK_CACHE;
    conn->want = conn->capable & want;
    conn->time_gran = 1;
    fs->protocol->has_direct = conn->proto_major == 7 && conn->proto_minor >= PROTOCOL_DIRECT_MINOR;
}

/* The kernel does without: files and directories are known by their numbers, and nothing has to be kept for an open. */
static void request_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    (void)fi;
    fuse_reply_err(req, ENOSYS);
}

static void request_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    request_open(req, ino, fi);
}

static void request_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param e = {.ino = 0};
    struct dentry *d = NULL;
    struct node *n = NULL;
    struct stat raw;
    struct overlay *fs = lock(req);
    struct node *dir = node_get(fs, parent);
    bool is_removed = dir->flags & NODE_REMOVED;
    int r = lookup_entry(fs, dir, name, &d);
    if (r == 0 && dir->flags & NODE_BARE && !(d->flags & DENTRY_NODE))
        habit_lookup(&fs->habit);
    if (r == 0)
        r = lookup_node(fs, d, &n, &raw);
    if (r == 0)
        requests_entry(fs, n, &raw, &e);
    requests_unlock(fs);
    if (r == -ENOENT && !is_removed) {
        /* That there is nothing may be kept as well. */
        e.entry_timeout = fs->timeout;
        r = 0;
    }
    if (r < 0) {
        fuse_reply_err(req, -r);
    } else if (fuse_reply_entry(req, &e) < 0 && n) {
        pthread_mutex_lock(&fs->lock);
        node_forget(fs, n, 1);
        requests_unlock(fs);
    }
}

static void request_forget(fuse_req_t req, fuse_ino_t ino, uint64_t times)
{
    struct overlay *fs = lock(req);
    node_forget(fs, node_get(fs, ino), times);
    requests_unlock(fs);
    fuse_reply_none(req);
}

static void request_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    struct overlay *fs = lock(req);
    for (size_t i = 0; i < count; i++)
        node_forget(fs, node_get(fs, forgets[i].ino), forgets[i].nlookup);
    requests_unlock(fs);
    fuse_reply_none(req);
}

static void request_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct stat st;
    (void)fi;
    struct overlay *fs = lock(req);
    int r = attr_get(fs, node_get(fs, ino), &st);
    requests_unlock(fs);
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_attr(req, &st, fs->timeout);
}

static unsigned setattr_mask(int valid)
{
    static const struct {
        int fuse;
        unsigned own;
    } bits[] = {
        {FUSE_SET_ATTR_MODE, ATTR_MODE},   {FUSE_SET_ATTR_UID, ATTR_UID},
        {FUSE_SET_ATTR_GID, ATTR_GID},     {FUSE_SET_ATTR_SIZE, ATTR_SIZE},
        {FUSE_SET_ATTR_ATIME, ATTR_ATIME}, {FUSE_SET_ATTR_ATIME_NOW, ATTR_ATIME | ATTR_ATIME_NOW},
        {FUSE_SET_ATTR_MTIME, ATTR_MTIME}, {FUSE_SET_ATTR_MTIME_NOW, ATTR_MTIME | ATTR_MTIME_NOW},
    };
    unsigned mask = 0;
    for (size_t i = 0; i < ARRAY_LEN(bits); i++)
        mask |= valid & bits[i].fuse ? bits[i].own : 0;
    return mask;
}

static void request_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int valid, struct fuse_file_info *fi)
{
    (void)fi;
    unsigned mask = setattr_mask(valid) | (protocol_kill_suid() ? ATTR_KILL : 0);
    struct stat now;
    struct overlay *fs = lock(req);
    struct node *n = node_get(fs, ino);
    int r = attr_set(fs, n, st, mask);
    if (r == 0)
        r = attr_get(fs, n, &now);
    requests_unlock(fs);
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_attr(req, &now, fs->timeout);
}

static void request_readlink(fuse_req_t req, fuse_ino_t ino)
{
    char target[PATH_MAX];
    int dirfd = -1;
    const char *name = NULL;
    ssize_t len = -1;
    struct overlay *fs = lock(req);
    struct node *n = node_get(fs, ino);
    int r = attr_place(fs, n, &dirfd, &name);
    if (r == -ESTALE && n->file && n->type == DT_LNK) {
        dirfd = n->file->fd;
        name = "";
        r = 0;
    }
    if (r == 0)
        len = readlinkat(dirfd, name, target, sizeof(target) - 1);
    if (r == 0 && len < 0)
        r = -errno;
    requests_unlock(fs);
    if (r < 0) {
        fuse_reply_err(req, -r);
        return;
    }
    target[len] = '\0';
    fuse_reply_readlink(req, target);
}

static void request_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct statvfs vfs;
    (void)ino;
    struct overlay *fs = lock(req);
    int fd = realdir_fd(fs, fs->root->dir->reals[0]);
    int r = fd < 0 ? fd : fstatvfs(fd, &vfs) < 0 ? -errno : 0;
    if (fs->wh_files && r == 0)
        vfs.f_namemax -= 4;
    if (r == 0)
        quota_statfs(fs, &vfs);
    requests_unlock(fs);
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_statfs(req, &vfs);
}

/* Answer with `r` bytes of `buf`, or with that size when nothing was to be read. */
static void reply_value(fuse_req_t req, int r, const char *buf, size_t size)
{
    if (r < 0)
        fuse_reply_err(req, -r);
    else if (size == 0)
        fuse_reply_xattr(req, (size_t)r);
    else
        fuse_reply_buf(req, buf, (size_t)r);
}

static void request_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    char small[256];
    AUTO_FREE char *large = size > sizeof(small) ? mem_alloc(size) : NULL;
    char *buf = size > sizeof(small) ? large : small;
    if (!buf) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    struct overlay *fs = lock(req);
    int r = xattr_get(fs, node_get(fs, ino), name, buf, size);
    requests_unlock(fs);
    reply_value(req, r, buf, size);
}

static void request_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    AUTO_FREE char *buf = mem_alloc(size);
    if (!buf) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    struct overlay *fs = lock(req);
    int r = xattr_list(fs, node_get(fs, ino), buf, size);
    requests_unlock(fs);
    reply_value(req, r, buf, size);
}

static void request_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
                             int flags)
{
    struct overlay *fs = lock(req);
    int r = xattr_set(fs, node_get(fs, ino), name, value, size, flags);
    requests_unlock(fs);
    fuse_reply_err(req, -r);
}

static void request_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    struct overlay *fs = lock(req);
    int r = xattr_remove(fs, node_get(fs, ino), name);
    requests_unlock(fs);
    fuse_reply_err(req, -r);
}

/* changes_ioctl.h; nothing else has a meaning here. */
static void request_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *fi,
                          unsigned flags, const void *in, size_t in_size, size_t out_size)
{
    struct changes_part part = {.from = 0};
    size_t bytes = 0;
    bool incomplete = false;
    (void)ino;
    (void)arg;
    (void)fi;
    (void)flags;
    if (cmd != (unsigned)CHANGES_READ || in_size < sizeof(part) || out_size < sizeof(part)) {
        fuse_reply_err(req, ENOTTY);
        return;
    }
    memcpy(&part.from, in, sizeof(part.from));
    struct overlay *fs = lock(req);
    part.count = (uint32_t)changes_read(fs->changes, part.from, part.paths, sizeof(part.paths), &bytes, &incomplete);
    requests_unlock(fs);
    part.is_incomplete = incomplete;
    fuse_reply_ioctl(req, 0, &part, sizeof(part));
}

const struct fuse_lowlevel_ops requests_ops = {
    .init = request_init,
    .lookup = request_lookup,
    .forget = request_forget,
    .forget_multi = request_forget_multi,
    .getattr = request_getattr,
    .setattr = request_setattr,
    .readlink = request_readlink,
    .mknod = request_mknod,
    .create = request_create,
    .mkdir = request_mkdir,
    .unlink = request_unlink,
    .rmdir = request_rmdir,
    .symlink = request_symlink,
    .rename = request_rename,
    .link = request_link,
    .open = request_open,
    .read = request_read,
    .write = request_write,
    .flush = request_flush,
    .fsync = request_fsync,
    .opendir = request_open,
    .readdir = request_readdir,
    .readdirplus = request_readdirplus,
    .fsyncdir = request_fsync,
    .statfs = request_statfs,
    .setxattr = request_setxattr,
    .getxattr = request_getxattr,
    .listxattr = request_listxattr,
    .removexattr = request_removexattr,
    .ioctl = request_ioctl,
    .fallocate = request_fallocate,
    .copy_file_range = request_copy_file_range,
    .lseek = request_lseek,
};
