/* Theory of operation
 *
 * levels[0] is the root, levels[i + 1] is a directory in levels[i]; d->path is the name of the last one, and each level
 * knows how much of it is its own. For the next entry, levels that are not above it are left (and get their time
 * back), then the missing ones are entered, each by one openat() with O_NOFOLLOW from the one before.
 *
 * Why no cache of other directories: an archive that comes back to a directory pays one openat() for each level, and
 * in turn nothing here can ever be stale. The stack holds ancestors of the entry at hand only, and making that entry
 * cannot remove its own ancestors. (Through links it can be tricked into a directory that was unlinked meanwhile; then
 * making anything in it fails with ENOENT, which is the end of that archive.)
 *
 * Where a part is a symbolic link, the name up to there is resolved anew from the root by path_open_in_root(): what it
 * says is taken as inside of the tree, as it would be in the container.
 */
#include "engine/layer/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/layer/name.h"
#include "engine/layer/whiteout.h"

#define DIRS_OPEN (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)

struct dirs_level {
    size_t end; /* path[0..end) names this directory; 0 for the root */
    int fd;     /* the root's is borrowed */
    gid_t gid;
    struct timespec mtime;
    bool touched;
};

struct dirs {
    struct dirs_level levels[NAME_DEPTH_MAX + 1];
    size_t depth;
    char path[NAME_BYTES_MAX + 1]; /* of the deepest level */
};

static struct err *dirs_push(struct dirs *d, int take_fd, size_t end)
{
    AUTO_FD int fd = take_fd;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return ERR_SYS(errno, "stat a directory");
    d->levels[d->depth++] = (struct dirs_level){.end = end, .fd = TAKE_FD(fd), .gid = st.st_gid, .mtime = st.st_mtim};
    return NULL;
}

static void dirs_restore_time(const struct dirs_level *l)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, l->mtime};
    if (l->touched)
        (void)futimens(l->fd, times);
}

static void dirs_pop(struct dirs *d)
{
    struct dirs_level *l = &d->levels[--d->depth];
    dirs_restore_time(l);
    l->fd = fd_close(l->fd);
}

struct err *dirs_new(int rootfd, struct dirs **ret)
{
    struct stat st;
    struct dirs *d = mem_zalloc(sizeof(*d));
    if (!d)
        return err_oom();
    if (fstat(rootfd, &st) < 0) {
        free(d);
        return ERR_SYS(errno, "stat the target directory");
    }
    d->levels[0] = (struct dirs_level){.fd = rootfd, .gid = st.st_gid, .mtime = st.st_mtim};
    d->depth = 1;
    *ret = d;
    return NULL;
}

void dirs_free(struct dirs *d)
{
    if (!d)
        return;
    dirs_reset(d);
    dirs_restore_time(&d->levels[0]);
    free(d);
}

void dirs_reset(struct dirs *d)
{
    while (d->depth > 1)
        dirs_pop(d);
}

void dirs_touch(struct dirs *d)
{
    d->levels[d->depth - 1].touched = true;
}

void dirs_set_root_time(struct dirs *d, const struct timespec *mtime)
{
    d->levels[0].mtime = *mtime;
    d->levels[0].touched = true;
}

/* Make directory `part` of the deepest level, which is missing; where a whiteout of this layer is, it becomes an
 * opaque directory. */
static struct err *dirs_make(struct dirs *d, const char *part, int *ret_fd)
{
    struct dirs_level *top = &d->levels[d->depth - 1];
    dirs_touch(d);
    if (mkdirat(top->fd, part, 0755) < 0)
        return ERR_SYS(errno, "make directory");
    AUTO_FD int fd = openat(top->fd, part, DIRS_OPEN);
    if (fd < 0)
        return ERR_SYS(errno, "open directory");
    if (top->gid != 0 && fchown(fd, 0, 0) < 0)
        return ERR_SYS(errno, "set the owner");
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

/* `part` is there and is no directory: a link inside the tree to one, or a whiteout, or an obstacle. */
static struct err *dirs_open_other(struct dirs *d, const char *part, size_t end, bool make, int *ret_fd)
{
    struct dirs_level *top = &d->levels[d->depth - 1];
    struct stat st;
    if (fstatat(top->fd, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "stat");
    if (S_ISLNK(st.st_mode)) {
        char saved = d->path[end];
        d->path[end] = '\0';
        struct err *e = path_open_in_root(d->levels[0].fd, d->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, ret_fd);
        d->path[end] = saved;
        if (!e)
            return NULL;
        int errnum = err_errno(e);
        err_drop(e);
        return ERR_SYS_AS(ERR_INVALID, errnum, "a symbolic link that leads to no directory of the layer");
    }
    if (make && whiteout_is_one(top->fd, part, &st)) {
        if (unlinkat(top->fd, part, 0) < 0)
            return ERR_SYS(errno, "remove a whiteout");
        TRY(dirs_make(d, part, ret_fd));
        return whiteout_set_opaque(*ret_fd);
    }
    return ERR_NEW(ERR_INVALID, "not a directory");
}

/* Go down into the part of d->path that ends at `end`. */
static struct err *dirs_descend(struct dirs *d, size_t end, bool make)
{
    struct dirs_level *top = &d->levels[d->depth - 1];
    char part[NAME_PART_MAX + 1];
    size_t start = top->end ? top->end + 1 : 0;
    memcpy(part, d->path + start, end - start);
    part[end - start] = '\0';
    int fd = openat(top->fd, part, DIRS_OPEN);
    struct err *e = NULL;
    if (fd < 0 && errno == ENOENT && make)
        e = dirs_make(d, part, &fd);
    else if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        e = dirs_open_other(d, part, end, make, &fd);
    else if (fd < 0)
        e = ERR_SYS(errno, "open directory");
    if (e) {
        d->path[end] = '\0';
        (void)fd_close(fd);
        return ERR_WRAP(e, "%s", name_text(d->path).s);
    }
    return dirs_push(d, fd, end);
}

struct err *dirs_find(struct dirs *d, const char *name, bool make, struct dirs_place *ret)
{
    size_t parent = name_parent_len(name);
    for (; d->depth > 1; dirs_pop(d)) {
        size_t end = d->levels[d->depth - 1].end;
        if (end <= parent && name[end] == '/' && memcmp(d->path, name, end) == 0)
            break;
    }
    size_t at = d->levels[d->depth - 1].end;
    memcpy(d->path + at, name + at, parent - at);
    d->path[parent] = '\0';
    while (at < parent) {
        size_t start = at ? at + 1 : 0;
        const char *slash = memchr(name + start, '/', parent - start);
        at = slash ? (size_t)(slash - name) : parent;
        TRY(dirs_descend(d, at, make));
    }
    const struct dirs_level *top = &d->levels[d->depth - 1];
    *ret = (struct dirs_place){.fd = top->fd, .name = name_last(name), .gid = top->gid};
    return NULL;
}
