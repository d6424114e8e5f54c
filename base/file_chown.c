/* Changing the owner of a tree; see file.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/override.h"

#define DEPTH_MAX 1024

struct giving {
    uid_t uid;
    gid_t gid;
    dev_t dev; /* not beyond */
    bool single;
};

static struct err *chown_dir(const struct giving *g, int dirfd, unsigned depth);

static struct err *chown_entry(const struct giving *g, int parent, const char *name, unsigned depth)
{
    AUTO_FD int self = -1;
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "stat %s", name);
    if (st.st_dev != g->dev)
        return NULL;
    if (S_ISDIR(st.st_mode)) {
        AUTO_FD int fd = -1;
        TRY(file_open_dir(parent, name, &fd));
        TRY_WRAP(chown_dir(g, fd, depth + 1), "%s", name);
    }
    self = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (self < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "open %s", name);
    int errnum = override_chown(self, g->uid, g->gid, g->single);
    return errnum ? ERR_SYS(errnum, "set owner of %s", name) : NULL;
}

static struct err *chown_dir(const struct giving *g, int dirfd, unsigned depth)
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
            e = chown_entry(g, dirfd, de->d_name, depth);
    closedir(d);
    return e;
}

struct err *file_chown_tree(int dirfd, uid_t uid, gid_t gid, bool single)
{
    struct stat st;
    if (fstat(dirfd, &st) < 0)
        return ERR_SYS(errno, "stat directory");
    const struct giving g = {uid, gid, st.st_dev, single};
    TRY(chown_dir(&g, dirfd, 0));
    int errnum = override_chown(dirfd, uid, gid, single);
    return errnum ? ERR_SYS(errnum, "set owner of directory") : NULL;
}
