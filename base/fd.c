/* File descriptors. */
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/strbuf.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define FD_READ_CHUNK ((size_t)16 << 10)

int fd_close(int fd)
{
    if (fd >= 0) {
        int saved = errno;
        (void)close(fd); /* never retried: Linux frees the number even on EINTR */
        errno = saved;
    }
    return -1;
}

/* For AUTO_FD. */
void fd_closep(int *fd)
{
    *fd = fd_close(*fd);
}

/* After a failed read or write: true when it is worth another try, waiting for a non-blocking descriptor. */
static bool fd_retry(int fd, short events)
{
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN)
        return false;
    /* Ours may be non-blocking because the other side of a terminal or pipe made it so: the flag is shared. */
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

struct err *fd_write_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    if (fault_hit(FAULT_SYS))
        return ERR_SYS(EIO, "write");
    while (len) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && !fd_retry(fd, POLLOUT))
            return ERR_SYS(errno, "write");
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return NULL;
}

struct err *fd_memory(const char *name, const void *data, size_t len, int *ret)
{
    AUTO_FD int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "memory file");
    TRY(fd_write_all(fd, data, len));
    if (lseek(fd, 0, SEEK_SET) < 0)
        return ERR_SYS(errno, "memory file");
    *ret = TAKE_FD(fd);
    return NULL;
}

/* One read, at most `len` bytes; *ret_n is 0 at the end only. */
static struct err *fd_read_some(int fd, void *buf, size_t len, size_t *ret_n)
{
    if (fault_hit(FAULT_SYS))
        return ERR_SYS(EIO, "read");
    for (;;) {
        ssize_t n = read(fd, buf, len);
        if (n >= 0) {
            *ret_n = (size_t)n;
            return NULL;
        }
        if (!fd_retry(fd, POLLIN))
            return ERR_SYS(errno, "read");
    }
}

/* Reads straight into the buffer that is handed over; no copy. */
struct err *fd_read_all(int fd, size_t max, char **ret, size_t *ret_len)
{
    AUTO_STRBUF struct strbuf sb = {.max = SIZE_MAX - 1};
    for (;;) {
        /* At the limit, one byte more tells "just fits" from "too long". */
        size_t want = max - sb.len < FD_READ_CHUNK ? max - sb.len + 1 : FD_READ_CHUNK;
        size_t n = 0;
        TRY(strbuf_reserve(&sb, want));
        TRY(fd_read_some(fd, sb.data + sb.len, want, &n));
        if (n == 0)
            break;
        sb.len += n;
        if (sb.len > max)
            return ERR_NEW(ERR_NO_SPACE, "more than %zu bytes", max);
    }
    sb.data[sb.len] = '\0';
    if (ret_len)
        *ret_len = sb.len;
    return strbuf_take(&sb, ret);
}

struct err *fd_read_exact(int fd, void *buf, size_t len)
{
    char *at = buf;
    size_t missing = len;
    while (missing) {
        size_t n = 0;
        TRY(fd_read_some(fd, at, missing, &n));
        if (n == 0)
            return ERR_NEW(ERR_CORRUPT, "end after %zu of %zu bytes", len - missing, len);
        at += n;
        missing -= n;
    }
    return NULL;
}

/* `get` and `set` are the fcntl commands of one of the two kinds of flags; no call when nothing changes. */
static struct err *fd_change_flag(int fd, int get, int set, int flag, bool on)
{
    int flags = fcntl(fd, get);
    if (flags < 0)
        return ERR_SYS(errno, "read the flags of descriptor %d", fd);
    int changed = on ? flags | flag : flags & ~flag;
    if (changed != flags && fcntl(fd, set, changed) < 0)
        return ERR_SYS(errno, "change the flags of descriptor %d", fd);
    return NULL;
}

struct err *fd_set_nonblock(int fd, bool on)
{
    return fd_change_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

struct err *fd_set_cloexec(int fd, bool on)
{
    return fd_change_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

struct fd_path fd_proc_path(int fd)
{
    struct fd_path p;
    (void)snprintf(p.s, sizeof(p.s), "/proc/self/fd/%d", fd);
    return p;
}

struct err *fd_duplicate(int fd, int *ret)
{
    /* 0 to 2 may be closed in a badly started process: nothing of ours must land there and be written to. */
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return ERR_SYS(errno, "duplicate descriptor %d", fd);
    *ret = copy;
    return NULL;
}

/* A decimal name in /proc/self/fd; UINT_MAX for "." and "..". */
static unsigned fd_of_name(const char *name)
{
    unsigned n = 0;
    if (*name < '0' || *name > '9')
        return UINT_MAX;
    for (; *name >= '0' && *name <= '9'; name++)
        n = n * 10 + (unsigned)(*name - '0');
    return n;
}

/* Without close_range: what /proc lists. getdents64 on the stack, because readdir would allocate, and this also runs
 * between clone and exec. False where there is no /proc. */
static bool fd_close_listed(unsigned first, unsigned last)
{
    _Alignas(struct dirent64) char buf[2048];
    int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return false;
    for (long n; (n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0;) {
        for (long at = 0; at < n;) {
            const struct dirent64 *d = (const void *)(buf + at);
            unsigned fd = fd_of_name(d->d_name);
            if (fd >= first && fd <= last && fd != UINT_MAX && fd != (unsigned)dir)
                (void)close((int)fd);
            at += d->d_reclen;
        }
    }
    (void)close(dir);
    return true;
}

void fd_close_range(unsigned first, unsigned last)
{
    /* Linux 5.9; any failure (old kernel, seccomp) means the slow way. */
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    fd_close_range_slow(first, last);
}

void fd_close_range_slow(unsigned first, unsigned last)
{
    if (fd_close_listed(first, last))
        return;
    /* No /proc either: try every number there can be. */
    struct rlimit limit = {.rlim_cur = 1024};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; fd++)
        (void)close((int)fd);
}

void fd_close_from(int first)
{
    fd_close_range((unsigned)first, UINT_MAX);
}

void fd_want(size_t n)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= n)
        return;
    l.rlim_cur = n < l.rlim_max ? n : l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &l);
}

void fd_open_standard(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        /* The lowest number that is free is this one, since those below it are taken. */
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0)
            return; /* no /dev: what is printed fails, as it did */
    }
}

void fd_survive_size_limit(void)
{
    (void)signal(SIGXFSZ, SIG_IGN);
}
