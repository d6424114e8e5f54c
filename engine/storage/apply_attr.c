#include "engine/storage/apply_attr.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/storage/storage.h"

#define XATTRS_MAX ((size_t)64 << 10) /* XATTR_LIST_MAX, XATTR_SIZE_MAX */
#define XATTRS_FIRST ((size_t)1 << 10)

static bool is_overlay_mark(const char *name)
{
    return strncmp(name, "user.overlay.", 13) == 0 || strncmp(name, "trusted.overlay.", 16) == 0;
}

/* Attributes that this user may not set (trusted., security.selinux) are left out, as tar leaves them out. */
static struct err *copy_one(int from, int to, const char *name, char *value)
{
    ssize_t n = fgetxattr(from, name, value, XATTRS_MAX);
    if (n < 0 || fsetxattr(to, name, value, (size_t)n, 0) == 0)
        return NULL;
    if (errno == EPERM || errno == EACCES || errno == EOPNOTSUPP)
        return NULL;
    return ERR_SYS(errno, "set extended attribute %s", name);
}

/* Most files have none, and are done with one small system call. */
static struct err *copy_xattrs(int from, int to)
{
    char few[XATTRS_FIRST];
    ssize_t len = flistxattr(from, few, sizeof(few));
    if (len == 0 || (len < 0 && errno != ERANGE))
        return NULL;
    AUTO_FREE char *names = mem_alloc(XATTRS_MAX);
    AUTO_FREE char *value = mem_alloc(XATTRS_MAX);
    if (!names || !value)
        return err_oom();
    len = flistxattr(from, names, XATTRS_MAX);
    for (char *n = names; len > 0 && n < names + len; n += strlen(n) + 1) {
        if (!is_overlay_mark(n))
            TRY(copy_one(from, to, n, value));
    }
    return NULL;
}

struct err *apply_attr_copy(int from, int to, const struct stat *st)
{
    /* Owner before mode and attributes: chown clears setuid and file capabilities. */
    if (fchown(to, st->st_uid, st->st_gid) < 0)
        return ERR_SYS(errno, "set owner %u:%u", st->st_uid, st->st_gid);
    if (fchmod(to, st->st_mode & 07777) < 0)
        return ERR_SYS(errno, "set mode");
    TRY(copy_xattrs(from, to));
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    return futimens(to, times) < 0 ? ERR_SYS(errno, "set times") : NULL;
}

struct err *apply_attr_name(int to_dir, const char *name, const struct stat *st)
{
    if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "set owner %u:%u of %s", st->st_uid, st->st_gid, name);
    if (!S_ISLNK(st->st_mode) && fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0)
        return ERR_SYS(errno, "set mode of %s", name);
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "set times of %s", name);
    return NULL;
}

/* "y": the directory hides what is below. "x": it only contains whiteouts in the attribute form. */
bool storage_is_opaque(int dirfd)
{
    char v = 0;
    if (fgetxattr(dirfd, "user.overlay.opaque", &v, 1) == 1)
        return v == 'y';
    return fgetxattr(dirfd, "trusted.overlay.opaque", &v, 1) == 1 && v == 'y';
}

static bool has_whiteout_mark(int dirfd, const char *name)
{
    AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && (fgetxattr(fd, "user.overlay.whiteout", NULL, 0) >= 0 ||
                       fgetxattr(fd, "trusted.overlay.whiteout", NULL, 0) >= 0);
}

bool storage_is_whiteout(int dirfd, const char *name, const struct stat *st)
{
    if (S_ISCHR(st->st_mode))
        return st->st_rdev == makedev(0, 0);
    return S_ISREG(st->st_mode) && st->st_size == 0 && has_whiteout_mark(dirfd, name);
}
