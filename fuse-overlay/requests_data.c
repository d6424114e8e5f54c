/* Requests for data. Declared in requests.h. */
#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuse-overlay/file.h"
#include "fuse-overlay/io.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/protocol.h"
#include "fuse-overlay/requests.h"

#define READ_STACK ((size_t)32 << 10)  /* smaller reads need no memory of their own */
#define READ_SPLICE ((size_t)64 << 10) /* from here on moving pages costs less than copying them */

static void read_small(fuse_req_t req, int fd, size_t size, off_t off)
{
    char stack[READ_STACK];
    AUTO_FREE char *heap = size > sizeof(stack) ? mem_alloc(size) : NULL;
    char *buf = size > sizeof(stack) ? heap : stack;
    ssize_t n = buf ? pread(fd, buf, size, off) : -1;
    if (n < 0)
        fuse_reply_err(req, buf ? errno : ENOMEM);
    else
        fuse_reply_buf(req, buf, (size_t)n);
}

void request_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct overlay *fs = requests_fs(req);
    struct file *f = NULL;
    (void)fi;
    int r = io_open(fs, node_get(fs, ino), false, &f);
    if (r < 0) {
        fuse_reply_err(req, -r);
        return;
    }
    if (size >= READ_SPLICE) {
        struct fuse_bufvec buf = FUSE_BUFVEC_INIT(size);
        buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
        buf.buf[0].fd = f->fd;
        buf.buf[0].pos = off;
        fuse_reply_data(req, &buf, FUSE_BUF_SPLICE_MOVE);
    } else {
        read_small(req, f->fd, size, off);
    }
    file_put(f);
}

void request_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct overlay *fs = requests_fs(req);
    (void)fi;
    ssize_t n = io_write(fs, node_get(fs, ino), buf, size, off, protocol_kill_suid());
    if (n < 0)
        fuse_reply_err(req, (int)-n);
    else
        fuse_reply_write(req, (size_t)n);
}

void request_fsync(fuse_req_t req, fuse_ino_t ino, int data_only, struct fuse_file_info *fi)
{
    struct overlay *fs = requests_fs(req);
    (void)fi;
    fuse_reply_err(req, -io_fsync(fs, node_get(fs, ino), data_only != 0));
}

void request_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len, struct fuse_file_info *fi)
{
    struct overlay *fs = requests_fs(req);
    (void)fi;
    fuse_reply_err(req, -io_fallocate(fs, node_get(fs, ino), mode, off, len));
}

void request_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
    struct overlay *fs = requests_fs(req);
    off_t found = 0;
    (void)fi;
    int r = io_seek(fs, node_get(fs, ino), off, whence, &found);
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_lseek(req, found);
}

void request_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t in_at, struct fuse_file_info *in_fi, fuse_ino_t out,
                             off_t out_at, struct fuse_file_info *out_fi, size_t len, int flags)
{
    struct overlay *fs = requests_fs(req);
    (void)in_fi;
    (void)out_fi;
    if (flags) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    ssize_t n = io_copy_range(fs, node_get(fs, in), in_at, node_get(fs, out), out_at, len);
    if (n < 0)
        fuse_reply_err(req, (int)-n);
    else
        fuse_reply_write(req, (size_t)n);
}
