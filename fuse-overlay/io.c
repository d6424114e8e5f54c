#include "fuse-overlay/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse-overlay/attr.h"
#include "fuse-overlay/changes.h"
#include "fuse-overlay/copyup.h"
#include "fuse-overlay/file.h"
#include "fuse-overlay/quota.h"
#include "fuse-overlay/realdir.h"

/* For writing: in the upper layer, noted as changed. The lock is held. */
static int io_get(struct overlay *fs, struct node *n, bool write, struct file **ret)
{
    if (write) {
        int r = copyup_file(fs, n, -1, 0);
        if (r < 0)
            return r;
        changes_node(fs, n);
    }
    return file_get(fs, n, write, ret);
}

int io_open(struct overlay *fs, struct node *n, bool write, struct file **ret)
{
    pthread_mutex_lock(&fs->lock);
    int r = io_get(fs, n, write, ret);
    realdir_trim(fs);
    file_trim(fs);
    pthread_mutex_unlock(&fs->lock);
    return r;
}

/* A write takes set-user-id bits away, because this process has CAP_FSETID in its own namespace only. Who asked may be
 * allowed to keep them, and pages that were changed through a mapping keep them always: then they are put back. */
static void io_keep_suid(int fd, const struct stat *before)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_mode != before->st_mode)
        (void)fchmod(fd, before->st_mode & 07777);
}

static ssize_t io_write_all(int fd, const char *data, size_t size, off_t at, bool kill_suid)
{
    struct stat before;
    bool keep_suid = !kill_suid && fstat(fd, &before) == 0 && before.st_mode & (S_ISUID | S_ISGID);
    ssize_t done = 0;
    while ((size_t)done < size) {
        ssize_t k = pwrite(fd, data + done, size - (size_t)done, at + done);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0) {
            if (done == 0)
                done = k < 0 ? -errno : 0;
            break;
        }
        done += k;
    }
    if (keep_suid)
        io_keep_suid(fd, &before);
    return done;
}

ssize_t io_write(struct overlay *fs, struct node *n, const char *data, size_t size, off_t at, bool kill_suid)
{
    struct file *f = NULL;
    pthread_mutex_lock(&fs->lock);
    int r = io_get(fs, n, true, &f);
    if (r == 0 && kill_suid) {
        r = attr_kill_suid(fs, n);
        if (r < 0)
            file_put(f);
        r = r < 0 ? r : 0;
    }
    realdir_trim(fs);
    file_trim(fs);
    pthread_mutex_unlock(&fs->lock);
    if (r < 0)
        return r;
    struct quota_change change = {.before = 0};
    ssize_t done = quota_begin(fs, f->fd, at, size, &change);
    if (done >= 0) {
        done = io_write_all(f->fd, data, (size_t)done, at, kill_suid);
        quota_end(fs, f->fd, &change);
    }
    file_put(f);
    return done;
}

/* What is in a lower layer, or was never written, is on disk already. */
int io_fsync(struct overlay *fs, struct node *n, bool data_only)
{
    struct file *f = NULL;
    int r = 0, fd = -1;
    if (fs->opts->is_volatile || fs->opts->no_fsync)
        return 0;
    pthread_mutex_lock(&fs->lock);
    bool needed = overlay_is_upper(fs, n->layer);
    if (needed && n->type == DT_DIR) {
        fd = realdir_fd(fs, n->dir->reals[0]);
        /* Its own: others may close the directory's meanwhile. */
        fd = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        r = fd < 0 ? -errno : 0;
    } else if (needed && n->type == DT_REG) {
        r = file_get(fs, n, false, &f);
        fd = r == 0 ? f->fd : -1;
    }
    pthread_mutex_unlock(&fs->lock);
    if (r == 0 && fd >= 0 && (data_only ? fdatasync(fd) : fsync(fd)) < 0)
        r = -errno;
    if (f)
        file_put(f);
    else if (fd >= 0)
        close(fd);
    return r;
}

/* The kernel leaves it to us to take set-user-id bits away here as well. On disk that happens by itself; not so where
 * the mode is in an attribute. */
static void io_changed_data(struct overlay *fs, struct node *n)
{
    if (!fs->layers[LAYER_UPPER].override_xattr)
        return;
    pthread_mutex_lock(&fs->lock);
    (void)attr_kill_suid(fs, n);
    pthread_mutex_unlock(&fs->lock);
}

/* Not those that take something away (fallocate(2)). */
static bool io_allocates(int mode)
{
    return !(mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE));
}

int io_fallocate(struct overlay *fs, struct node *n, int mode, off_t at, off_t len)
{
    struct file *f = NULL;
    int r = io_open(fs, n, true, &f);
    if (r < 0)
        return r;
    struct quota_change change = {.before = 0};
    int64_t may = quota_begin(fs, f->fd, at, io_allocates(mode) ? (size_t)len : 0, &change);
    r = may < 0 ? (int)may : 0;
    if (r == 0) {
        if (io_allocates(mode) && may < len)
            r = -ENOSPC;
        else if (fallocate(f->fd, mode, at, len) < 0)
            r = -errno;
        quota_end(fs, f->fd, &change);
    }
    file_put(f);
    if (r == 0)
        io_changed_data(fs, n);
    return r;
}

int io_seek(struct overlay *fs, struct node *n, off_t at, int whence, off_t *ret)
{
    struct file *f = NULL;
    int r = io_open(fs, n, false, &f);
    if (r < 0)
        return r;
    *ret = lseek(f->fd, at, whence);
    r = *ret < 0 ? -errno : 0;
    file_put(f);
    return r;
}

ssize_t io_copy_range(struct overlay *fs, struct node *from, off_t from_at, struct node *to, off_t to_at, size_t len)
{
    struct file *out = NULL, *in = NULL;
    int r = io_open(fs, to, true, &out);
    if (r < 0)
        return r;
    /* After that: it may be the same file. */
    r = io_open(fs, from, false, &in);
    struct quota_change change = {.before = 0};
    ssize_t n = r < 0 ? r : quota_begin(fs, out->fd, to_at, len, &change);
    if (n >= 0) {
        n = copy_file_range(in->fd, &from_at, out->fd, &to_at, (size_t)n, 0);
        n = n < 0 ? -errno : n;
        quota_end(fs, out->fd, &change);
    }
    if (in)
        file_put(in);
    file_put(out);
    if (n >= 0)
        io_changed_data(fs, to);
    return n;
}
