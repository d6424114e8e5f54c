/* Calls that make files. The kernel gives them to the one user that it knows. So what shall belong to another one is
 * made here, and recorded before the process can see it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/override.h"
#include "engine/monitor/ids_internal.h"

/* A file that is to be made. */
struct making {
    char path[PATH_MAX];
    const char *name; /* in it */
    int parent;
    mode_t mode;           /* with the type, without what the umask takes */
    struct override owner; /* as it is going to be */
};
static void making_done(struct making *m)
{
    m->parent = fd_close(m->parent);
}
#define AUTO_MAKING __attribute__((cleanup(making_done)))

/* A new file is its maker's, but has the group of a setgid directory, and a new directory that bit as well: inode(7).
 */
static int settle_owner(const struct ids_call *c, struct making *m)
{
    struct ids_creds creds;
    struct stat above;
    int errnum = 0;
    (void)ids_creds_get(c, &creds);
    (void)ids_stat(m->parent, &above, &errnum);
    if (errnum)
        return errnum;
    bool inherits = above.st_mode & S_ISGID;
    m->owner.uid = creds.uid[IDS_FS];
    m->owner.gid = inherits ? above.st_gid : creds.gid[IDS_FS];
    if (inherits && S_ISDIR(m->mode))
        m->mode |= S_ISGID;
    return 0;
}

/* False: the kernel does it just as well, or knows better why not. */
static bool prepare(const struct ids_call *c, int dir_arg, unsigned path_arg, mode_t mode, struct making *m)
{
    int dirfd = dir_arg < 0 ? AT_FDCWD : (int)ids_arg(c, (unsigned)dir_arg);
    m->mode = mode;
    if (ids_read_path(c, c->notif->data.args[path_arg], m->path) != 0 ||
        ids_open_parent(c, dirfd, m->path, &m->name, &m->parent) != 0 || settle_owner(c, m) != 0 ||
        !override_is_needed(m->owner.uid, m->owner.gid, m->mode))
        return false;
    m->mode &= ~(mode_t)(ids_status(c, "\nUmask:", true, 022) & 0777);
    m->owner.mode = m->mode;
    return true;
}

/* The record, or nothing at all is left of it. */
static int record(const struct making *m, int fd)
{
    int errnum = override_write_fd(fd, &m->owner);
    if (errnum == EOPNOTSUPP || errnum == EPERM)
        return 0;
    if (errnum)
        (void)unlinkat(m->parent, m->name, S_ISDIR(m->mode) ? AT_REMOVEDIR : 0);
    return errnum;
}

/* The descriptor becomes the process's, and its number the call's result (Linux 5.14). */
static struct ids_answer hand_over(const struct ids_call *c, int fd, int flags)
{
    struct seccomp_notif_addfd add = {
        .id = c->notif->id,
        .flags = SECCOMP_ADDFD_FLAG_SEND,
        .srcfd = (uint32_t)fd,
        .newfd_flags = flags & O_CLOEXEC ? O_CLOEXEC : 0,
    };
    if (ioctl(c->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0)
        return IDS_ERRNO(errno);
    return (struct ids_answer){.sent = true};
}

struct ids_answer ids_do_open(const struct ids_call *c)
{
    AUTO_MAKING struct making m = {.parent = -1};
    bool at = c->notif->data.nr == SYS_openat;
    unsigned base = at ? 1 : 0; /* the path; flags and mode follow */
    int flags = (int)ids_arg(c, base + 1);
    mode_t mode = (mode_t)ids_arg(c, base + 2) & 07777;
#ifdef SYS_creat
    if (c->notif->data.nr == SYS_creat) {
        flags = O_CREAT | O_WRONLY | O_TRUNC;
        mode = (mode_t)ids_arg(c, 1) & 07777;
    }
#endif
    if ((flags & O_TMPFILE) == O_TMPFILE || flags & O_PATH || !prepare(c, at ? 0 : -1, base, S_IFREG | mode, &m))
        return IDS_GO_ON;
    AUTO_FD int fd =
        openat(m.parent, m.name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, m.mode & 07777);
    if (fd < 0) /* it is there already, perhaps as a link; all other reasons the kernel finds again */
        return IDS_GO_ON;
    int errnum = record(&m, fd);
    return errnum ? IDS_ERRNO(errnum) : hand_over(c, fd, flags);
}

struct ids_answer ids_do_mkdir(const struct ids_call *c)
{
    AUTO_MAKING struct making m = {.parent = -1};
    bool at = c->notif->data.nr == SYS_mkdirat;
    unsigned base = at ? 1 : 0;
    if (!prepare(c, at ? 0 : -1, base, S_IFDIR | (mode_t)(ids_arg(c, base + 1) & 01777), &m))
        return IDS_GO_ON;
    if (mkdirat(m.parent, m.name, 0700) < 0)
        return IDS_GO_ON;
    AUTO_FD int fd = openat(m.parent, m.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, override_disk_mode(m.mode & 07777)) < 0)
        return IDS_ERRNO(errno);
    int errnum = record(&m, fd);
    return errnum ? IDS_ERRNO(errnum) : IDS_VALUE(0);
}

/* Devices are empty files with a record; others are the kernel's, which refuses nothing. */
struct ids_answer ids_do_mknod(const struct ids_call *c)
{
    AUTO_MAKING struct making m = {.parent = -1};
    bool at = c->notif->data.nr == SYS_mknodat;
    unsigned base = at ? 1 : 0;
    mode_t mode = (mode_t)ids_arg(c, base + 1);
    dev_t dev = (dev_t)ids_arg(c, base + 2);
    bool is_device = S_ISCHR(mode) || S_ISBLK(mode);
    if ((is_device && !dev) || (!is_device && !S_ISREG(mode) && (mode & S_IFMT))) /* 0/0 is a whiteout */
        return IDS_GO_ON;
    mode = mode & S_IFMT ? mode : S_IFREG | mode;
    if (!prepare(c, at ? 0 : -1, base, mode & (S_IFMT | 07777), &m))
        return IDS_GO_ON;
    m.owner.rdev = dev;
    AUTO_FD int fd = openat(m.parent, m.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, m.mode & 0777);
    if (fd < 0)
        return IDS_ERRNO(errno);
    int errnum = override_write_fd(fd, &m.owner);
    if (errnum)
        (void)unlinkat(m.parent, m.name, 0);
    return errnum ? IDS_ERRNO(errnum == EOPNOTSUPP ? EPERM : errnum) : IDS_VALUE(0);
}
