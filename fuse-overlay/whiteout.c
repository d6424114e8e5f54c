#include "fuse-overlay/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "fuse-overlay/stage.h"

#define WHITEOUT_SHARED "whiteout" /* in the work directory: all others are links to it */

struct whiteout_name {
    char s[NAME_MAX + 8];
};

static struct whiteout_name whiteout_file_name(const char *name)
{
    struct whiteout_name n;
    (void)snprintf(n.s, sizeof(n.s), ".wh.%s", name);
    return n;
}

static int whiteout_make_file(int dirfd, const char *name)
{
    AUTO_FD int fd = openat(dirfd, whiteout_file_name(name).s, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : 0;
}

/* An unprivileged user may make the device 0/0, and only that, since Linux 5.8. */
static int whiteout_make_shared(struct overlay *fs)
{
    (void)unlinkat(fs->work_fd, WHITEOUT_SHARED, 0);
    if (mknodat(fs->work_fd, WHITEOUT_SHARED, S_IFCHR | 0600, makedev(0, 0)) < 0)
        return -errno;
    fs->have_whiteout = true;
    return 0;
}

/* A link costs half of what a new inode does. A full inode (65,000 links on ext4) is replaced by a new one. */
static int whiteout_link(struct overlay *fs, int dirfd, const char *name)
{
    for (int i = 0; i < 2; i++) {
        if (!fs->have_whiteout) {
            int r = whiteout_make_shared(fs);
            if (r < 0)
                return r;
        }
        if (linkat(fs->work_fd, WHITEOUT_SHARED, dirfd, name, 0) == 0)
            return 0;
        if (errno != EMLINK && errno != ENOENT && errno != EPERM && errno != EXDEV)
            return -errno;
        fs->have_whiteout = false;
    }
    return mknodat(dirfd, name, S_IFCHR | 0600, makedev(0, 0)) < 0 ? -errno : 0;
}

/* An empty file with an attribute, which counts in directories that say so (Linux 6.7): for an overlay inside an
 * overlay, where neither devices 0/0 nor names with ".wh." may be made. */
static int whiteout_put_xattr(int dirfd, const char *name)
{
    AUTO_FD int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fsetxattr(fd, "user.overlay.whiteout", "y", 1, 0) < 0)
        return -errno;
    return 0;
}

static int whiteout_mark_dir(const struct overlay *fs, int dirfd)
{
    char value = 0;
    if (!fs->wh_xattrs || fgetxattr(dirfd, "user.overlay.opaque", &value, 1) == 1)
        return 0;
    return fsetxattr(dirfd, "user.overlay.opaque", "x", 1, 0) < 0 ? -errno : 0;
}

/* Which kind this file system takes: tried once, when the first is needed. */
static int whiteout_find_kind(struct overlay *fs)
{
    if (fs->wh_known)
        return 0;
    int r = whiteout_make_shared(fs);
    if (r < 0 && r != -EPERM && r != -EOPNOTSUPP && r != -ENOSYS)
        return r;
    if (r < 0) {
        fs->wh_files = whiteout_make_file(fs->work_fd, "probe") == 0;
        fs->wh_xattrs = !fs->wh_files;
        whiteout_drop_file(fs->work_fd, "probe");
    }
    fs->wh_known = true;
    return 0;
}

/* One that has the name itself. */
static int whiteout_put(struct overlay *fs, int dirfd, const char *name)
{
    return fs->wh_xattrs ? whiteout_put_xattr(dirfd, name) : whiteout_link(fs, dirfd, name);
}

int whiteout_make(struct overlay *fs, int dirfd, const char *name)
{
    int r = whiteout_find_kind(fs);
    if (r == 0)
        r = fs->wh_files ? whiteout_make_file(dirfd, name) : whiteout_put(fs, dirfd, name);
    return r < 0 ? r : whiteout_mark_dir(fs, dirfd);
}

/* A staged whiteout, for `dirfd`; -EPERM when they are ".wh." files. */
static int whiteout_stage(struct overlay *fs, int dirfd, uint64_t *ret)
{
    *ret = stage_new(fs);
    int r = whiteout_find_kind(fs);
    if (r == 0)
        r = fs->wh_files ? -EPERM : whiteout_put(fs, fs->work_fd, stage_name(*ret).s);
    return r < 0 ? r : whiteout_mark_dir(fs, dirfd);
}

int whiteout_over_file(struct overlay *fs, int dirfd, const char *name)
{
    uint64_t n = 0;
    int r = whiteout_stage(fs, dirfd, &n);
    if (r == -EPERM && fs->wh_files) {
        r = whiteout_make_file(dirfd, name);
        return r < 0 ? r : unlinkat(dirfd, name, 0) < 0 ? -errno : 0;
    }
    if (r == 0)
        r = stage_place(fs, n, dirfd, name, 0);
    if (r < 0)
        stage_remove(fs, n);
    return r;
}

int whiteout_rmdir(struct overlay *fs, int dirfd, const char *name)
{
    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
        return 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return -errno;
    uint64_t n = stage_new(fs);
    if (renameat(dirfd, name, fs->work_fd, stage_name(n).s) < 0)
        return -errno;
    stage_remove(fs, n);
    return 0;
}

int whiteout_over_dir(struct overlay *fs, int dirfd, const char *name)
{
    uint64_t n = 0;
    int r = whiteout_stage(fs, dirfd, &n);
    if (r == -EPERM && fs->wh_files) {
        r = whiteout_make_file(dirfd, name);
        return r < 0 ? r : whiteout_rmdir(fs, dirfd, name);
    }
    if (r == 0)
        r = stage_place(fs, n, dirfd, name, RENAME_EXCHANGE);
    if (r == -EINVAL) { /* no such rename on this file system: first away, then the whiteout */
        uint64_t old = stage_new(fs);
        r = renameat(dirfd, name, fs->work_fd, stage_name(old).s) < 0 ? -errno : stage_place(fs, n, dirfd, name, 0);
        stage_remove(fs, old);
    }
    stage_remove(fs, n); /* what was there before; after a failure the whiteout */
    return r;
}

void whiteout_drop_file(int dirfd, const char *name)
{
    (void)unlinkat(dirfd, whiteout_file_name(name).s, 0);
}

int whiteout_set_opaque(struct overlay *fs, int dirfd, const char *name)
{
    if (fchdir(dirfd) == 0 && lsetxattr(name, "user.overlay.opaque", "y", 1, 0) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != EPERM)
        return -errno;
    (void)fs;
    AUTO_FD int dir = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    AUTO_FD int fd = openat(dir, ".wh..wh..opq", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : 0;
}
