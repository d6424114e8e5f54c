/* Opening paths inside a root: openat2, and the walk of path_walk.c where that is missing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/path.h"
#include "base/path_walk.h"

/* openat2 answers EAGAIN when something on the way of a ".." was renamed or mounted meanwhile. */
#define PATH_RETRIES 32

/* openat2 refuses flags that open ignores: everything but these beside O_PATH, and a mode without O_CREAT. */
#define PATH_O_PATH_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int path_openat2(int rootfd, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (unsigned)flags,
        .mode = mode,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    for (unsigned i = 0; i < PATH_RETRIES; i++) {
        long fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
        if (fd >= 0)
            return (int)fd;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -EAGAIN;
}

/* True when the answer says nothing about the path: no such system call, or a filter that refuses it; and for a tree
 * that others change so busily that openat2 gives up, which doesn't disturb the walk. EPERM can be about the path
 * (O_NOATIME, a sealed file …): then the walk gives the same. */
static bool path_try_walk(int r)
{
    return r == -ENOSYS || r == -EPERM || r == -EAGAIN;
}

struct err *path_open_in_root(int rootfd, const char *path, int flags, mode_t mode, int *ret)
{
    if (fault_hit(FAULT_SYS))
        return ERR_SYS(EIO, "open %s", path);
    flags |= O_CLOEXEC;
    flags = flags & O_PATH ? flags & PATH_O_PATH_FLAGS : flags | O_NOCTTY;
    bool creates = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
    mode = creates ? mode & 07777 : 0;
    int r = path_openat2(rootfd, path, flags, mode);
    if (path_try_walk(r))
        r = path_walk_open(rootfd, path, flags, mode, false);
    if (r < 0)
        return ERR_SYS(r, "open %s", path);
    *ret = r;
    return NULL;
}

struct err *path_mkdir_in_root(int rootfd, const char *path, mode_t mode, int *ret)
{
    const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    if (fault_hit(FAULT_SYS))
        return ERR_SYS(EIO, "make directory %s", path);
    int r = path_openat2(rootfd, path, flags, 0);
    if (r == -ENOENT || path_try_walk(r))
        r = path_walk_open(rootfd, path, flags, mode & 07777, true);
    if (r < 0)
        return ERR_SYS(r, "make directory %s", path);
    *ret = r;
    return NULL;
}
