/* Whole files and directories. Removing and measuring trees is in file_tree.c, copying in file_copy.c. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strbuf.h"

/* How often a lock file may vanish under us before that is an error. */
#define FILE_LOCK_TRIES 64
/* For files that don't tell their size. */
#define FILE_READ_CHUNK ((size_t)16 << 10)

struct err *file_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len)
{
    /* O_NONBLOCK: a FIFO in the place of a configuration file must not hang us before it is refused. */
    AUTO_FD int fd =
        fault_hit(FAULT_SYS) ? (errno = EIO, -1) : openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return ERR_SYS(errno, "open %s", path);
    return ERR_WRAP(file_read_fd(fd, max, ret, ret_len), "read %s", path);
}

/* Bytes to ask for next: the rest of the file and one to see its end; files of procfs say that their size is 0. */
static size_t file_read_want(const struct stat *st, size_t have, size_t max)
{
    size_t size = st->st_size > 0 ? (size_t)st->st_size : 0;
    size_t want = size >= have && size > 0 ? size - have + 1 : FILE_READ_CHUNK;
    return want > max - have ? max - have + 1 : want;
}

/* pread: the position may be shared with another process, and stays as it is. */
struct err *file_read_fd(int fd, size_t max, char **ret, size_t *ret_len)
{
    AUTO_STRBUF struct strbuf sb = {.max = SIZE_MAX - 1};
    struct stat st;
    if (fstat(fd, &st) < 0)
        return ERR_SYS(errno, "fstat");
    if (!S_ISREG(st.st_mode))
        return ERR_NEW(ERR_INVALID, "not a regular file");
    /* Before anything is allocated for it. */
    if (st.st_size > 0 && (uint64_t)st.st_size > max)
        return ERR_NEW(ERR_NO_SPACE, "more than %zu bytes", max);
    for (;;) {
        size_t want = file_read_want(&st, sb.len, max);
        TRY(strbuf_reserve(&sb, want));
        ssize_t n = fault_hit(FAULT_SYS) ? (errno = EIO, -1) : pread(fd, sb.data + sb.len, want, (off_t)sb.len);
        if (n < 0 && errno != EINTR)
            return ERR_SYS(errno, "read");
        if (n == 0)
            break;
        sb.len += n < 0 ? 0 : (size_t)n;
        if (sb.len > max)
            return ERR_NEW(ERR_NO_SPACE, "more than %zu bytes", max);
    }
    sb.data[sb.len] = '\0';
    if (ret_len)
        *ret_len = sb.len;
    return strbuf_take(&sb, ret);
}

/* A file that is being written, beside the one that it will replace. */
struct file_temp {
    int dirfd;
    int fd;
    char *path; /* owned; NULL once it was renamed */
};

/* On every way out but success, the temporary file goes too. */
static void file_temp_done(struct file_temp *t)
{
    (void)fd_close(t->fd);
    if (t->path)
        (void)unlinkat(t->dirfd, t->path, 0);
    free(t->path);
}
#define AUTO_TEMP __attribute__((cleanup(file_temp_done)))

static struct err *file_temp_open(struct file_temp *t, const char *path)
{
    /* A random name rather than the pid: two namespaces may have equal ones. O_EXCL settles the rest. */
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return ERR_SYS(errno, "getrandom");
    int dir_len = (int)(path_last(path) - path);
    AUTO_FREE char *name = NULL;
    TRY(mem_asprintf(&name, "%.*s.tmp-%016llx", dir_len, path, (unsigned long long)random));
    /* Private until it is complete and has its mode. */
    t->fd = openat(t->dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (t->fd < 0)
        return ERR_SYS(errno, "create a temporary file");
    t->path = TAKE_PTR(name);
    return NULL;
}

/* Make the rename itself last. */
static struct err *file_sync_parent(int dirfd, const char *path)
{
    AUTO_FREE char *parent = NULL;
    TRY(mem_strndup(path, (size_t)(path_last(path) - path), &parent));
    AUTO_FD int fd = openat(dirfd, *parent ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return ERR_SYS(errno, "flush the directory");
    return NULL;
}

static struct err *file_write_temp(int dirfd, const char *path, const void *data, size_t len, mode_t mode, bool sync)
{
    AUTO_TEMP struct file_temp t = {.dirfd = dirfd, .fd = -1};
    TRY(file_temp_open(&t, path));
    TRY(fd_write_all(t.fd, data, len));
    /* Not through open's mode: the umask would cut it, and resolv.conf must be readable for the container. */
    if (fchmod(t.fd, mode) < 0)
        return ERR_SYS(errno, "set the mode");
    if (sync && (fault_hit(FAULT_SYS) ? (errno = EIO, -1) : fsync(t.fd)) < 0)
        return ERR_SYS(errno, "flush");
    if ((fault_hit(FAULT_SYS) ? (errno = EIO, -1) : renameat(dirfd, t.path, dirfd, path)) < 0)
        return ERR_SYS(errno, "rename");
    /* Renamed: nothing is left to remove. */
    free(TAKE_PTR(t.path));
    return sync ? file_sync_parent(dirfd, path) : NULL;
}

struct err *file_write_atomic(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
                              enum file_sync sync)
{
    return ERR_WRAP(file_write_temp(dirfd, path, data, len, mode, sync == FILE_SYNC), "write %s", path);
}

/* One mkdir; an existing directory is fine. Another process may make it at the same time. */
static int file_mkdir(const char *path, mode_t mode)
{
    struct stat st;
    if (mkdir(path, mode) == 0)
        return 0;
    int errnum = errno;
    /* A read-only file system or a missing right is no matter where the directory is there already. */
    if (errnum != ENOENT && stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
    return -errnum;
}

struct err *file_mkdirs(const char *path, mode_t mode)
{
    /* The whole path first: most often everything but the last component exists. */
    AUTO_FREE char *copy = NULL;
    int r = fault_hit(FAULT_SYS) ? -EIO : file_mkdir(path, mode);
    if (r == -ENOENT && *path) {
        TRY(mem_strdup(path, &copy));
        r = 0;
        /* Then each prefix in turn, from the top. */
        for (char *s = copy + 1; r == 0 && (s = strchr(s, '/')); s++) {
            *s = '\0';
            r = file_mkdir(copy, mode);
            *s = '/';
        }
        if (r == 0)
            r = file_mkdir(path, mode);
    }
    return r < 0 ? ERR_SYS(r, "make directory %s", path) : NULL;
}

struct err *file_open_dir(int dirfd, const char *path, int *ret)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open directory %s", path);
    *ret = fd;
    return NULL;
}

bool file_exists(int dirfd, const char *path)
{
    /* Not faccessat(3): glibc asks faccessat2(2) first, and takes EPERM from a filter that doesn't know it for the
     * answer. */
    struct stat st;
    return fstatat(dirfd, path, &st, 0) == 0;
}

struct err *file_lock(int fd, bool exclusive, bool wait)
{
    int op = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB);
    /* flock(2) belongs to the open file, not to the process: it survives fork and goes with the last close. */
    while (flock(fd, op) < 0) {
        if (errno == EWOULDBLOCK)
            return ERR_SYS_AS(ERR_IN_USE, EWOULDBLOCK, "locked by another process");
        if (errno != EINTR)
            return ERR_SYS(errno, "lock");
    }
    return NULL;
}

/* Open for locking: an existing directory, or a file that is made as needed. */
static int file_open_lockable(int dirfd, const char *path)
{
    int fd = openat(dirfd, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0 && errno == EISDIR)
        fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd;
}

/* Between open and lock, the holder may have removed the file: then the lock is on something without a name, and the
 * next one to come would get another. */
struct err *file_open_locked(int dirfd, const char *path, bool exclusive, bool wait, int *ret)
{
    for (unsigned i = 0; i < FILE_LOCK_TRIES; i++) {
        struct stat mine, now;
        AUTO_FD int fd = file_open_lockable(dirfd, path);
        if (fd < 0)
            return ERR_SYS(errno, "open %s", path);
        TRY_WRAP(file_lock(fd, exclusive, wait), "%s", path);
        if (fstat(fd, &mine) < 0)
            return ERR_SYS(errno, "fstat %s", path);
        if (fstatat(dirfd, path, &now, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT)
                continue;
            return ERR_SYS(errno, "stat %s", path);
        }
        if (mine.st_dev == now.st_dev && mine.st_ino == now.st_ino) {
            *ret = TAKE_FD(fd);
            return NULL;
        }
    }
    return ERR_NEW(ERR_IN_USE, "lock %s: it is removed again and again", path);
}
