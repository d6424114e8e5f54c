/* The order of steps is the kernel's rules read backwards:
 *
 *     record   of what one id cannot own, where there is only one: while the file can still be written to
 *     owner    a change of owner clears setuid, setgid and security.capability (chown(2))
 *     mode     a default ACL above has changed what open and mkdir were asked for
 *     attributes  an ACL changes the group bits of the mode, so the archive's own ACL comes after its mode
 *     time     everything before changes it
 *
 * What is skipped for speed, since most files of a layer belong to 0:0 and have plain modes: chown where the new inode
 * has the right owner already, chmod where open or mkdir has set the mode (umask is 0).
 */
#include "engine/layer/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <archive.h>

#include "base/override.h"
#include "engine/layer/whiteout.h"

#define META_ACL_DEFAULT "system.posix_acl_default"
#define META_ACL_ACCESS "system.posix_acl_access"
#define META_NSEC_MAX 999999999L

struct err *meta_read(struct archive_entry *entry, struct meta *ret)
{
    int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
    if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
        return ERR_NEW(ERR_INVALID, "owner %lld:%lld is out of range", (long long)uid, (long long)gid);
    long nsec = archive_entry_mtime_nsec(entry);
    *ret = (struct meta){
        .uid = (uid_t)uid,
        .gid = (gid_t)gid,
        .mode = archive_entry_perm(entry) & 07777,
        .entry = entry,
        .times = {{.tv_nsec = UTIME_OMIT},
                  {.tv_sec = archive_entry_mtime(entry), .tv_nsec = nsec >= 0 && nsec <= META_NSEC_MAX ? nsec : 0}},
    };
    if (!archive_entry_mtime_is_set(entry))
        ret->times[1].tv_nsec = UTIME_OMIT;
    return NULL;
}

/* A new inode belongs to 0, and its group is the parent's where that is setgid or the mount says so. */
static bool meta_wants_chown(const struct meta_rules *rules, const struct meta *m, gid_t parent_gid)
{
    return !rules->single_id && (m->uid || m->gid || parent_gid);
}

/* File types as libarchive numbers them are the kernel's. */
static struct override meta_override(const struct meta *m)
{
    mode_t type = (mode_t)archive_entry_filetype(m->entry);
    return (struct override){
        .uid = m->uid, .gid = m->gid, .mode = m->mode | type, .rdev = archive_entry_rdev(m->entry)};
}

/* `is_new`: so that there is no record yet. Where the file system takes none, the owner is lost. */
static struct err *meta_record(struct meta_rules *rules, const struct meta *m, int fd, bool is_new)
{
    const struct override o = meta_override(m);
    if (is_new && !override_is_needed(o.uid, o.gid, o.mode))
        return NULL;
    int errnum = override_write_fd(fd, &o);
    if (errnum == ENOSPC || errnum == EDQUOT || errnum == EIO)
        return ERR_SYS(errnum, "record owner %u:%u", m->uid, m->gid);
    if (errnum)
        rules->ids_ignored++;
    return NULL;
}

/* What is on disk: a user with one id can delete every directory. */
static mode_t meta_disk_mode(const struct meta_rules *rules, const struct meta *m)
{
    bool is_dir = archive_entry_filetype(m->entry) == AE_IFDIR;
    return rules->single_id && is_dir ? override_disk_mode(m->mode) : m->mode;
}

static struct err *meta_chown_failed(struct meta_rules *rules, const struct meta *m, int errnum)
{
    if (errnum == EINVAL && rules->ignore_chown_errors) {
        rules->ids_ignored++;
        return NULL;
    }
    if (errnum == EINVAL)
        return ERR_SYS_AS(ERR_UNSUPPORTED, errnum,
                          "set owner %u:%u: that id is outside of the ids this user has (ranges in /etc/subuid and "
                          "/etc/subgid)",
                          m->uid, m->gid);
    return ERR_SYS(errnum, "set owner %u:%u", m->uid, m->gid);
}

/* Attributes that this host refuses are left out and counted; a full disk is an error. */
static struct err *meta_xattr_result(struct meta_rules *rules, const char *name, size_t size, int errnum)
{
    switch (errnum) {
    case EPERM:
    case EACCES:
    case EOPNOTSUPP:
    case EINVAL:
    case ERANGE:
        rules->xattrs_ignored++;
        return NULL;
    case ENOSPC:
    case E2BIG:
        return ERR_SYS(errnum, "extended attribute %s of %zu bytes has no room on this file system", name, size);
    default:
        return ERR_SYS(errnum, "set extended attribute %s", name);
    }
}

/* `path` is used when fd is -1. */
static struct err *meta_apply_xattrs(struct meta_rules *rules, const struct meta *m, int fd, const char *path)
{
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    if (!archive_entry_xattr_reset(m->entry))
        return NULL;
    while (archive_entry_xattr_next(m->entry, &name, &value, &size) == ARCHIVE_OK) {
        if (!name || whiteout_owns_xattr(name) || strcmp(name, OVERRIDE_RECORD) == 0) {
            rules->xattrs_ignored++;
            continue;
        }
        if (strcmp(name, META_ACL_DEFAULT) == 0)
            rules->acl_seen = true;
        if ((fd >= 0 ? fsetxattr(fd, name, value, size, 0) : lsetxattr(path, name, value, size, 0)) < 0)
            TRY(meta_xattr_result(rules, name, size, errno));
    }
    return NULL;
}

/* Since somewhere above is a default ACL, a new entry may have got one that the archive doesn't say. */
static void meta_drop_inherited_acl(int fd)
{
    (void)fremovexattr(fd, META_ACL_ACCESS);
    (void)fremovexattr(fd, META_ACL_DEFAULT);
}

struct err *meta_apply_fd(struct meta_rules *rules, const struct meta *m, int fd, gid_t parent_gid, mode_t mode_set)
{
    mode_t mode = meta_disk_mode(rules, m);
    if (rules->single_id)
        TRY(meta_record(rules, m, fd, mode_set != (mode_t)-1));
    if (meta_wants_chown(rules, m, parent_gid) && fchown(fd, m->uid, m->gid) < 0)
        TRY(meta_chown_failed(rules, m, errno));
    if (rules->acl_seen)
        meta_drop_inherited_acl(fd);
    if ((mode != mode_set || rules->acl_seen) && fchmod(fd, mode) < 0)
        return ERR_SYS(errno, "set mode %04o", mode);
    TRY(meta_apply_xattrs(rules, m, fd, NULL));
    if (futimens(fd, m->times) < 0)
        return ERR_SYS(errno, "set the modification time");
    return NULL;
}

struct err *meta_apply_at(struct meta_rules *rules, const struct meta *m, const struct dirs_place *place, bool is_link)
{
    bool chowned = meta_wants_chown(rules, m, place->gid);
    if (rules->single_id && (m->uid || m->gid)) /* links and FIFOs can have no record */
        rules->ids_ignored++;
    if (chowned && fchownat(place->fd, place->name, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0)
        TRY(meta_chown_failed(rules, m, errno));
    /* The entry was just made by us and nobody else works in this tree: following is not possible. */
    if (!is_link && fchmodat(place->fd, place->name, m->mode, 0) < 0)
        return ERR_SYS(errno, "set mode %04o", m->mode);
    if (archive_entry_xattr_count(m->entry) > 0) {
        /* There is no setxattrat() before Linux 6.13, and no /proc/self/fd in an empty root. */
        if (fchdir(place->fd) < 0)
            return ERR_SYS(errno, "change directory");
        TRY(meta_apply_xattrs(rules, m, -1, place->name));
    }
    if (utimensat(place->fd, place->name, m->times, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "set the modification time");
    return NULL;
}
