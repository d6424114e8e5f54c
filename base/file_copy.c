/* Copying the bytes of a file: share the extents, else let the kernel copy, else read and write. */
#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"

#define FILE_COPY_CHUNK ((size_t)128 << 10)
#define FILE_COPY_CALL_MAX ((size_t)1 << 30)

struct file_copy {
    int from;
    int to;
    bool no_kernel_copy; /* copy_file_range is not possible between these two */
    char *buf;           /* owned, for read and write */
};

/* Pipes and sockets, and files that hide their size: from where both descriptors are, to the end. */
static struct err *file_copy_stream(struct file_copy *c)
{
    for (;;) {
        ssize_t n = read(c->from, c->buf, FILE_COPY_CHUNK);
        if (n < 0 && errno != EINTR)
            return ERR_SYS(errno, "read");
        if (n == 0)
            return NULL;
        if (n > 0)
            TRY(fd_write_all(c->to, c->buf, (size_t)n));
    }
}

/* What read and write copy in one go at offset `at`; 0 at the end of the file. */
static ssize_t file_copy_chunk(struct file_copy *c, off_t at, size_t len)
{
    ssize_t got = pread(c->from, c->buf, len < FILE_COPY_CHUNK ? len : FILE_COPY_CHUNK, at);
    for (ssize_t done = 0; done < got;) {
        ssize_t n = pwrite(c->to, c->buf + done, (size_t)(got - done), at + done);
        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? n : 0;
    }
    return got;
}

/* copy_file_range(2) fails with one of a whole zoo of errors where two file systems can't do it; ENOSPC, EDQUOT, EIO
 * and the like mean the same when the fallback meets them. Before 5.19 it may also answer 0 for files of procfs. */
static ssize_t file_copy_some(struct file_copy *c, off_t at, size_t len)
{
    if (!c->no_kernel_copy) {
        off_t in = at, out = at;
        size_t n = len < FILE_COPY_CALL_MAX ? len : FILE_COPY_CALL_MAX;
        ssize_t done = copy_file_range(c->from, &in, c->to, &out, n, 0);
        if (done > 0)
            return done;
        c->no_kernel_copy = true;
    }
    return file_copy_chunk(c, at, len);
}

static struct err *file_copy_range(struct file_copy *c, off_t from, off_t to)
{
    while (from < to) {
        ssize_t n = file_copy_some(c, from, (size_t)(to - from));
        if (n < 0 && errno != EINTR)
            return ERR_SYS(errno, "copy");
        if (n == 0) /* the file became shorter */
            return NULL;
        from += n > 0 ? n : 0;
    }
    return NULL;
}

/* Only what lseek(SEEK_DATA) names; the holes come from ftruncate. */
static struct err *file_copy_extents(struct file_copy *c, off_t size)
{
    for (off_t at = 0; at < size;) {
        off_t data = lseek(c->from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; /* a hole to the end */
        off_t hole = data < 0 ? -1 : lseek(c->from, data, SEEK_HOLE);
        if (hole < 0) { /* this file system does not know */
            data = at;
            hole = size;
        }
        TRY(file_copy_range(c, data, hole < size ? hole : size));
        at = hole;
    }
    if (ftruncate(c->to, size) < 0)
        return ERR_SYS(errno, "set the size");
    return NULL;
}

struct err *file_copy_data(int from_fd, int to_fd)
{
    struct stat from, to;
    if (fstat(from_fd, &from) < 0 || fstat(to_fd, &to) < 0)
        return ERR_SYS(errno, "fstat");
    bool both_files = S_ISREG(from.st_mode) && S_ISREG(to.st_mode);
    if (both_files && to.st_size > 0 && ftruncate(to_fd, 0) < 0)
        return ERR_SYS(errno, "empty the file");
    if (both_files && from.st_size > 0 && ioctl(to_fd, FICLONE, from_fd) == 0)
        return NULL;
    /* Also needed where the kernel copies: only trying tells whether it does. */
    AUTO_FREE char *buf = mem_alloc(FILE_COPY_CHUNK);
    if (!buf)
        return err_oom();
    struct file_copy c = {.from = from_fd, .to = to_fd, .buf = buf};
    return both_files && from.st_size > 0 ? file_copy_extents(&c, from.st_size) : file_copy_stream(&c);
}
