/* Calls about owners and modes of files that are there. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/override.h"
#include "engine/monitor/ids_internal.h"

/* Where a call names a file: which arguments, and what its flags are. */
struct place {
    int dirfd;
    char path[PATH_MAX];
    bool follow;
};

/* `path_arg` -1: the descriptor alone. 0 or an errno. */
static int read_place(const struct ids_call *c, int dir_arg, int path_arg, uint32_t at_flags, struct place *ret)
{
    ret->dirfd = dir_arg < 0 ? AT_FDCWD : (int)ids_arg(c, (unsigned)dir_arg);
    ret->follow = !(at_flags & AT_SYMLINK_NOFOLLOW);
    ret->path[0] = '\0';
    if (path_arg < 0)
        return 0;
    int errnum = ids_read_path(c, c->notif->data.args[path_arg], ret->path);
    if (!errnum && !ret->path[0]) {
        if (!(at_flags & AT_EMPTY_PATH))
            return ENOENT;
        if (ret->dirfd == AT_FDCWD)
            ret->path[0] = '.', ret->path[1] = '\0';
    }
    return errnum;
}

/* --- chown */

static struct ids_answer chown_fd(const struct ids_call *c, int fd, uint32_t uid, uint32_t gid)
{
    struct ids_creds creds;
    struct stat st;
    int errnum = 0;
    (void)ids_creds_get(c, &creds);
    (void)ids_stat(fd, &st, &errnum);
    if (!errnum && !ids_may_chown(&creds, st.st_uid, st.st_gid, uid, gid))
        errnum = EPERM;
    if (!errnum)
        errnum = override_chown(fd, uid, gid, true);
    return errnum ? IDS_ERRNO(errnum) : IDS_VALUE(0);
}

struct ids_answer ids_do_chown(const struct ids_call *c)
{
    struct place p;
    AUTO_FD int fd = -1;
    int errnum, owner = 1; /* the argument that is the uid */
    switch (c->notif->data.nr) {
    case SYS_fchownat:
        errnum = read_place(c, 0, 1, ids_arg(c, 4), &p);
        owner = 2;
        break;
    case SYS_fchown:
        errnum = read_place(c, 0, -1, AT_EMPTY_PATH, &p);
        break;
#ifdef SYS_chown
    case SYS_chown:
        errnum = read_place(c, -1, 0, 0, &p);
        break;
    case SYS_lchown:
        errnum = read_place(c, -1, 0, AT_SYMLINK_NOFOLLOW, &p);
        break;
#endif
    default:
        return IDS_GO_ON;
    }
    if (!errnum)
        errnum = ids_open(c, p.dirfd, p.path, p.follow, &fd);
    if (errnum == ELOOP && p.follow) /* /dev/stdout and its kin, which lead to no place in the tree */
        return IDS_VALUE(0);
    if (errnum)
        return errnum == ENOSYS ? IDS_VALUE(0) : IDS_ERRNO(errnum);
    return chown_fd(c, fd, ids_arg(c, (unsigned)owner), ids_arg(c, (unsigned)owner + 1));
}

/* --- chmod */

/* Only directories can have a mode on disk that is not theirs. */
static struct ids_answer chmod_fd(int fd, mode_t mode)
{
    struct stat st;
    int errnum = 0;
    bool known = ids_stat(fd, &st, &errnum);
    if (errnum || !S_ISDIR(st.st_mode) || (!known && override_disk_mode(mode) == mode))
        return IDS_GO_ON;
    const struct override o = {.uid = st.st_uid, .gid = st.st_gid, .mode = S_IFDIR | mode};
    if (chmod(fd_proc_path(fd).s, override_disk_mode(mode)) < 0)
        return IDS_ERRNO(errno);
    errnum = override_write_path(fd_proc_path(fd).s, &o);
    return errnum ? IDS_GO_ON : IDS_VALUE(0);
}

struct ids_answer ids_do_chmod(const struct ids_call *c)
{
    struct place p;
    AUTO_FD int fd = -1;
    int errnum, mode = 1;
    switch (c->notif->data.nr) {
    case SYS_fchmod:
        errnum = read_place(c, 0, -1, AT_EMPTY_PATH, &p);
        break;
#ifdef SYS_chmod
    case SYS_chmod:
        errnum = read_place(c, -1, 0, 0, &p);
        break;
#endif
    case SYS_fchmodat:
        errnum = read_place(c, 0, 1, 0, &p);
        mode = 2;
        break;
    default: /* fchmodat2 */
        errnum = read_place(c, 0, 1, ids_arg(c, 3), &p);
        mode = 2;
        break;
    }
    if (errnum || ids_open(c, p.dirfd, p.path, p.follow, &fd) != 0)
        return IDS_GO_ON;
    return chmod_fd(fd, (mode_t)ids_arg(c, (unsigned)mode) & 07777);
}

/* --- stat */

/* The file of a call; false: it is the kernel's to answer, since there is none, or it has no record. */
static bool stat_place(const struct ids_call *c, const struct place *p, struct stat *ret)
{
    AUTO_FD int fd = -1;
    int errnum = 0;
    return ids_open(c, p->dirfd, p->path, p->follow, &fd) == 0 && ids_stat(fd, ret, &errnum) && !errnum;
}

/* The C library's struct is the kernel's on the machines that this is built for. */
struct ids_answer ids_do_stat(const struct ids_call *c)
{
    struct place p;
    struct stat st;
    int errnum;
    unsigned buffer = 1;
    switch (c->notif->data.nr) {
    case SYS_fstat:
        errnum = read_place(c, 0, -1, AT_EMPTY_PATH, &p);
        break;
#ifdef SYS_stat
    case SYS_stat:
        errnum = read_place(c, -1, 0, 0, &p);
        break;
    case SYS_lstat:
        errnum = read_place(c, -1, 0, AT_SYMLINK_NOFOLLOW, &p);
        break;
#endif
    default: /* newfstatat */
        errnum = read_place(c, 0, 1, ids_arg(c, 3), &p);
        buffer = 2;
        break;
    }
    if (errnum || !stat_place(c, &p, &st))
        return IDS_GO_ON;
    return ids_write(c, c->notif->data.args[buffer], &st, sizeof(st)) ? IDS_VALUE(0) : IDS_ERRNO(EFAULT);
}

struct ids_answer ids_do_statx(const struct ids_call *c)
{
    struct place p;
    struct stat st;
    struct statx x;
    AUTO_FD int fd = -1;
    uint32_t flags = ids_arg(c, 2);
    int errnum = read_place(c, 0, 1, flags, &p);
    if (errnum || ids_open(c, p.dirfd, p.path, p.follow, &fd) != 0 || !ids_stat(fd, &st, &errnum) || errnum)
        return IDS_GO_ON;
    flags = (flags & (AT_STATX_SYNC_AS_STAT | AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC)) | AT_EMPTY_PATH;
    if (statx(fd, "", (int)flags, ids_arg(c, 3), &x) < 0)
        return IDS_GO_ON;
    x.stx_uid = st.st_uid;
    x.stx_gid = st.st_gid;
    x.stx_mode = (uint16_t)st.st_mode;
    x.stx_rdev_major = major(st.st_rdev);
    x.stx_rdev_minor = minor(st.st_rdev);
    return ids_write(c, c->notif->data.args[4], &x, sizeof(x)) ? IDS_VALUE(0) : IDS_ERRNO(EFAULT);
}
