#include "fuse-overlay/copyup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "fuse-overlay/attr.h"
#include "fuse-overlay/changes.h"
#include "fuse-overlay/file.h"
#include "fuse-overlay/lookup.h"
#include "fuse-overlay/merge.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/origin.h"
#include "fuse-overlay/quota.h"
#include "fuse-overlay/realdir.h"
#include "fuse-overlay/stage.h"
#include "fuse-overlay/writeout.h"

#define COPYUP_UNLOCKED_FROM ((off_t)1 << 20) /* larger files are copied while others go on */
#define COPYUP_SMALL ((off_t)OVERLAY_DENTS_BYTES)
#define COPYUP_DEPTH_MAX 5000 /* of a tree that is renamed */

bool copyup_wait(struct overlay *fs, struct node *n)
{
    bool waited = false;
    node_ref(n);
    while (n->flags & NODE_BUSY) {
        pthread_cond_wait(&fs->copied, &fs->lock);
        waited = true;
    }
    node_unref(fs, n);
    return waited;
}

/* The node's first name is now in the upper directory, as the inode `st`. */
static int copyup_moved(struct overlay *fs, struct node *n, struct dentry *d, const struct stat *st)
{
    if (!origin_set(fs, st->st_ino, n->ino))
        return -ENOMEM;
    bool hashed = n->flags & NODE_HASHED;
    node_unhash(fs, n);
    n->layer = LAYER_UPPER;
    n->real_ino = st->st_ino;
    if (d) {
        d->layer = LAYER_UPPER;
        d->flags |= DENTRY_LOWER;
    }
    return hashed ? node_hash(fs, n) : 0;
}

/* Rename what is staged into the upper directory of `parent`, whose times don't change by that. */
static int copyup_appear(struct overlay *fs, uint64_t staged, struct node *parent, const char *name)
{
    struct stat st;
    int dirfd = realdir_fd(fs, parent->dir->reals[0]);
    if (dirfd < 0 || fstat(dirfd, &st) < 0)
        return dirfd < 0 ? dirfd : -errno;
    int r = stage_place(fs, staged, dirfd, name, RENAME_NOREPLACE);
    if (r == 0)
        copyup_restore_times(dirfd, &st);
    return r;
}

static int copyup_stage_dir(struct overlay *fs, struct node *n, uint64_t staged)
{
    struct realdir *lower = n->dir->reals[0];
    struct copyup_source from = {.layer = lower->layer, .name = ".", .fd = -1};
    from.dirfd = realdir_fd(fs, lower);
    if (from.dirfd < 0 || fstat(from.dirfd, &from.st) < 0)
        return from.dirfd < 0 ? from.dirfd : -errno;
    if (mkdirat(fs->work_fd, stage_name(staged).s, 0700) < 0)
        return -errno;
    return copyup_attributes(fs, &from, stage_name(staged).s, -1);
}

/* Its parent is in the upper layer already. */
static int copyup_dir_one(struct overlay *fs, struct node *n)
{
    struct dentry *d = n->names;
    if (!d)
        return -ENOENT;
    uint64_t staged = stage_new(fs);
    struct stat st;
    struct realdir *parent = d->parent->dir->reals[0], *rd = NULL;
    struct realdir **reals = mem_alloc((n->dir->n_reals + 1) * sizeof(struct realdir *));
    if (!reals)
        return -ENOMEM;
    int r = copyup_stage_dir(fs, n, staged);
    if (r == 0 && fstatat(fs->work_fd, stage_name(staged).s, &st, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    if (r == 0 && !(rd = realdir_new(parent, d->name, LAYER_UPPER, -1)))
        r = -ENOMEM;
    if (r == 0)
        r = dentry_join(d, LAYER_UPPER, true);
    if (r == 0)
        r = quota_take(fs, 0, 1);
    if (r == 0 && (r = copyup_appear(fs, staged, d->parent, d->name)) < 0)
        quota_add(fs, 0, -1);
    if (r < 0) {
        stage_remove(fs, staged);
        if (rd)
            realdir_unref(fs, rd);
        mem_freep(&reals);
        return r;
    }
    quota_add(fs, quota_stat_bytes(&st), 0);
    reals[0] = rd;
    for (uint32_t i = 0; i < n->dir->n_reals; i++)
        reals[i + 1] = n->dir->reals[i];
    mem_freep(&n->dir->reals);
    n->dir->reals = reals;
    n->dir->n_reals++;
    changes_dir(fs, d->parent);
    return copyup_moved(fs, n, d, &st);
}

int copyup_dir(struct overlay *fs, struct node *dir)
{
    if (!fs->writable)
        return -EROFS;
    if (dir->type != DT_DIR)
        return -ENOTDIR;
    while (!overlay_is_upper(fs, dir->layer)) {
        /* The topmost that is missing; paths are deep only where somebody made them so on purpose. Nobody who calls
         * this holds a directory's descriptor, so there may be more directories than descriptors. */
        struct node *n = dir;
        realdir_trim(fs);
        while (n->names && !overlay_is_upper(fs, n->names->parent->layer))
            n = n->names->parent;
        int r = copyup_dir_one(fs, n);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Small and without holes. (What the file system holds compressed is not known to have none.) */
static bool copyup_is_small(const struct stat *st, off_t size)
{
    return S_ISREG(st->st_mode) && st->st_size <= COPYUP_SMALL && st->st_blocks * 512 >= st->st_size && size != 0;
}

/* For these, starting a copy in the kernel takes longer than copying. 1: it isn't what it was. */
static int copyup_small_data(struct overlay *fs, int from, int to, off_t bytes)
{
    ssize_t n = pread(from, fs->dents, (size_t)bytes, 0);
    if (n != bytes)
        return n < 0 ? -errno : 1;
    n = pwrite(to, fs->dents, (size_t)bytes, 0);
    return n == bytes ? 0 : n < 0 ? -errno : 1;
}

/* Up to `size` bytes of an open file. With ordered data (ext4) starting to write is enough for the file never to be
 * found empty after a crash; elsewhere it narrows the gap. */
static int copyup_data(struct overlay *fs, int from, int to, off_t size, off_t have)
{
    int r = 0;
    if (size < 0 || size >= have) {
        struct err *e = file_copy_data(from, to);
        r = e ? -(err_errno(e) ? err_errno(e) : EIO) : 0;
        err_drop(e);
    } else if (size > 0) {
        loff_t in = 0, out = 0;
        while (r == 0 && out < size) {
            ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(size - out), 0);
            r = n < 0 ? -errno : n == 0 ? 1 : 0;
        }
        if (r < 0) {
            struct err *e = file_copy_data(from, to);
            r = e ? -(err_errno(e) ? err_errno(e) : EIO) : 0;
            err_drop(e);
        }
        if (r >= 0 && ftruncate(to, size) < 0)
            r = -errno;
    }
    if (r >= 0 && size != 0 && !fs->opts->is_volatile && !fs->opts->no_fsync)
        (void)sync_file_range(to, 0, 0, SYNC_FILE_RANGE_WRITE);
    return r < 0 ? r : 0;
}

/* The same, letting go of the lock while a large file is copied; 1 then. */
static int copyup_data_of(struct overlay *fs, struct node *n, const struct copyup_source *source, int to, off_t size,
                          unsigned flags)
{
    off_t have = source->st.st_size, bytes = size >= 0 && size < have ? size : have;
    int from = source->fd;
    if (copyup_is_small(&source->st, size)) {
        int small = copyup_small_data(fs, from, to, bytes);
        if (small <= 0)
            return small;
    }
    if (flags & COPYUP_KEEP_LOCK || bytes < COPYUP_UNLOCKED_FROM)
        return copyup_data(fs, from, to, size, have);
    n->flags |= NODE_BUSY;
    node_ref(n);
    pthread_mutex_unlock(&fs->lock);
    int r = copyup_data(fs, from, to, size, have);
    pthread_mutex_lock(&fs->lock);
    n->flags &= (uint8_t)~NODE_BUSY;
    pthread_cond_broadcast(&fs->copied);
    n->refs--; /* the caller's request holds it as well */
    return r < 0 ? r : 1;
}

/* What is not a regular file. */
static int copyup_special(struct overlay *fs, const struct copyup_source *from, const char *staged)
{
    if (S_ISLNK(from->st.st_mode)) {
        AUTO_FREE char *target = mem_alloc(PATH_MAX);
        if (!target)
            return -ENOMEM;
        ssize_t len = readlinkat(from->dirfd, from->name, target, PATH_MAX - 1);
        if (len < 0)
            return -errno;
        target[len] = '\0';
        return symlinkat(target, fs->work_fd, staged) < 0 ? -errno : 0;
    }
    mode_t type = attr_disk_type(fs, from->st.st_mode & S_IFMT);
    return mknodat(fs->work_fd, staged, type | 0600, from->st.st_rdev) < 0 ? -errno : 0;
}

/* Make the staged file complete. ret_fd: open for writing, for regular files. */
static int copyup_stage_file(struct overlay *fs, struct node *n, struct copyup_source *from, off_t size, unsigned flags,
                             uint64_t staged, int *ret_fd)
{
    struct stage_name name = stage_name(staged);
    if (n->type != DT_REG) {
        int r = copyup_special(fs, from, name.s);
        return r < 0 ? r : copyup_attributes(fs, from, name.s, -1);
    }
    struct file *source = NULL;
    int r = file_get(fs, n, false, &source);
    if (r < 0)
        return r;
    /* What the mode will be, mostly; nobody else can reach the work directory. */
    mode_t mode = fs->layers[LAYER_UPPER].override_xattr ? 0600 : from->st.st_mode & 0777;
    AUTO_FD int to = openat(fs->work_fd, name.s, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    from->fd = source->fd;
    from->is_plain = n->flags & NODE_PLAIN;
    int dropped = to < 0 ? -errno : copyup_data_of(fs, n, from, to, size, flags);
    r = dropped;
    if (r == 1 && n->names) /* descriptors of directories may have been closed meanwhile */
        (void)attr_place(fs, n, &from->dirfd, &from->name);
    if (r >= 0)
        r = copyup_attributes(fs, from, name.s, to);
    file_put(source);
    *ret_fd = r < 0 ? -1 : TAKE_FD(to);
    return r < 0 ? r : dropped;
}

/* The last name that was known is gone: the copy needs none, unless there are others of the same file. */
static int copyup_removed(struct overlay *fs, struct node *n, const struct stat *lower, uint64_t staged, int fd)
{
    struct stat st;
    AUTO_FD int own_fd = fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    int r = lower->st_nlink > 1 ? copyup_links_removed(fs, n, lower, st.st_ino, staged) : 0;
    if (r < 0)
        return r;
    if (r == 0)
        stage_remove(fs, staged);
    node_unhash(fs, n);
    n->layer = LAYER_UPPER;
    n->real_ino = st.st_ino;
    if (r > 0)
        r = node_hash(fs, n);
    return r < 0 ? r : file_set(fs, n, TAKE_FD(own_fd), true);
}

static int copyup_finish(struct overlay *fs, struct node *n, const struct stat *lower, off_t size, uint64_t staged,
                         int fd)
{
    AUTO_FD int own_fd = fd;
    struct stat st;
    if (!n->names && fd >= 0)
        return copyup_removed(fs, n, lower, staged, TAKE_FD(own_fd));
    if (!n->names)
        return -ESTALE;
    int r = copyup_dir(fs, n->names->parent);
    if (r < 0)
        return r;
    if ((fd >= 0 ? fstat(fd, &st) : fstatat(fs->work_fd, stage_name(staged).s, &st, AT_SYMLINK_NOFOLLOW)) < 0)
        return -errno;
    r = copyup_appear(fs, staged, n->names->parent, n->names->name);
    if (r < 0)
        return r;
    r = copyup_moved(fs, n, n->names, &st);
    changes_dir(fs, n->names->parent);
    if (r == 0 && fd >= 0)
        r = file_set(fs, n, TAKE_FD(own_fd), true);
    if (r == 0 && fd >= 0 && copyup_is_small(lower, size))
        writeout_add(fs, n->file);
    if (r == 0 && lower->st_nlink > 1)
        r = copyup_links(fs, n, lower, &st);
    return r;
}

/* What the copy will take, about. */
static int64_t copyup_needs(const struct stat *st, off_t size)
{
    int64_t bytes = S_ISREG(st->st_mode) ? quota_stat_bytes(st) : 0;
    return size >= 0 && size < bytes ? size : bytes;
}

/* What it takes, rather than what was taken for it. */
static void copyup_count(struct overlay *fs, struct node *n, int64_t taken)
{
    struct stat st;
    if (fs->quota && attr_raw(fs, n, &st) == 0)
        quota_add(fs, quota_stat_bytes(&st) - taken, 0);
}

int copyup_file(struct overlay *fs, struct node *n, off_t size, unsigned flags)
{
    if (!fs->writable)
        return -EROFS;
    int waited = copyup_wait(fs, n) ? 1 : 0;
    if (overlay_is_upper(fs, n->layer))
        return waited;
    struct copyup_source from = {.layer = n->layer, .dirfd = -1, .fd = -1};
    int r = attr_raw(fs, n, &from.st);
    if (r < 0)
        return r;
    r = attr_place(fs, n, &from.dirfd, &from.name);
    if (r < 0 && r != -ESTALE)
        return r;
    uint64_t staged = stage_new(fs);
    int64_t needs = copyup_needs(&from.st, size);
    int fd = -1;
    r = quota_take(fs, needs, 1);
    if (r < 0)
        return r;
    r = copyup_stage_file(fs, n, &from, size, flags, staged, &fd);
    if (r >= 0) {
        waited |= r;
        r = copyup_finish(fs, n, &from.st, size, staged, fd);
    }
    if (r < 0) {
        stage_remove(fs, staged);
        quota_add(fs, -needs, -1);
        return r;
    }
    copyup_count(fs, n, needs);
    return waited;
}

static int copyup_tree_at(struct overlay *fs, struct node *dir, unsigned depth);

static int copyup_child(struct overlay *fs, struct dentry *d, unsigned depth)
{
    struct node *n = NULL;
    int r = lookup_node(fs, d, &n, NULL);
    if (r < 0)
        return r;
    node_ref(n);
    if (n->flags & NODE_BUSY) {
        (void)copyup_wait(fs, n);
        r = -EAGAIN; /* the lock was away: begin anew */
    } else {
        r = n->type == DT_DIR ? copyup_tree_at(fs, n, depth + 1) : copyup_file(fs, n, -1, COPYUP_KEEP_LOCK);
    }
    node_unref(fs, n);
    return r;
}

static int copyup_tree_at(struct overlay *fs, struct node *dir, unsigned depth)
{
    if (depth > COPYUP_DEPTH_MAX)
        return -EXDEV;
    int r = copyup_dir(fs, dir);
    if (r == 0)
        r = merge_load(fs, dir);
    if (r < 0 || dir->dir->n_reals == 1)
        return r;
    for (uint64_t at = 0; r == 0;) {
        struct dentry *d = dir_next(dir->dir, at);
        if (!d)
            break;
        at = d->cookie;
        r = copyup_child(fs, d, depth);
    }
    if (r < 0)
        return r;
    /* Nothing comes from below any more. Names keep DENTRY_LOWER until the caller has hidden the lower directories. */
    return 0;
}

int copyup_tree(struct overlay *fs, struct node *dir)
{
    return copyup_tree_at(fs, dir, 0);
}
