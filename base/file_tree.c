/* Walking a directory tree by descriptors, to remove or to measure it.
 *
 * One stack of open directories, each with a buffer of getdents64 of its own; no recursion, no path strings. A name is
 * only ever used relative to the open directory that it was read from, with O_NOFOLLOW, so a tree that somebody
 * changes meanwhile cannot lead outside. Other mounts are seen by their mount id and not entered.
 *
 * The stack has TREE_DEPTH_MAX levels, since each costs a descriptor. A tree that is deeper (a container can make one
 * of a million levels) is removed by moving the directories that are too deep up to the top, where the next pass over
 * the top finds them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"

#define TREE_DEPTH_MAX 128
#define TREE_BUF ((size_t)16 << 10)
#define TREE_BUF_FIRST ((size_t)2 << 10) /* most directories are small, and allocators map larger ones of their own */
#define TREE_INODES_MAX ((size_t)1 << 27)

struct tree_level {
    int fd;
    const char *name; /* borrowed from the buffer of the level above */
    char *buf;        /* owned, kept from one directory of this depth to the next */
    size_t cap;
    size_t at;
    size_t len;
    bool progress; /* something was removed since the last rewind */
};

struct tree {
    struct tree_level levels[TREE_DEPTH_MAX];
    size_t depth; /* levels in use */
    uint64_t mnt_id;
    uint64_t moved;  /* number for the name of the next directory that is moved to the top */
    struct err *err; /* the first one; removal goes on */
};

static void tree_done(struct tree *t)
{
    for (size_t i = 0; i < TREE_DEPTH_MAX; i++) {
        if (i < t->depth)
            (void)fd_close(t->levels[i].fd);
        free(t->levels[i].buf);
    }
    err_drop(t->err);
}
#define AUTO_TREE __attribute__((cleanup(tree_done)))

static struct tree_level *tree_top(struct tree *t)
{
    return &t->levels[t->depth - 1];
}

static struct err *tree_push(struct tree *t, int take_fd, const char *name)
{
    AUTO_FD int fd = take_fd;
    struct tree_level *l = &t->levels[t->depth];
    if (!l->buf && !(l->buf = mem_alloc(TREE_BUF_FIRST)))
        return err_oom();
    *l = (struct tree_level){.fd = TAKE_FD(fd), .name = name, .buf = l->buf, .cap = l->cap ? l->cap : TREE_BUF_FIRST};
    t->depth++;
    return NULL;
}

/* After a read that nearly filled it; nothing of it is in use any more. Without memory it stays as it is. */
static void tree_grow(struct tree_level *l)
{
    char *larger = l->cap < TREE_BUF && l->len > l->cap / 2 ? mem_alloc(TREE_BUF) : NULL;
    if (!larger)
        return;
    free(l->buf);
    l->buf = larger;
    l->cap = TREE_BUF;
}

/* The next entry of the deepest directory, without "." and ".."; NULL at its end or on an error (*ret_errno). */
static const struct dirent64 *tree_next(struct tree *t, int *ret_errno)
{
    struct tree_level *l = tree_top(t);
    *ret_errno = 0;
    for (;;) {
        if (l->at >= l->len) {
            tree_grow(l);
            long n = syscall(SYS_getdents64, l->fd, l->buf, l->cap);
            if (n <= 0) {
                *ret_errno = n < 0 ? errno : 0;
                return NULL;
            }
            l->at = 0;
            l->len = (size_t)n;
        }
        const struct dirent64 *d = (const void *)(l->buf + l->at);
        l->at += d->d_reclen;
        const char *s = d->d_name;
        if (!(s[0] == '.' && (s[1] == '\0' || (s[1] == '.' && s[2] == '\0'))))
            return d;
    }
}

/* Make a directory that its owner may not open accessible. By an O_PATH descriptor, as fchmodat would follow a link
 * that was put in its place. */
static int tree_unlock(int dirfd, const char *name)
{
    AUTO_FD int fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || chmod(fd_proc_path(fd).s, 0700) < 0)
        return -1;
    return 0;
}

static int tree_open_dir(int dirfd, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    int fd = fault_hit(FAULT_SYS) ? (errno = EIO, -1) : openat(dirfd, name, flags);
    if (fd < 0 && errno == EACCES && tree_unlock(dirfd, name) == 0)
        fd = openat(dirfd, name, flags);
    return fd;
}

static struct err *tree_statx(int fd, struct statx *ret)
{
    if (statx(fd, "", AT_EMPTY_PATH, STATX_MODE | STATX_MNT_ID, ret) < 0)
        return ERR_SYS(errno, "statx");
    return NULL;
}

/* Open directory `name` of the deepest level for removal and go down. *ret_entered is false where it is another mount.
 */
static struct err *tree_enter(struct tree *t, int dirfd, const char *name, bool *ret_entered)
{
    struct statx stx;
    AUTO_FD int fd = tree_open_dir(dirfd, name);
    if (fd < 0)
        return ERR_SYS(errno, "open directory %s", name);
    TRY(tree_statx(fd, &stx));
    *ret_entered = t->depth == 0 || stx.stx_mnt_id == t->mnt_id;
    if (!*ret_entered)
        return NULL;
    t->mnt_id = stx.stx_mnt_id;
    /* Removing entries needs write and search permission; where this fails, so will unlinkat, and tell. */
    if ((stx.stx_mode & 0700) != 0700)
        (void)fchmod(fd, 0700);
    return tree_push(t, TAKE_FD(fd), name);
}

static void tree_note(struct tree *t, struct err *take_e)
{
    if (t->err)
        err_drop(take_e);
    else
        t->err = take_e;
}

/* Too deep: move it to the top under a name of ours. */
static struct err *tree_move_up(struct tree *t, const char *name)
{
    char up[48];
    for (;;) {
        (void)snprintf(up, sizeof(up), ".removing-%llu", (unsigned long long)t->moved++);
        int r = renameat(tree_top(t)->fd, name, t->levels[0].fd, up);
        if (r < 0 && errno == EACCES && tree_unlock(tree_top(t)->fd, name) == 0) /* its ".." is written to */
            r = renameat(tree_top(t)->fd, name, t->levels[0].fd, up);
        if (r == 0)
            return NULL;
        /* A directory of that name is replaced only when it is empty. */
        if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
            return ERR_SYS(errno, "move directory %s, which is nested too deep", name);
    }
}

/* A directory below the deepest level: gone if empty, else entered. */
static struct err *tree_remove_dir(struct tree *t, const char *name)
{
    struct tree_level *l = tree_top(t);
    if (unlinkat(l->fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
        l->progress = true;
        return NULL;
    }
    /* EBUSY is a mount point. Every other answer may come from rights that entering puts in order. */
    if (errno == EBUSY)
        return ERR_SYS(EBUSY, "remove directory %s, where something is mounted", name);
    if (t->depth == TREE_DEPTH_MAX) {
        l->progress = true;
        t->levels[0].progress = true;
        return tree_move_up(t, name);
    }
    bool entered = false;
    struct err *e = tree_enter(t, l->fd, name, &entered);
    if (e && err_errno(e) == ENOENT) { /* somebody else was quicker */
        err_drop(e);
        l->progress = true;
        return NULL;
    }
    TRY(e);
    return entered ? NULL : ERR_SYS(EBUSY, "remove directory %s, where something is mounted", name);
}

static struct err *tree_remove_entry(struct tree *t, const struct dirent64 *d)
{
    struct tree_level *l = tree_top(t);
    if (d->d_type == DT_DIR)
        return tree_remove_dir(t, d->d_name);
    int r = fault_hit(FAULT_SYS) ? (errno = EIO, -1) : unlinkat(l->fd, d->d_name, 0);
    if (r == 0 || errno == ENOENT) {
        l->progress = true;
        return NULL;
    }
    /* The type was not told, or it changed. POSIX has EPERM for directories. */
    struct stat st;
    int errnum = errno;
    if (fstatat(l->fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return tree_remove_dir(t, d->d_name);
    return ERR_SYS(errnum, "remove %s", d->d_name);
}

/* The deepest directory was read to its end: remove it and go up. If something is left in it (moved up by us, made
 * meanwhile, or skipped by a file system whose listing is disturbed by removals), read it again, as long as a pass
 * removes anything. */
static void tree_leave(struct tree *t, int dirfd, const char *path)
{
    struct tree_level *l = tree_top(t);
    int parent = t->depth > 1 ? t->levels[t->depth - 2].fd : dirfd;
    const char *name = t->depth > 1 ? l->name : path;
    int r = fault_hit(FAULT_SYS) ? (errno = EIO, -1) : unlinkat(parent, name, AT_REMOVEDIR);
    int errnum = r < 0 ? errno : 0;
    if ((errnum == ENOTEMPTY || errnum == EEXIST) && l->progress && lseek(l->fd, 0, SEEK_SET) == 0) {
        l->progress = false;
        l->at = l->len = 0;
        return;
    }
    if (errnum && errnum != ENOENT)
        tree_note(t, ERR_SYS(errnum, "remove directory %s", name));
    else if (t->depth > 1)
        t->levels[t->depth - 2].progress = true;
    (void)fd_close(l->fd);
    t->depth--;
}

static struct err *tree_remove(int dirfd, const char *path)
{
    AUTO_TREE struct tree t = {.depth = 0};
    bool entered = false;
    struct err *first = tree_enter(&t, dirfd, path, &entered);
    if (first && err_errno(first) == ENOENT) {
        err_drop(first);
        return NULL;
    }
    TRY(first);
    while (t.depth) {
        int errnum = 0;
        const struct dirent64 *d = tree_next(&t, &errnum);
        struct err *e = NULL;
        if (d)
            e = tree_remove_entry(&t, d);
        else if (errnum && errnum != ENOENT) /* ENOENT: somebody else has removed it meanwhile (getdents(2)) */
            e = ERR_SYS(errnum, "read a directory");
        if (e)
            tree_note(&t, e);
        if (!d)
            tree_leave(&t, dirfd, path);
    }
    return TAKE_PTR(t.err);
}

struct err *file_remove_tree(int dirfd, const char *path)
{
    struct stat st;
    if (unlinkat(dirfd, path, 0) == 0 || errno == ENOENT)
        return NULL;
    int errnum = errno;
    if (errnum != EISDIR && (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)))
        return ERR_SYS(errnum, "remove %s", path);
    if (unlinkat(dirfd, path, AT_REMOVEDIR) == 0)
        return NULL;
    if (errno == EBUSY)
        return ERR_SYS(EBUSY, "remove %s, where something is mounted", path);
    return ERR_WRAP(tree_remove(dirfd, path), "remove %s", path);
}

/* Inodes with several links that were counted already: open addressing, a power of two of slots, at most half full. */
struct tree_inode {
    uint64_t dev;
    uint64_t ino;
    bool used;
};

struct tree_inodes {
    struct tree_inode *slots;
    size_t cap;
    size_t count;
};

static void tree_inodes_done(struct tree_inodes *set)
{
    free(set->slots);
}
#define AUTO_INODES __attribute__((cleanup(tree_inodes_done)))

/* The slot of this inode, or the free one where it belongs. */
static struct tree_inode *tree_inodes_slot(const struct tree_inodes *set, uint64_t dev, uint64_t ino)
{
    size_t i = (size_t)((ino ^ (dev << 32)) * 0x9e3779b97f4a7c15u >> 20) & (set->cap - 1);
    while (set->slots[i].used && (set->slots[i].ino != ino || set->slots[i].dev != dev))
        i = (i + 1) & (set->cap - 1);
    return &set->slots[i];
}

static struct err *tree_inodes_grow(struct tree_inodes *set)
{
    AUTO_INODES struct tree_inodes grown = {.cap = set->cap ? set->cap * 2 : 256, .count = set->count};
    if (grown.cap > TREE_INODES_MAX)
        return ERR_NEW(ERR_NO_SPACE, "more than %zu files with several links", set->count);
    grown.slots = mem_zalloc(grown.cap * sizeof(*grown.slots));
    if (!grown.slots)
        return err_oom();
    for (size_t i = 0; i < set->cap; i++) {
        if (set->slots[i].used)
            *tree_inodes_slot(&grown, set->slots[i].dev, set->slots[i].ino) = set->slots[i];
    }
    struct tree_inodes old = *set;
    *set = grown;
    grown = old;
    return NULL;
}

static struct err *tree_inodes_add(struct tree_inodes *set, const struct stat *st, bool *ret_new)
{
    if (set->count >= set->cap / 2)
        TRY(tree_inodes_grow(set));
    struct tree_inode *slot = tree_inodes_slot(set, st->st_dev, st->st_ino);
    *ret_new = !slot->used;
    set->count += slot->used ? 0 : 1;
    *slot = (struct tree_inode){.dev = st->st_dev, .ino = st->st_ino, .used = true};
    return NULL;
}

struct tree_sum {
    struct tree_inodes seen;
    uint64_t bytes;
    uint64_t inodes;
};

/* Go down into `name` without changing anything; other mounts are passed by. */
static struct err *tree_size_enter(struct tree *t, int dirfd, const char *name)
{
    struct statx stx;
    if (t->depth == TREE_DEPTH_MAX)
        return ERR_NEW(ERR_NO_SPACE, "directories are nested deeper than %d", TREE_DEPTH_MAX);
    AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT && t->depth) /* removed meanwhile */
        return NULL;
    if (fd < 0)
        return ERR_SYS(errno, "open directory %s", name);
    TRY(tree_statx(fd, &stx));
    if (t->depth && stx.stx_mnt_id != t->mnt_id)
        return NULL;
    t->mnt_id = stx.stx_mnt_id;
    return tree_push(t, TAKE_FD(fd), name);
}

/* Directories count as inodes, their own size does not: what Podman's sizes mean. */
static struct err *tree_size_entry(struct tree *t, const char *name, struct tree_sum *sum)
{
    struct stat st;
    bool is_new = true;
    int dirfd = tree_top(t)->fd;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "stat %s", name);
    bool is_dir = S_ISDIR(st.st_mode);
    if (!is_dir && st.st_nlink > 1)
        TRY(tree_inodes_add(&sum->seen, &st, &is_new));
    sum->inodes += is_new ? 1 : 0;
    sum->bytes += is_new && !is_dir ? (uint64_t)st.st_size : 0;
    return is_dir ? tree_size_enter(t, dirfd, name) : NULL;
}

static struct err *tree_size(struct tree *t, struct tree_sum *sum)
{
    while (t->depth) {
        int errnum = 0;
        const struct dirent64 *d = tree_next(t, &errnum);
        if (d)
            TRY(tree_size_entry(t, d->d_name, sum));
        else if (errnum)
            return ERR_SYS(errnum, "read a directory");
        else
            (void)fd_close(t->levels[--t->depth].fd);
    }
    return NULL;
}

struct err *file_tree_size(int dirfd, const char *path, uint64_t *ret_bytes, uint64_t *ret_inodes)
{
    AUTO_TREE struct tree t = {.depth = 0};
    struct tree_sum sum = {.bytes = 0};
    struct err *e = tree_size_enter(&t, dirfd, path);
    if (!e)
        e = tree_size(&t, &sum);
    tree_inodes_done(&sum.seen);
    if (e)
        return ERR_WRAP(e, "measure %s", path);
    *ret_bytes = sum.bytes;
    *ret_inodes = sum.inodes;
    return NULL;
}
