/* The order in an archive must not matter: the marks of a directory may come before or after what is in it, and a name
 * may have both a whiteout and an entry (a directory that was replaced, seen by tools that list deletions first). So a
 * whiteout never removes anything, and an entry over a whiteout keeps its meaning: a file hides what is below by being
 * there, a directory must become opaque to do so.
 */
#include "engine/layer/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"

#define WHITEOUT_XATTR "user.overlay.whiteout"
#define WHITEOUT_XATTR_OPAQUE "user.overlay.opaque"

enum whiteout_kind whiteout_kind_of(const char *last)
{
    const size_t prefix = sizeof(WHITEOUT_PREFIX) - 1;
    if (strncmp(last, WHITEOUT_PREFIX, prefix) != 0)
        return WHITEOUT_NONE;
    if (strcmp(last, WHITEOUT_OPAQUE) == 0)
        return WHITEOUT_OPAQUE_DIR;
    if (strncmp(last, WHITEOUT_META_PREFIX, sizeof(WHITEOUT_META_PREFIX) - 1) == 0)
        return WHITEOUT_IGNORED;
    const char *victim = last + prefix;
    if (!*victim || strcmp(victim, ".") == 0 || strcmp(victim, "..") == 0)
        return WHITEOUT_INVALID;
    return WHITEOUT_FILE;
}

bool whiteout_owns_xattr(const char *xattr)
{
    return strncmp(xattr, "user.overlay.", 13) == 0 || strncmp(xattr, "trusted.overlay.", 16) == 0;
}

/* The value's first byte, or 0. */
static char whiteout_opaque_value(int dirfd)
{
    char value[2];
    return fgetxattr(dirfd, WHITEOUT_XATTR_OPAQUE, value, sizeof(value)) == 1 ? value[0] : '\0';
}

bool whiteout_dir_is_opaque(int dirfd)
{
    return whiteout_opaque_value(dirfd) == 'y';
}

static bool whiteout_has_xattr(int dirfd, const char *name)
{
    AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd >= 0 && fgetxattr(fd, WHITEOUT_XATTR, NULL, 0) >= 0;
}

bool whiteout_is_one(int dirfd, const char *name, const struct stat *st)
{
    if (S_ISCHR(st->st_mode))
        return st->st_rdev == makedev(0, 0);
    if (!S_ISREG(st->st_mode) || st->st_size)
        return false;
    /* The xattr form counts only in a directory that is marked for it. */
    return whiteout_opaque_value(dirfd) == 'x' && whiteout_has_xattr(dirfd, name);
}

static struct err *whiteout_set_opaque_value(int dirfd, const char *value)
{
    if (fsetxattr(dirfd, WHITEOUT_XATTR_OPAQUE, value, 1, 0) == 0)
        return NULL;
    if (errno == EOPNOTSUPP || errno == EPERM)
        return ERR_SYS_AS(ERR_UNSUPPORTED, errno,
                          "mark an opaque directory: the file system of the store does not take user.* attributes");
    return ERR_SYS(errno, "mark an opaque directory");
}

/* Whiteouts in xattr form would show as empty files in an opaque directory, where nothing is left to hide. */
static struct err *whiteout_drop_xattr_ones(int dirfd)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        struct err *e = ERR_SYS(errno, "read directory");
        (void)fd_close(fd);
        return e;
    }
    struct err *e = NULL;
    for (const struct dirent *d; !e && (d = readdir(dir));) {
        if (d->d_type == DT_REG && whiteout_has_xattr(dirfd, d->d_name) && unlinkat(dirfd, d->d_name, 0) < 0)
            e = ERR_SYS(errno, "remove a whiteout");
    }
    (void)closedir(dir);
    return e;
}

struct err *whiteout_set_opaque(int dirfd)
{
    if (whiteout_opaque_value(dirfd) == 'x')
        TRY(whiteout_drop_xattr_ones(dirfd));
    return whiteout_set_opaque_value(dirfd, "y");
}

/* "6.7" or later: overlayfs knows the xattr form. */
static bool whiteout_kernel_knows_xattr(char *ret_release, size_t size)
{
    struct utsname uts;
    unsigned major = 0, minor = 0;
    if (uname(&uts) < 0)
        return false;
    (void)snprintf(ret_release, size, "%s", uts.release);
    return sscanf(uts.release, "%3u.%3u", &major, &minor) == 2 && (major > 6 || (major == 6 && minor >= 7));
}

static struct err *whiteout_make_xattr(int dirfd, const char *victim, int mknod_errno)
{
    char release[80] = "an unknown kernel";
    if (!whiteout_kernel_knows_xattr(release, sizeof(release)))
        return ERR_SYS_AS(ERR_UNSUPPORTED, mknod_errno,
                          "make whiteout: device 0/0 is refused here, and the other form needs Linux 6.7 (this is %s)",
                          release);
    if (whiteout_dir_is_opaque(dirfd))
        return NULL;
    AUTO_FD int fd = openat(dirfd, victim, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return ERR_SYS(errno, "make whiteout");
    if (fsetxattr(fd, WHITEOUT_XATTR, "", 0, 0) < 0)
        return ERR_SYS_AS(ERR_UNSUPPORTED, errno,
                          "make whiteout: device 0/0 is refused here, and so is the attribute " WHITEOUT_XATTR);
    return whiteout_set_opaque_value(dirfd, "x");
}

/* The name is taken by an entry of this same layer. */
static struct err *whiteout_on_existing(int dirfd, const char *victim)
{
    AUTO_FD int fd = openat(dirfd, victim, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        return whiteout_set_opaque(fd);
    return errno == ENOTDIR || errno == ELOOP ? NULL : ERR_SYS(errno, "make whiteout");
}

struct err *whiteout_make(int dirfd, const char *victim)
{
    if (mknodat(dirfd, victim, S_IFCHR, makedev(0, 0)) == 0)
        return NULL;
    switch (errno) {
    case EEXIST:
        return whiteout_on_existing(dirfd, victim);
    case EPERM:
    case EACCES:
    case EOPNOTSUPP:
    case ENOSYS:
    case EINVAL:
        break;
    default:
        return ERR_SYS(errno, "make whiteout");
    }
    int errnum = errno;
    struct stat st;
    if (fstatat(dirfd, victim, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return whiteout_on_existing(dirfd, victim);
    return whiteout_make_xattr(dirfd, victim, errnum);
}
