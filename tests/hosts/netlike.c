/* A file system that is like a home directory on a badly served network: a directory shown through FUSE, where all
 * files belong to one user whoever makes them (all_squash), which has no extended attributes, takes no owner but that
 * one, makes no device nodes, and with --no-locks answers flock(2) and fcntl(2) locks with ENOLCK, as NFS without its
 * lock daemon does.
 *
 *   netlike [--no-locks] DIRECTORY TARGET     (as root; goes on in the background, until nobody has it mounted)
 * The user is the directory's owner.
 *
 * Built by tests/hosts/run: cc netlike.c -lfuse3. */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 35
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static int top = -1; /* the directory that is shown */
static uid_t uid;
static gid_t gid;

static int result(long r)
{
    return r < 0 ? -errno : (int)r;
}

/* "/a/b" below the directory. */
static const char *below(const char *path)
{
    return path[1] ? path + 1 : ".";
}

static int do_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
    return result(fi ? fstat((int)fi->fh, st) : fstatat(top, below(path), st, AT_SYMLINK_NOFOLLOW));
}

static int do_readlink(const char *path, char *buf, size_t size)
{
    ssize_t n = readlinkat(top, below(path), buf, size - 1);
    if (n >= 0)
        buf[n] = '\0';
    return n < 0 ? -errno : 0;
}

static int do_mknod(const char *path, mode_t mode, dev_t dev)
{
    if (S_ISCHR(mode) || S_ISBLK(mode))
        return -EPERM;
    return result(mknodat(top, below(path), mode, dev));
}

static int do_mkdir(const char *path, mode_t mode)
{
    return result(mkdirat(top, below(path), mode));
}

static int do_unlink(const char *path)
{
    return result(unlinkat(top, below(path), 0));
}

static int do_rmdir(const char *path)
{
    return result(unlinkat(top, below(path), AT_REMOVEDIR));
}

static int do_symlink(const char *target, const char *path)
{
    return result(symlinkat(target, top, below(path)));
}

static int do_rename(const char *from, const char *to, unsigned flags)
{
    if (flags & ~(unsigned)RENAME_NOREPLACE)
        return -EINVAL;
    return result(renameat2(top, below(from), top, below(to), flags));
}

static int do_link(const char *from, const char *to)
{
    return result(linkat(top, below(from), top, below(to), 0));
}

static int do_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    return result(fi ? fchmod((int)fi->fh, mode) : fchmodat(top, below(path), mode, 0));
}

static int do_chown(const char *path, uid_t to_uid, gid_t to_gid, struct fuse_file_info *fi)
{
    (void)path;
    (void)fi;
    bool other = (to_uid != (uid_t)-1 && to_uid != uid) || (to_gid != (gid_t)-1 && to_gid != gid);
    return other ? -EPERM : 0;
}

static int do_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
    if (fi)
        return result(ftruncate((int)fi->fh, size));
    int fd = openat(top, below(path), O_WRONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : result(ftruncate(fd, size));
    if (fd >= 0)
        close(fd);
    return r;
}

static int do_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    int fd = openat(top, below(path), (fi->flags & ~O_DIRECT) | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
    fi->fh = (uint64_t)fd;
    return fd < 0 ? -errno : 0;
}

static int do_open(const char *path, struct fuse_file_info *fi)
{
    int fd = openat(top, below(path), (fi->flags & ~(O_DIRECT | O_CREAT | O_EXCL)) | O_CLOEXEC);
    fi->fh = (uint64_t)fd;
    return fd < 0 ? -errno : 0;
}

static int do_read(const char *path, char *buf, size_t size, off_t at, struct fuse_file_info *fi)
{
    (void)path;
    return result(pread((int)fi->fh, buf, size, at));
}

static int do_write(const char *path, const char *buf, size_t size, off_t at, struct fuse_file_info *fi)
{
    (void)path;
    return result(pwrite((int)fi->fh, buf, size, at));
}

static int do_statfs(const char *path, struct statvfs *st)
{
    (void)path;
    return result(fstatvfs(top, st));
}

static int do_release(const char *path, struct fuse_file_info *fi)
{
    (void)path;
    return result(close((int)fi->fh));
}

static int do_fsync(const char *path, int data, struct fuse_file_info *fi)
{
    (void)path;
    return result(data ? fdatasync((int)fi->fh) : fsync((int)fi->fh));
}

static int do_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t at, struct fuse_file_info *fi,
                      enum fuse_readdir_flags flags)
{
    const struct dirent *entry;
    (void)at;
    (void)fi;
    (void)flags;
    int fd = openat(top, below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return -errno;
    while ((entry = readdir(d)))
        (void)fill(buf, entry->d_name, NULL, 0, 0);
    closedir(d);
    return 0;
}

static int do_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *fi)
{
    return result(fi ? futimens((int)fi->fh, times) : utimensat(top, below(path), times, AT_SYMLINK_NOFOLLOW));
}

static int do_flock(const char *path, struct fuse_file_info *fi, int op)
{
    (void)path;
    (void)fi;
    (void)op;
    return -ENOLCK;
}

static int do_lock(const char *path, struct fuse_file_info *fi, int command, struct flock *lock)
{
    (void)path;
    (void)fi;
    (void)command;
    (void)lock;
    return -ENOLCK;
}

/* With the user's rights from here on; the process stays root's, so that it is none of the user's that are left over.
 */
static void *do_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
    (void)conn;
    config->use_ino = 1;
    config->hard_remove = 1;
    config->nullpath_ok = 0;
    (void)setfsgid(gid);
    (void)setfsuid(uid);
    umask(0);
    return NULL;
}

static struct fuse_operations operations = {
    .init = do_init,
    .getattr = do_getattr,
    .readlink = do_readlink,
    .mknod = do_mknod,
    .mkdir = do_mkdir,
    .unlink = do_unlink,
    .rmdir = do_rmdir,
    .symlink = do_symlink,
    .rename = do_rename,
    .link = do_link,
    .chmod = do_chmod,
    .chown = do_chown,
    .truncate = do_truncate,
    .create = do_create,
    .open = do_open,
    .read = do_read,
    .write = do_write,
    .statfs = do_statfs,
    .release = do_release,
    .fsync = do_fsync,
    .readdir = do_readdir,
    .utimens = do_utimens,
};

/* The mount is the cell's alone: our own copies of all mounts would keep it. */
static void leave_mounts(const char *target)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        umount2(target, MNT_DETACH) < 0)
        err(2, "leave the mount namespace");
}

int main(int argc, char **argv)
{
    bool no_locks = argc == 4 && strcmp(argv[1], "--no-locks") == 0;
    char *const *words = argv + (no_locks ? 2 : 1);
    char name[] = "netlike", flag[] = "-o",
         options[] = "allow_other,default_permissions,fsname=server:/home,subtype=netlike";
    char *fuse_argv[] = {name, flag, options, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, fuse_argv);
    struct stat st;
    if (argc != (no_locks ? 4 : 3))
        errx(2, "usage: netlike [--no-locks] DIRECTORY TARGET");
    top = open(words[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0 || fstat(top, &st) < 0)
        err(2, "%s", words[0]);
    uid = st.st_uid;
    gid = st.st_gid;
    if (no_locks) {
        operations.flock = do_flock;
        operations.lock = do_lock;
    }
    struct fuse *fuse = fuse_new(&args, &operations, sizeof(operations), NULL);
    if (!fuse || fuse_mount(fuse, words[1]) != 0)
        err(77, "mount on %s", words[1]);
    if (daemon(1, 0) < 0)
        err(2, "daemon");
    leave_mounts(words[1]);
    return fuse_loop(fuse);
}
