/* The hash and the copy are made of what read(2) gave, before anybody looks at it: they cover the archive as it is,
 * with whatever stands behind the end of the compressed stream. Plain tars skip the hash here, since the same bytes are
 * hashed as the tar.
 */
#include "engine/layer/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

struct err *input_init(struct input *in, int fd, int copy_fd)
{
    *in = (struct input){.fd = fd, .copy_fd = copy_fd};
    hash_init(&in->hash);
    in->buf = mem_alloc(INPUT_BYTES);
    return in->buf ? NULL : err_oom();
}

void input_done(struct input *in)
{
    free(in->buf);
    in->buf = NULL;
}

/* The disk begins while we go on: whoever asked for this layer waits at its end for all of it to be on disk. What was
 * on its way there the last time is let go from memory: nobody reads a blob soon, and its pages are taken for what is
 * written next. (What is not on disk yet stays.) */
static void input_write_back(struct input *in)
{
    uint64_t len = in->copied - in->written_back;
    if (len < INPUT_WRITE_BACK_BYTES)
        return;
    (void)sync_file_range(in->copy_fd, (off64_t)in->written_back, (off64_t)len, SYNC_FILE_RANGE_WRITE);
    (void)posix_fadvise(in->copy_fd, 0, (off_t)in->written_back, POSIX_FADV_DONTNEED);
    in->written_back = in->copied;
}

static struct err *input_copy(struct input *in, const char *data, size_t len)
{
    TRY_WRAP(fd_write_all(in->copy_fd, data, len), "keep a copy of the archive");
    in->copied += len;
    input_write_back(in);
    return NULL;
}

/* One read, with its accounting. */
static struct err *input_take(struct input *in, char *buf, size_t cap, size_t *ret)
{
    ssize_t n;
    do
        n = read(in->fd, buf, cap);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return ERR_SYS(errno, "read the archive");
    if (n > 0 && !in->no_hash)
        hash_update(&in->hash, buf, (size_t)n);
    if (n > 0 && in->copy_fd > 0)
        TRY(input_copy(in, buf, (size_t)n));
    in->bytes += (uint64_t)n;
    *ret = (size_t)n;
    return NULL;
}

struct err *input_fill(struct input *in, size_t want)
{
    if (in->len - in->at >= want)
        return NULL;
    memmove(in->buf, in->buf + in->at, in->len - in->at);
    in->len -= in->at;
    in->at = 0;
    while (in->len < want) {
        size_t n = 0;
        TRY(input_take(in, in->buf + in->len, INPUT_BYTES - in->len, &n));
        if (!n)
            break;
        in->len += n;
    }
    return NULL;
}

struct err *input_read(struct input *in, char *buf, size_t cap, size_t *ret)
{
    size_t have = in->len - in->at;
    if (!have)
        return input_take(in, buf, cap, ret);
    *ret = have < cap ? have : cap;
    memcpy(buf, in->buf + in->at, *ret);
    in->at += *ret;
    return NULL;
}
