#include "fuse-overlay/quota.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "fuse-overlay/realdir.h"

#define QUOTA_UNIT 512           /* of st_blocks */
#define QUOTA_SLACK (64LL << 10) /* a file system's own blocks, which come with data */
#define PARTS (INT64_C(1) << 32)

int64_t quota_stat_bytes(const struct stat *st)
{
    return (int64_t)st->st_blocks * QUOTA_UNIT;
}

void quota_free(struct quota *q)
{
    if (!q)
        return;
    (void)pthread_mutex_destroy(&q->writes);
    mem_freep(&q);
}

/* --- what is there at the beginning --- */

/* One descriptor however deep it is: the names of directories still to be seen are kept, with "" for the way up. */
struct quota_walk {
    struct strv todo;
    int64_t bytes;
    int64_t parts; /* of files, PARTS each: every name of a file with several is a share of it */
};

static void walk_entry(struct quota_walk *w, const struct stat *st)
{
    if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0))
        return;
    nlink_t names = S_ISDIR(st->st_mode) || st->st_nlink == 0 ? 1 : st->st_nlink;
    w->bytes += quota_stat_bytes(st) / (int64_t)names;
    w->parts += PARTS / (int64_t)names;
}

/* Count the entries of `fd`, and note its directories. */
static struct err *walk_dir(struct quota_walk *w, int fd)
{
    struct stat st;
    AUTO_FD int scan = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = scan < 0 ? NULL : fdopendir(scan);
    if (!dir)
        return ERR_SYS(errno, "read a directory");
    TAKE_FD(scan);
    struct err *e = NULL;
    for (struct dirent *de; !e && (de = readdir(dir));) {
        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0 ||
            fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        walk_entry(w, &st);
        if (S_ISDIR(st.st_mode))
            e = strv_add(&w->todo, de->d_name);
    }
    closedir(dir);
    return e;
}

static struct err *walk(struct quota_walk *w, int top)
{
    AUTO_FD int fd = fcntl(top, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return ERR_SYS(errno, "duplicate a descriptor");
    TRY(walk_dir(w, fd));
    while (w->todo.count) {
        const char *name = w->todo.items[w->todo.count - 1];
        bool is_up = !*name;
        int next = openat(fd, is_up ? ".." : name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return ERR_SYS(errno, "open a directory");
        fd_close(fd);
        fd = next;
        strv_remove(&w->todo, w->todo.count - 1);
        if (is_up)
            continue;
        TRY(strv_add(&w->todo, ""));
        TRY(walk_dir(w, fd));
    }
    return NULL;
}

struct err *quota_open(struct overlay *fs)
{
    const struct options *o = fs->opts;
    if ((!o->max_bytes && !o->max_files) || !fs->writable)
        return NULL;
    struct quota_walk w = {.todo = STRV_INIT};
    struct err *e = walk(&w, fs->layers[LAYER_UPPER].fd);
    strv_done(&w.todo);
    TRY_WRAP(e, "count what is in upperdir %s", o->upper);
    struct quota *q = mem_zalloc(sizeof(*q));
    if (!q)
        return err_oom();
    q->max_bytes = (int64_t)o->max_bytes;
    q->max_files = (int64_t)o->max_files;
    atomic_init(&q->bytes, w.bytes);
    atomic_init(&q->files, (w.parts + PARTS / 2) / PARTS);
    (void)pthread_mutex_init(&q->writes, NULL);
    fs->quota = q;
    return NULL;
}

/* --- adding --- */

static int64_t quota_left(int64_t max, const atomic_llong *used)
{
    int64_t left = max - atomic_load(used);
    return max == 0 ? INT64_MAX : left < 0 ? 0 : left;
}

int quota_take(struct overlay *fs, int64_t bytes, int64_t files)
{
    struct quota *q = fs->quota;
    if (!q)
        return 0;
    if (bytes > quota_left(q->max_bytes, &q->bytes) || files > quota_left(q->max_files, &q->files))
        return -ENOSPC;
    quota_add(fs, bytes, files);
    return 0;
}

void quota_add(struct overlay *fs, int64_t bytes, int64_t files)
{
    if (!fs->quota)
        return;
    (void)atomic_fetch_add(&fs->quota->bytes, bytes);
    (void)atomic_fetch_add(&fs->quota->files, files);
}

int64_t quota_bytes(const struct overlay *fs, int fd)
{
    struct stat st;
    return fs->quota && fd >= 0 && fstat(fd, &st) == 0 ? quota_stat_bytes(&st) : 0;
}

int64_t quota_dir_bytes(struct overlay *fs, struct node *dir)
{
    if (!fs->quota || dir->type != DT_DIR || !overlay_is_upper(fs, dir->layer))
        return 0;
    return quota_bytes(fs, realdir_fd(fs, dir->dir->reals[0]));
}

void quota_forget(struct overlay *fs, const struct node *n)
{
    struct stat st;
    if (!fs->quota || n->names || !n->file || !overlay_is_upper(fs, n->layer))
        return;
    if (fstat(n->file->fd, &st) == 0 && st.st_nlink == 0)
        quota_add(fs, -quota_stat_bytes(&st), -1);
}

/* --- data --- */

/* How much of it is on disk already, from its beginning on. The offset of a shared descriptor moves, which nobody here
 * relies on. */
static int64_t bytes_there(const struct quota *q, int fd, const struct stat *st, off_t at, size_t size)
{
    int64_t end = at + (int64_t)size, have = quota_stat_bytes(st);
    off_t hole = lseek(fd, at, SEEK_HOLE);
    if (hole > at)
        return hole - at;
    /* What was allocated and not written yet looks like a hole. */
    return !q->is_strict && have >= end && have >= st->st_size ? (int64_t)size : 0;
}

int64_t quota_begin(struct overlay *fs, int fd, off_t at, size_t size, struct quota_change *c)
{
    struct quota *q = fs->quota;
    struct stat st;
    if (!q)
        return (int64_t)size;
    pthread_mutex_lock(&q->writes);
    if (fstat(fd, &st) < 0) {
        pthread_mutex_unlock(&q->writes);
        return -errno;
    }
    *c = (struct quota_change){.before = quota_stat_bytes(&st)};
    int64_t room = quota_left(q->max_bytes, &q->bytes), block = st.st_blksize > 0 ? st.st_blksize : 4096;
    if ((int64_t)size <= room - block) /* its ends may need a block each */
        return (int64_t)size;
    int64_t there = bytes_there(q, fd, &st, at, size), end = at + there + room - room % block;
    c->is_there = there >= (int64_t)size;
    if (c->is_there)
        return (int64_t)size;
    int64_t may = end - end % block - at; /* whole blocks */
    may = may < there ? there : may < (int64_t)size ? may : (int64_t)size;
    if (may > 0)
        return may;
    pthread_mutex_unlock(&q->writes);
    return -ENOSPC;
}

void quota_end(struct overlay *fs, int fd, const struct quota_change *c)
{
    struct quota *q = fs->quota;
    if (!q)
        return;
    int64_t more = quota_bytes(fs, fd) - c->before;
    quota_add(fs, more, 0);
    if (c->is_there && more > QUOTA_SLACK)
        q->is_strict = true;
    pthread_mutex_unlock(&q->writes);
}

void quota_statfs(const struct overlay *fs, struct statvfs *vfs)
{
    const struct quota *q = fs->quota;
    if (!q)
        return;
    uint64_t unit = vfs->f_frsize ? vfs->f_frsize : vfs->f_bsize;
    if (q->max_bytes && unit) {
        uint64_t left = (uint64_t)quota_left(q->max_bytes, &q->bytes) / unit;
        vfs->f_blocks = (uint64_t)q->max_bytes / unit;
        vfs->f_bfree = left < vfs->f_bavail ? left : vfs->f_bavail;
        vfs->f_bavail = vfs->f_bfree;
    }
    if (q->max_files) {
        uint64_t left = (uint64_t)quota_left(q->max_files, &q->files);
        vfs->f_files = (uint64_t)q->max_files;
        vfs->f_ffree = left < vfs->f_ffree ? left : vfs->f_ffree;
        vfs->f_favail = vfs->f_ffree;
    }
}
