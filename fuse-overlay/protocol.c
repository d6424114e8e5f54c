#include "fuse-overlay/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <unistd.h>

#include "fuse-overlay/attr.h"
#include "fuse-overlay/file.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/realdir.h"
#include "fuse-overlay/tree.h"

#define PROTOCOL_LARGE ((uint32_t)64 << 10)

/* Of the request that this thread works on: libfuse has no place to pass it along. */
static _Thread_local bool kill_suid;
static _Thread_local char *scratch;
static _Thread_local size_t scratch_size;

void protocol_set_scratch(char *buf, size_t size)
{
    scratch = buf;
    scratch_size = size;
}

size_t protocol_write_header(void)
{
    return sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in);
}

char *protocol_scratch(size_t *ret_size)
{
    *ret_size = scratch_size;
    return scratch;
}

bool protocol_kill_suid(void)
{
    return kill_suid;
}

static struct fuse_entry_out tmpfile_entry(struct overlay *fs, const struct node *n, const struct stat *st)
{
    uint64_t seconds = (uint64_t)fs->timeout;
    return (struct fuse_entry_out){
        .nodeid = node_number(fs, n),
        .entry_valid = seconds,
        .attr_valid = seconds,
        .attr = {.ino = st->st_ino,
                 .size = (uint64_t)st->st_size,
                 .blocks = (uint64_t)st->st_blocks,
                 .atime = (uint64_t)st->st_atim.tv_sec,
                 .mtime = (uint64_t)st->st_mtim.tv_sec,
                 .ctime = (uint64_t)st->st_ctim.tv_sec,
                 .atimensec = (uint32_t)st->st_atim.tv_nsec,
                 .mtimensec = (uint32_t)st->st_mtim.tv_nsec,
                 .ctimensec = (uint32_t)st->st_ctim.tv_nsec,
                 .mode = st->st_mode,
                 .uid = st->st_uid,
                 .gid = st->st_gid,
                 .blksize = (uint32_t)st->st_blksize},
    };
}

/* FUSE_TMPFILE: a struct fuse_create_in and a name that means nothing; answered as CREATE is. */
static void protocol_tmpfile(struct overlay *fs, int fd, const struct fuse_in_header *in, const void *body, size_t len)
{
    struct fuse_create_in arg;
    struct fuse_out_header head = {.len = sizeof(head), .error = -EINVAL, .unique = in->unique};
    struct fuse_entry_out entry = {.nodeid = 0};
    struct fuse_open_out open_out = {.open_flags = FOPEN_KEEP_CACHE};
    struct node *n = NULL;
    struct stat st;
    if (len >= sizeof(arg)) {
        memcpy(&arg, body, sizeof(arg));
        pthread_mutex_lock(&fs->lock);
        const struct tree_new t = {.parent = node_get(fs, in->nodeid),
                                   .name = "",
                                   .mode = S_IFREG | (arg.mode & 07777),
                                   .uid = in->uid,
                                   .gid = in->gid,
                                   .umask = arg.umask};
        head.error = tree_make_tmpfile(fs, &t, &n, &st);
        if (head.error == 0) {
            attr_show(fs, n, &st);
            st.st_nlink = 0;
            node_remember(n);
            entry = tmpfile_entry(fs, n, &st);
        }
        realdir_trim(fs);
        pthread_mutex_unlock(&fs->lock);
    }
    struct iovec iov[] = {{&head, sizeof(head)}, {&entry, sizeof(entry)}, {&open_out, sizeof(open_out)}};
    int parts = head.error ? 1 : 3;
    for (int i = 1; i < parts; i++)
        head.len += (uint32_t)iov[i].iov_len;
    if (writev(fd, iov, parts) < 0 && n) {
        pthread_mutex_lock(&fs->lock);
        node_forget(fs, n, 1);
        pthread_mutex_unlock(&fs->lock);
    }
}

bool protocol_request(struct overlay *fs, int fd, const void *buf, size_t len)
{
    struct fuse_in_header in;
    kill_suid = false;
    if (len < sizeof(in))
        return false;
    memcpy(&in, buf, sizeof(in));
    const char *body = (const char *)buf + sizeof(in);
    size_t body_len = len - sizeof(in);
    switch (in.opcode) {
    case FUSE_INIT: {
        struct fuse_init_in init = {.major = 0};
        memcpy(&init, body, body_len < sizeof(init) ? body_len : sizeof(init));
        fs->protocol->init_unique = in.unique;
        fs->protocol->init_flags = init.flags;
        return false;
    }
    case FUSE_WRITE: {
        struct fuse_write_in w;
        if (body_len >= sizeof(w)) {
            memcpy(&w, body, sizeof(w));
            kill_suid = w.write_flags & FUSE_WRITE_KILL_SUIDGID;
        }
        return false;
    }
    case FUSE_SETATTR: {
        struct fuse_setattr_in s;
        if (body_len >= sizeof(s)) {
            memcpy(&s, body, sizeof(s));
            kill_suid = s.valid & FATTR_KILL_SUIDGID;
        }
        return false;
    }
    case FUSE_TMPFILE:
        protocol_tmpfile(fs, fd, &in, body, body_len);
        return true;
    default:
        return false;
    }
}

bool protocol_may_block(const void *buf, size_t len)
{
    struct fuse_in_header in;
    if (len < sizeof(in))
        return false;
    memcpy(&in, buf, sizeof(in));
    switch (in.opcode) {
    case FUSE_FSYNC:
    case FUSE_FSYNCDIR:
    case FUSE_FALLOCATE:
    case FUSE_COPY_FILE_RANGE:
    case FUSE_LSEEK:
        return true;
    default:
        return false;
    }
}

bool protocol_is_large_read(const void *buf, size_t len)
{
    struct fuse_in_header in;
    struct fuse_read_in r;
    if (len < sizeof(in) + sizeof(r))
        return false;
    memcpy(&in, buf, sizeof(in));
    memcpy(&r, (const char *)buf + sizeof(in), sizeof(r));
    return in.opcode == FUSE_READ && r.size >= PROTOCOL_LARGE;
}

bool protocol_is_large(const void *buf, size_t len)
{
    struct fuse_in_header in;
    if (len < sizeof(in))
        return false;
    memcpy(&in, buf, sizeof(in));
    return (in.opcode == FUSE_WRITE && len >= PROTOCOL_LARGE) || protocol_is_large_read(buf, len);
}

bool protocol_is_unawaited(const void *buf, size_t len)
{
    struct fuse_in_header in;
    if (len < sizeof(in))
        return false;
    memcpy(&in, buf, sizeof(in));
    switch (in.opcode) {
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
        return true;
    default:
        return false;
    }
}

ssize_t protocol_writev(int fd, struct iovec *iov, int count, void *userdata)
{
    struct overlay *fs = userdata;
    struct protocol *p = fs->protocol;
    if (p->init_unique && count >= 2) {
        struct fuse_out_header head;
        struct fuse_init_out out;
        memcpy(&head, iov[0].iov_base, sizeof(head));
        if (head.unique == p->init_unique && head.error == 0 &&
            iov[1].iov_len >= offsetof(struct fuse_init_out, flags) + sizeof(out.flags)) {
            size_t n = iov[1].iov_len < sizeof(out) ? iov[1].iov_len : sizeof(out);
            memcpy(&out, iov[1].iov_base, n);
            out.flags |= p->init_flags & FUSE_HANDLE_KILLPRIV_V2;
            memcpy(iov[1].iov_base, &out, n);
        }
        p->init_unique = 0;
    }
    return writev(fd, iov, count);
}

ssize_t protocol_read(int fd, void *buf, size_t len, void *userdata)
{
    (void)userdata;
    return read(fd, buf, len);
}
