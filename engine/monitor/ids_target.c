/* The process that waits for an answer: its memory, its limits, its view of the file system. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/override.h"
#include "base/path.h"
#include "engine/monitor/ids_internal.h"

#define STATUS_MAX ((size_t)16 << 10)

struct proc_path {
    char s[64];
};

static struct proc_path proc_of(const struct ids_call *c, const char *what)
{
    struct proc_path p;
    (void)snprintf(p.s, sizeof(p.s), "/proc/%u/%s", c->notif->pid, what);
    return p;
}

uint32_t ids_arg(const struct ids_call *c, unsigned index)
{
    return (uint32_t)c->notif->data.args[index];
}

/* Does it still wait? What was read of it counts only then. */
static bool is_valid(const struct ids_call *c)
{
    uint64_t id = c->notif->id;
    return ioctl(c->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* --- memory */

/* process_vm_readv(2) takes one call where /proc/PID/mem takes three; where it is refused, that. As much as there is,
 * up to `len`. */
static ssize_t read_some(const struct ids_call *c, uint64_t address, void *buf, size_t len)
{
    const struct iovec here = {buf, len}, there = {(void *)(uintptr_t)address, len}; /* NOLINT: an address over there */
    ssize_t n = process_vm_readv((pid_t)c->notif->pid, &here, 1, &there, 1, 0);
    if (n >= 0 || (errno != ENOSYS && errno != EPERM))
        return n;
    AUTO_FD int fd = open(proc_of(c, "mem").s, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -1 : pread(fd, buf, len, (off_t)address);
}

bool ids_read(const struct ids_call *c, uint64_t address, void *buf, size_t len)
{
    return read_some(c, address, buf, len) == (ssize_t)len && is_valid(c);
}

/* Up to the end of each page: the next one may not be there. */
int ids_read_path(const struct ids_call *c, uint64_t address, char *buf)
{
    static const size_t page = 4096; /* or a multiple of that */
    for (size_t have = 0; have < PATH_MAX;) {
        size_t want = page - (address + have) % page;
        want = want < PATH_MAX - have ? want : PATH_MAX - have;
        ssize_t n = read_some(c, address + have, buf + have, want);
        if (n <= 0)
            return EFAULT;
        if (memchr(buf + have, '\0', (size_t)n))
            return is_valid(c) ? 0 : ESRCH;
        have += (size_t)n;
    }
    return ENAMETOOLONG;
}

bool ids_write(const struct ids_call *c, uint64_t address, const void *data, size_t len)
{
    AUTO_FD int fd = open(proc_of(c, "mem").s, O_RDWR | O_CLOEXEC);
    return fd >= 0 && is_valid(c) && pwrite(fd, data, len, (off_t)address) == (ssize_t)len;
}

/* --- credentials */

static uint64_t limit_of(const struct ids_call *c)
{
    struct rlimit l;
    return prlimit((pid_t)c->notif->pid, RLIMIT_LOCKS, NULL, &l) == 0 ? l.rlim_cur : RLIM_INFINITY;
}

bool ids_creds_get(const struct ids_call *c, struct ids_creds *ret)
{
    return ids_creds_of(c->table, limit_of(c), ret);
}

bool ids_creds_get_next(const struct ids_call *c, struct ids_creds *ret)
{
    return ids_creds_next(limit_of(c), ret);
}

int ids_creds_put(const struct ids_call *c, const struct ids_creds *creds)
{
    struct rlimit l = {.rlim_max = RLIM_INFINITY};
    uint64_t value = 0;
    struct err *e = ids_limit_for(c->table, creds, &value);
    bool full = e != NULL;
    err_drop(e);
    if (full)
        return EAGAIN;
    l.rlim_cur = value;
    if (!is_valid(c))
        return ESRCH;
    return prlimit((pid_t)c->notif->pid, RLIMIT_LOCKS, &l, NULL) < 0 ? errno : 0;
}

unsigned ids_status(const struct ids_call *c, const char *field, bool octal, unsigned fallback)
{
    AUTO_FREE char *text = NULL;
    AUTO_FD int fd = open(proc_of(c, "status").s, O_RDONLY | O_CLOEXEC);
    struct err *e = fd < 0 ? ERR_SYS(errno, "status") : fd_read_all(fd, STATUS_MAX, &text, NULL);
    char *at = e ? NULL : strstr(text, field);
    err_drop(e);
    if (!at)
        return fallback;
    at += strlen(field);
    at += strspn(at, "\t ");
    at[strcspn(at, "\n")] = '\0';
    uint32_t value = 0;
    uint64_t wide = 0;
    e = octal ? number_parse_octal(at, 07777, &value) : number_parse_u64(at, UINT32_MAX, &wide);
    bool bad = e != NULL;
    err_drop(e);
    return bad ? fallback : octal ? value : (unsigned)wide;
}

/* --- files */

/* The path from the process's root of what a link in its /proc directory leads to, without a slash at its end. Seen
 * from us both begin at the root of its mount namespace. */
static int base_path(const struct ids_call *c, int dirfd, char *buf, size_t cap)
{
    char link[32], root[PATH_MAX];
    (void)snprintf(link, sizeof(link), dirfd == AT_FDCWD ? "cwd" : "fd/%d", dirfd);
    ssize_t n = readlink(proc_of(c, link).s, buf, cap - 1);
    if (n < 0)
        return dirfd == AT_FDCWD ? ESRCH : EBADF;
    buf[n] = '\0';
    if (buf[0] != '/')
        return ENOTDIR;
    ssize_t r = readlink(proc_of(c, "root").s, root, sizeof(root) - 1);
    if (r < 0)
        return ESRCH;
    root[r] = '\0';
    if (r == 1) /* "/" */
        return 0;
    if (strncmp(buf, root, (size_t)r) != 0 || (buf[r] != '/' && buf[r] != '\0'))
        return EXDEV; /* outside of its root */
    memmove(buf, buf + r, strlen(buf + r) + 1);
    return 0;
}

static int open_in_root(const struct ids_call *c, const char *path, int flags, int *ret)
{
    AUTO_FD int root = open(proc_of(c, "root").s, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return errno;
    struct err *e = path_open_in_root(root, path, flags, 0, ret);
    int errnum = e ? err_errno(e) : 0;
    bool failed = e != NULL;
    err_drop(e);
    return failed && !errnum ? EIO : errnum;
}

int ids_open(const struct ids_call *c, int dirfd, const char *path, bool follow, int *ret)
{
    int flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
    char full[2 * PATH_MAX], link[32];
    if (!*path && dirfd != AT_FDCWD) { /* whatever it is, pipes included */
        (void)snprintf(link, sizeof(link), "fd/%d", dirfd);
        *ret = open(proc_of(c, link).s, O_PATH | O_CLOEXEC);
        return *ret < 0 ? (errno == ENOENT ? EBADF : errno) : 0;
    }
    if (*path == '/')
        return open_in_root(c, path, flags, ret);
    int errnum = base_path(c, dirfd, full, PATH_MAX);
    if (errnum)
        return errnum;
    size_t len = strlen(full);
    (void)snprintf(full + len, sizeof(full) - len, "/%s", path);
    return open_in_root(c, full, flags, ret);
}

int ids_open_parent(const struct ids_call *c, int dirfd, char *path, const char **ret_name, int *ret)
{
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return EINVAL;
    *ret_name = name;
    if (!slash)
        return ids_open(c, dirfd, ".", true, ret);
    if (slash == path)
        return ids_open(c, dirfd, "/", true, ret);
    *slash = '\0';
    return ids_open(c, dirfd, path, true, ret);
}

bool ids_stat(int fd, struct stat *ret, int *ret_errnum)
{
    struct override o;
    bool known = override_read_path(fd_proc_path(fd).s, &o);
    *ret_errnum = fstatat(fd, "", ret, AT_EMPTY_PATH) < 0 ? errno : 0;
    if (known && !*ret_errnum)
        override_apply(&o, ret);
    return known;
}
