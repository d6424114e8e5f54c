/* Changing the owner of a tree; see file.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

#define DEPTH_MAX 1024

static struct err *chown_dir(int dirfd, uid_t uid, gid_t gid, dev_t dev, unsigned depth);

static struct err *chown_entry(int parent, const char *name, uid_t uid, gid_t gid, dev_t dev, unsigned depth)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "stat %s", name);
    if (st.st_dev != dev)
        return NULL;
    if (S_ISDIR(st.st_mode)) {
        AUTO_FD int fd = -1;
        TRY(file_open_dir(parent, name, &fd));
        TRY_WRAP(chown_dir(fd, uid, gid, dev, depth + 1), "%s", name);
    }
    if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
        return ERR_SYS(errno, "set owner of %s", name);
    return NULL;
}

static struct err *chown_dir(int dirfd, uid_t uid, gid_t gid, dev_t dev, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return ERR_NEW(ERR_INVALID, "directories nested deeper than %d", DEPTH_MAX);
    int scan = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = scan < 0 ? NULL : fdopendir(scan);
    if (!d) {
        struct err *e = ERR_SYS(errno, "read directory");
        fd_close(scan);
        return e;
    }
    struct err *e = NULL;
    for (struct dirent *de; !e && (de = readdir(d));)
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
            e = chown_entry(dirfd, de->d_name, uid, gid, dev, depth);
    closedir(d);
    return e;
}

struct err *file_chown_tree(int dirfd, uid_t uid, gid_t gid)
{
    struct stat st;
    if (fstat(dirfd, &st) < 0)
        return ERR_SYS(errno, "stat directory");
    TRY(chown_dir(dirfd, uid, gid, st.st_dev, 0));
    return fchown(dirfd, uid, gid) < 0 ? ERR_SYS(errno, "set owner of directory") : NULL;
}
