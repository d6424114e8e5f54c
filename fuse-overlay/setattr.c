/* Changing attributes, and giving new files theirs. Declared in attr.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/override.h"
#include "fuse-overlay/attr.h"
#include "fuse-overlay/changes.h"
#include "fuse-overlay/copyup.h"
#include "fuse-overlay/file.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/quota.h"

int attr_ids_to_disk(const struct overlay *fs, uint32_t uid, uint32_t gid, struct owner *ret)
{
    const struct options *o = fs->opts;
    uint32_t disk_uid = 0, disk_gid = 0;
    /* What is shown as one owner whatever happens is kept as what this process makes. */
    int r = o->squash_uid ? (disk_uid = fs->fs_uid, 0) : ids_to_host(&o->uids, uid, &disk_uid);
    if (r == 0)
        r = o->squash_gid ? (disk_gid = fs->fs_gid, 0) : ids_to_host(&o->gids, gid, &disk_gid);
    ret->uid = disk_uid;
    ret->gid = disk_gid;
    return r;
}

mode_t attr_disk_type(const struct overlay *fs, mode_t type)
{
    if (!fs->layers[LAYER_UPPER].override_xattr || type == S_IFDIR || type == S_IFLNK)
        return type;
    return S_IFREG;
}

/* Owner and mode go into the attribute; the inode only has to be usable by this process. */
static int set_override(struct overlay *fs, int dirfd, const char *name, const struct owner *want)
{
    char buf[OVERRIDE_MAX];
    if (S_ISLNK(want->mode)) /* it can't have one; it is root's then */
        return 0;
    struct override o = {.uid = want->uid, .gid = want->gid, .mode = want->mode, .rdev = want->rdev};
    size_t len = override_format(&o, buf);
    if (fchdir(dirfd) < 0 || lsetxattr(name, fs->layers[LAYER_UPPER].override_xattr, buf, len, 0) < 0)
        return -errno;
    return 0;
}

int attr_set_owner(struct overlay *fs, int dirfd, const char *name, const struct owner *want, const struct stat *have)
{
    if (fs->layers[LAYER_UPPER].override_xattr)
        return set_override(fs, dirfd, name, want);
    mode_t mode = have->st_mode & 07777;
    if (want->uid != have->st_uid || want->gid != have->st_gid) {
        if (fchownat(dirfd, name, want->uid, want->gid, AT_SYMLINK_NOFOLLOW) < 0)
            return -errno;
        mode &= (mode_t) ~(S_ISUID | S_ISGID); /* chown(2) takes them away, but not always: then they are set again */
        if (want->mode & (S_ISUID | S_ISGID))
            mode = (mode_t)~0;
    }
    if (S_ISLNK(want->mode) || mode == (want->mode & 07777))
        return 0;
    return fchmodat(dirfd, name, want->mode & 07777, 0) < 0 ? -errno : 0;
}

/* Owner and mode together, since chown(2) changes the mode and an attribute has both. */
static int set_owner(struct overlay *fs, struct node *n, const struct stat *st, unsigned mask, int dirfd,
                     const char *name)
{
    struct stat raw;
    int r = attr_raw(fs, n, &raw);
    if (r < 0)
        return r;
    struct owner want = attr_owner(fs, n->layer, dirfd, name, &raw), ids;
    mode_t before = want.mode;
    r = attr_ids_to_disk(fs, mask & ATTR_UID ? st->st_uid : 0, mask & ATTR_GID ? st->st_gid : 0, &ids);
    if (r < 0)
        return r == -EOVERFLOW ? -EINVAL : r;
    if (mask & ATTR_UID)
        want.uid = ids.uid;
    if (mask & ATTR_GID)
        want.gid = ids.gid;
    if (mask & ATTR_MODE)
        want.mode = (want.mode & S_IFMT) | (st->st_mode & 07777);
    else if (mask & (ATTR_KILL | ATTR_UID | ATTR_GID) && !S_ISDIR(before)) {
        /* What chown(2) and truncate(2) do; without the execute bit set-group-id means something else. */
        want.mode &= (mode_t)~S_ISUID;
        if (before & S_IXGRP)
            want.mode &= (mode_t)~S_ISGID;
    }
    /* A chown that changes nothing still takes capabilities away. */
    if (mask & (ATTR_UID | ATTR_GID) && raw.st_uid == want.uid && raw.st_gid == want.gid)
        raw.st_uid = (uid_t)-1;
    if (mask & ATTR_MODE && !(mask & (ATTR_UID | ATTR_GID)))
        raw.st_mode ^= 07777; /* always asked for: it sets the change time */
    return attr_set_owner(fs, dirfd, name, &want, &raw);
}

static int set_times(int dirfd, const char *name, const struct stat *st, unsigned mask)
{
    struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
    if (mask & ATTR_ATIME)
        t[0] = mask & ATTR_ATIME_NOW ? (struct timespec){.tv_nsec = UTIME_NOW} : st->st_atim;
    if (mask & ATTR_MTIME)
        t[1] = mask & ATTR_MTIME_NOW ? (struct timespec){.tv_nsec = UTIME_NOW} : st->st_mtim;
    return utimensat(dirfd, name, t, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* For a file without a name: everything by its descriptor. */
static int set_removed(struct overlay *fs, struct node *n, const struct stat *st, unsigned mask)
{
    int fd = n->file ? n->file->fd : -1;
    struct owner ids;
    if (fd < 0 || n->file->is_path)
        return -ESTALE;
    int r = attr_ids_to_disk(fs, mask & ATTR_UID ? st->st_uid : 0, mask & ATTR_GID ? st->st_gid : 0, &ids);
    if (r < 0)
        return -EINVAL;
    if (mask & (ATTR_UID | ATTR_GID) &&
        fchown(fd, mask & ATTR_UID ? ids.uid : (uid_t)-1, mask & ATTR_GID ? ids.gid : (gid_t)-1) < 0)
        return -errno;
    if (mask & ATTR_MODE && fchmod(fd, st->st_mode & 07777) < 0)
        return -errno;
    if (!(mask & (ATTR_ATIME | ATTR_MTIME)))
        return 0;
    struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
    if (mask & ATTR_ATIME)
        t[0] = mask & ATTR_ATIME_NOW ? (struct timespec){.tv_nsec = UTIME_NOW} : st->st_atim;
    if (mask & ATTR_MTIME)
        t[1] = mask & ATTR_MTIME_NOW ? (struct timespec){.tv_nsec = UTIME_NOW} : st->st_mtim;
    return futimens(fd, t) < 0 ? -errno : 0;
}

/* truncate(2) takes set-user-id bits away for this process, which is wanted only when the kernel asks for it. */
static int set_size(struct overlay *fs, struct node *n, off_t size, bool kill)
{
    struct file *f = NULL;
    struct stat before, after;
    if (n->type != DT_REG)
        return n->type == DT_DIR ? -EISDIR : -EINVAL;
    int r = file_get(fs, n, true, &f);
    if (r < 0)
        return r;
    bool keep = !kill && fstat(f->fd, &before) == 0 && before.st_mode & (S_ISUID | S_ISGID);
    int64_t bytes = quota_bytes(fs, f->fd);
    r = ftruncate(f->fd, size) < 0 ? -errno : 0;
    quota_add(fs, quota_bytes(fs, f->fd) - bytes, 0);
    if (keep && fstat(f->fd, &after) == 0 && after.st_mode != before.st_mode)
        (void)fchmod(f->fd, before.st_mode & 07777);
    file_put(f);
    return r;
}

int attr_kill_suid(struct overlay *fs, struct node *n)
{
    struct stat st;
    int r = attr_get(fs, n, &st);
    if (r < 0 || !(st.st_mode & (S_ISUID | S_ISGID)))
        return r;
    r = attr_set(fs, n, &st, ATTR_KILL);
    return r < 0 ? r : 1;
}

int attr_set(struct overlay *fs, struct node *n, const struct stat *st, unsigned mask)
{
    if (!fs->writable)
        return -EROFS;
    /* Data that is cut off need not be copied. */
    int r = n->type == DT_DIR ? copyup_dir(fs, n) : copyup_file(fs, n, mask & ATTR_SIZE ? st->st_size : -1, 0);
    if (r < 0)
        return r;
    changes_node(fs, n);
    if (mask & ATTR_SIZE) {
        r = set_size(fs, n, st->st_size, mask & ATTR_KILL);
        if (r < 0)
            return r;
    }
    mask &= ~(unsigned)ATTR_SIZE;
    if (!mask)
        return 0;
    int dirfd = -1;
    const char *name = NULL;
    r = attr_place(fs, n, &dirfd, &name);
    if (r == -ESTALE)
        return set_removed(fs, n, st, mask);
    if (r == 0 && mask & (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_KILL))
        r = set_owner(fs, n, st, mask, dirfd, name);
    if (r == 0 && mask & (ATTR_ATIME | ATTR_MTIME))
        r = set_times(dirfd, name, st, mask);
    return r;
}
