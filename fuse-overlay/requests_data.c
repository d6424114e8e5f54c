/* Requests for data. Declared in requests.h. */
#include <errno.h>
#include <unistd.h>

#include "fuse-overlay/file.h"
#include "fuse-overlay/io.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/protocol.h"
#include "fuse-overlay/requests.h"

/* Copied, not spliced: pages of the page cache are not moved but copied all the same, and two calls for the pipe more
 * made reads of 128 KiB half as quick again (Linux 6.18). Nor did reading on after an answer: on two processors the
 * client's own part, which fills another page cache, takes longer than ours. */
static void read_copy(fuse_req_t req, int fd, size_t size, off_t off)
{
    size_t room = 0;
    char *buf = protocol_scratch(&room);
    ssize_t n = pread(fd, buf, size < room ? size : room, off);
    if (n < 0)
        fuse_reply_err(req, errno);
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
    read_copy(req, f->fd, size, off);
    file_put(f);
}

/* Copied, not spliced, here too: 1 MiB through a pipe to the file takes as long, since the file system copies it page
 * by page then; and smaller requests, which stay in the processor's cache, gain nothing either. */
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
