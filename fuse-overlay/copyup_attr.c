/* Owner, mode, extended attributes and times of a file that is copied up. Declared in copyup.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuse-overlay/attr.h"
#include "fuse-overlay/copyup.h"
#include "fuse-overlay/xattrname.h"

/* Where attributes are read from: a path relative to the working directory, which only the holder of the lock uses. */
static ssize_t source_list(const struct copyup_source *from, char *buf, size_t len)
{
    if (from->fd >= 0)
        return flistxattr(from->fd, buf, len);
    return fchdir(from->dirfd) < 0 ? -1 : llistxattr(from->name, buf, len);
}

static ssize_t source_get(const struct copyup_source *from, const char *name, void *buf, size_t len)
{
    if (from->fd >= 0)
        return fgetxattr(from->fd, name, buf, len);
    return fchdir(from->dirfd) < 0 ? -1 : lgetxattr(from->name, name, buf, len);
}

/* Rights that the file did not give where it is must not begin to work by being copied. */
static bool is_without_rights(const struct overlay *fs, const struct copyup_source *from)
{
    return fs->layers[from->layer].is_nosuid ||
           (!fs->layers[from->layer].override_xattr &&
            (from->st.st_uid == fs->overflow_uid || from->st.st_gid == fs->overflow_gid));
}

static int copy_one(struct overlay *fs, const struct copyup_source *from, const char *staged, const char *name,
                    char **value, size_t *cap)
{
    ssize_t n = source_get(from, name, *value, *cap);
    while (n < 0 && errno == ERANGE && *cap < XATTR_SIZE_MAX) {
        char *more = mem_realloc(*value, XATTR_SIZE_MAX);
        if (!more)
            return -ENOMEM;
        *value = more;
        *cap = XATTR_SIZE_MAX;
        n = source_get(from, name, *value, *cap);
    }
    if (n < 0)
        return errno == ENODATA ? 0 : -errno;
    if (fchdir(fs->work_fd) < 0)
        return -errno;
    if (lsetxattr(staged, name, *value, (size_t)n, 0) == 0)
        return 0;
    /* Labels belong to security modules, which set their own; trusted.* needs rights that nobody here has. */
    if (errno == EOPNOTSUPP || (errno == EPERM && strncmp(name, "user.", 5) != 0))
        return 0;
    return -errno;
}

static int copy_xattrs(struct overlay *fs, const struct copyup_source *from, const char *staged)
{
    ssize_t len = source_list(from, NULL, 0);
    if (len <= 0)
        return len < 0 && errno != EOPNOTSUPP ? -errno : 0;
    size_t cap = 256;
    AUTO_FREE char *names = mem_alloc((size_t)len + 1), *value = mem_alloc(cap);
    if (!names || !value)
        return -ENOMEM;
    len = source_list(from, names, (size_t)len);
    if (len < 0)
        return -errno;
    names[len] = '\0';
    bool without_rights = is_without_rights(fs, from);
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        char shown[XATTRNAME_MAX + 1];
        if (!xattrname_to_tree(name, shown) || (without_rights && strncmp(name, "security.", 9) == 0))
            continue;
        int r = copy_one(fs, from, staged, name, &value, &cap);
        if (r < 0)
            return r;
    }
    return 0;
}

void copyup_restore_times(int dirfd, const struct stat *st)
{
    const struct timespec t[2] = {st->st_atim, st->st_mtim};
    (void)futimens(dirfd, t);
}

int copyup_attributes(struct overlay *fs, const struct copyup_source *from, const char *staged, int fd)
{
    struct stat have;
    if ((fd >= 0 ? fstat(fd, &have) : fstatat(fs->work_fd, staged, &have, AT_SYMLINK_NOFOLLOW)) < 0)
        return -errno;
    struct owner want = attr_owner(fs, from->layer, from->dirfd, from->name, &from->st);
    if (is_without_rights(fs, from))
        want.mode &= (mode_t) ~(S_ISUID | S_ISGID);
    /* First the owner, since chown(2) takes capabilities away; the mode last of all, since lists change it. */
    int r = attr_set_owner(fs, fs->work_fd, staged, &want, &have);
    if (r == 0 && !S_ISLNK(from->st.st_mode) && !from->is_plain)
        r = copy_xattrs(fs, from, staged);
    if (r < 0)
        return r;
    const struct timespec t[2] = {from->st.st_atim, from->st.st_mtim};
    int done = fd >= 0 ? futimens(fd, t) : utimensat(fs->work_fd, staged, t, AT_SYMLINK_NOFOLLOW);
    return done < 0 ? -errno : 0;
}
