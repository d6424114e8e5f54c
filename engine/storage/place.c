/* A place of one's own to mount on, for commands that look into a root file system. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/storage/driver.h"
#include "engine/storage/mountapi.h"

/* Has `place` a mount of its own already? In the session's namespace it is an ordinary directory. A second namespace
 * would take the mounts of the first away, also from under descriptors that are still open there. */
static bool place_is_private(const char *place)
{
    struct stat here, above;
    AUTO_FREE char *parent = NULL;
    struct err *e = path_join(&parent, place, "..");
    bool yes = !e && stat(place, &here) == 0 && stat(parent, &above) == 0 && here.st_dev != above.st_dev;
    err_drop(e);
    return yes;
}

struct err *storage_private_place(const char *place)
{
    TRY(file_mkdirs(place, 0700));
    if (!place_is_private(place)) {
        if (unshare(CLONE_NEWNS) < 0)
            return ERR_SYS(errno, "make a mount namespace");
        if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
            return ERR_SYS(errno, "make the mount namespace private");
    }
    if (mount("coracle", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0)
        return ERR_SYS(errno, "mount a tmpfs on %s", place);
    return NULL;
}

struct err *storage_bind(const char *source, int target_fd, bool read_only)
{
    AUTO_FD int mnt = mountapi_clone(source, true);
    if (mnt == -ENOENT || mnt == -EACCES)
        return ERR_SYS(mnt, "bind %s", source);
    if (mnt >= 0 && mountapi_setattr(mnt, true, read_only ? MOUNTAPI_RDONLY : 0, MS_PRIVATE) >= 0) {
        int r = mountapi_move_to(mnt, target_fd);
        return r < 0 ? ERR_SYS(r, "bind %s", source) : NULL;
    }
    return bind_old(source, fd_proc_path(target_fd).s, read_only);
}

/* Only who is in a mount namespace may copy its mounts; what was copied belongs to none, and goes anywhere. */
static int clone_there(int own_fd, int mntns_fd, int root_fd)
{
    if (setns(mntns_fd, CLONE_NEWNS) < 0)
        return -errno;
    int mnt = mountapi_clone_fd(root_fd);
    if (setns(own_fd, CLONE_NEWNS) < 0) { /* in a foreign namespace nothing may go on */
        fd_close(mnt);
        return -errno;
    }
    return mnt;
}

struct err *storage_bind_from(int mntns_fd, int root_fd, const char *target)
{
    AUTO_FD int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), cwd = open(".", O_PATH | O_CLOEXEC), mnt = -1;
    if (own < 0)
        return ERR_SYS(errno, "open the own mount namespace");
    mnt = clone_there(own, mntns_fd, root_fd);
    if (cwd >= 0 && fchdir(cwd) < 0)
        return ERR_SYS(errno, "go back to the working directory");
    if (mnt < 0)
        return ERR_SYS(mnt, "copy a mount of another namespace");
    int r = mountapi_setattr(mnt, false, 0, MS_PRIVATE);
    if (r >= 0)
        r = mountapi_move(mnt, target);
    return r < 0 ? ERR_SYS(r, "bind to %s", target) : NULL;
}
