#include "fuse-overlay/mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"

void mountpoint_done(struct mountpoint *m)
{
    m->parent_fd = fd_close(m->parent_fd);
    mem_freep(&m->name);
}

/* Where it is, independent of paths. Best effort: without, it stays mounted when we are told to leave. */
static struct err *mountpoint_find(const char *target, struct mountpoint *ret)
{
    AUTO_FREE char *path = NULL;
    TRY(path_absolute(target, &path));
    char *slash = strrchr(path, '/');
    if (!slash || !slash[1])
        return NULL;
    TRY(mem_strdup(slash + 1, &ret->name));
    slash[1] = '\0';
    ret->parent_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return NULL;
}

struct err *mountpoint_mount(const struct options *opts, struct mountpoint *ret, int *ret_fd, bool *ret_refused)
{
    char data[160];
    *ret = (struct mountpoint){.parent_fd = -1};
    *ret_refused = false;
    if (opts->device_fd >= 0) {
        *ret_fd = opts->device_fd;
        return fd_set_cloexec(opts->device_fd, true);
    }
    AUTO_FD int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open /dev/fuse");
    (void)snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions%s", fd,
                   (unsigned)geteuid(), (unsigned)getegid(), opts->private_mount ? "" : ",allow_other");
    unsigned long flags = opts->mount_flags | (opts->upper ? 0 : MS_RDONLY);
    if (mount("coracle-overlay", opts->target, "fuse.coracle-overlay", flags, data) < 0) {
        *ret_refused = errno == EPERM;
        return ERR_SYS(errno, "mount on %s", opts->target);
    }
    err_drop(mountpoint_find(opts->target, ret));
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

void mountpoint_unmount(const struct mountpoint *m)
{
    if (m->parent_fd < 0 || fchdir(m->parent_fd) < 0)
        return;
    (void)umount2(m->name, MNT_DETACH | UMOUNT_NOFOLLOW);
}
