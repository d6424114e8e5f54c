#include "fuse-overlay/realdir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

struct realdir *realdir_new(struct realdir *parent, const char *name, unsigned layer, int fd)
{
    struct realdir *rd = mem_zalloc(sizeof(*rd));
    if (!rd)
        return NULL;
    rd->fd = fd;
    rd->refs = 1;
    rd->layer = (uint16_t)layer;
    rd->is_pinned = !parent;
    struct err *e = mem_strdup(name, &rd->name);
    if (e) {
        err_drop(e);
        mem_freep(&rd);
        return NULL;
    }
    rd->parent = parent ? realdir_ref(parent) : NULL;
    return rd;
}

struct realdir *realdir_ref(struct realdir *rd)
{
    rd->refs++;
    return rd;
}

/* Take it out of the list of open ones. */
static void realdir_unlist(struct overlay *fs, struct realdir *rd)
{
    if (!rd->newer && fs->dirs_newest != rd)
        return;
    *(rd->newer ? &rd->newer->older : &fs->dirs_newest) = rd->older;
    *(rd->older ? &rd->older->newer : &fs->dirs_oldest) = rd->newer;
    rd->newer = rd->older = NULL;
    fs->n_dirs_open--;
}

static void realdir_list(struct overlay *fs, struct realdir *rd)
{
    rd->newer = NULL;
    rd->older = fs->dirs_newest;
    *(rd->older ? &rd->older->newer : &fs->dirs_oldest) = rd;
    fs->dirs_newest = rd;
    fs->n_dirs_open++;
}

void realdir_unref(struct overlay *fs, struct realdir *rd)
{
    while (rd && --rd->refs == 0) {
        struct realdir *parent = rd->parent;
        realdir_unlist(fs, rd);
        fd_close(rd->fd);
        mem_freep(&rd->name);
        mem_freep(&rd);
        rd = parent;
    }
}

/* O_PATH serves for what is in a directory that may be entered but not read. */
static int realdir_open_at(int dirfd, const char *name)
{
    const int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dirfd, name, O_RDONLY | flags);
    if (fd < 0 && errno == EACCES)
        fd = openat(dirfd, name, O_PATH | flags);
    return fd < 0 ? -errno : fd;
}

/* Open a closed one: from the nearest ancestor that is open downwards. Descriptors on the way are not kept, so that a
 * path of ten thousand components needs two at a time. */
static int realdir_reopen(struct realdir *rd)
{
    size_t depth = 1;
    struct realdir *top = rd->parent;
    for (; top && top->fd < 0; top = top->parent)
        depth++;
    if (!top)
        return -ESTALE;
    AUTO_FREE const char **names = mem_alloc(depth * sizeof(*names));
    if (!names)
        return -ENOMEM;
    size_t i = depth;
    for (struct realdir *p = rd; p != top; p = p->parent)
        names[--i] = p->name;
    int fd = top->fd;
    for (i = 0; i < depth; i++) {
        int next = realdir_open_at(fd, names[i]);
        if (fd != top->fd)
            fd_close(fd);
        if (next < 0)
            return next;
        fd = next;
    }
    return fd;
}

int realdir_fd(struct overlay *fs, struct realdir *rd)
{
    if (rd->is_pinned || fs->dirs_newest == rd)
        return rd->fd;
    if (rd->fd >= 0) {
        realdir_unlist(fs, rd);
        realdir_list(fs, rd);
        return rd->fd;
    }
    int fd = realdir_reopen(rd);
    if (fd < 0)
        return fd;
    rd->fd = fd;
    realdir_list(fs, rd);
    return fd;
}

int realdir_moved(struct overlay *fs, struct realdir *rd, struct realdir *parent, const char *name)
{
    struct err *e = mem_replace(&rd->name, name);
    if (e) {
        err_drop(e);
        return -ENOMEM;
    }
    struct realdir *old = rd->parent;
    rd->parent = realdir_ref(parent);
    realdir_unref(fs, old);
    return 0;
}

int realdir_pin(struct overlay *fs, struct realdir *rd)
{
    int fd = realdir_fd(fs, rd);
    if (fd < 0 || rd->is_pinned)
        return fd < 0 ? fd : 0;
    realdir_unlist(fs, rd);
    rd->is_pinned = true;
    return 0;
}

void realdir_trim(struct overlay *fs)
{
    while (fs->n_dirs_open > fs->max_dirs_open) {
        struct realdir *rd = fs->dirs_oldest;
        realdir_unlist(fs, rd);
        rd->fd = fd_close(rd->fd);
    }
}
