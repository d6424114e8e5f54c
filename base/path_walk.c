/* A walk by components, holding every directory from the root to the current one open.
 *
 * The kernel never sees more than one component at a time, always with O_NOFOLLOW, and never "..": that pops the
 * stack. So whatever another process renames or swaps meanwhile, each step stays at or below a directory that was
 * reached from the root. Links are read and put in front of the rest of the path; an absolute one pops to the root.
 *
 * Magic links of procfs (/proc/PID/root, fd/N …) are only text here and could not be followed anyway, but the text
 * would name something else: they give ELOOP, as RESOLVE_NO_MAGICLINKS does. procfs has ordinary links in its own root
 * directory only (self, thread-self, mounts, net), as far as anyone needs.
 */
#include "base/path_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define PATH_WALK_LINKS_MAX 40 /* as path_resolution(7) */
#define PATH_WALK_DEPTH_MAX ((size_t)PATH_MAX / 2)
#define PATH_WALK_PROC_ROOT_INO 1 /* PROC_ROOT_INO of the kernel */

struct walk {
    int rootfd; /* borrowed */
    int *fds;   /* the directories below the root, the last one current */
    size_t depth;
    size_t cap;
    char *path;       /* owned: what `rest` points into */
    const char *rest; /* still to be resolved */
    unsigned links;
    int flags; /* for the last component */
    mode_t mode;
    bool make_dirs;
    int result; /* -1 until the last component is open */
};

static void walk_done(struct walk *w)
{
    while (w->depth)
        (void)fd_close(w->fds[--w->depth]);
    free(w->fds);
    free(w->path);
}
#define AUTO_WALK __attribute__((cleanup(walk_done)))

static int walk_dir(const struct walk *w)
{
    return w->depth ? w->fds[w->depth - 1] : w->rootfd;
}

static int walk_errno(struct err *take_e)
{
    int errnum = err_errno(take_e);
    err_drop(take_e);
    return errnum ? -errnum : -ENAMETOOLONG; /* only limits carry none */
}

static void walk_pop(struct walk *w, size_t depth)
{
    while (w->depth > depth)
        (void)fd_close(w->fds[--w->depth]);
}

static int walk_push(struct walk *w, int take_fd)
{
    struct err *e = mem_grow(&w->fds, w->depth, &w->cap, sizeof(*w->fds), PATH_WALK_DEPTH_MAX);
    if (e) {
        (void)fd_close(take_fd);
        return walk_errno(e);
    }
    w->fds[w->depth++] = take_fd;
    return 0;
}

/* True when the current directory is on procfs and is not its root: links in there are magic. */
static bool walk_links_are_magic(const struct walk *w)
{
    struct statfs fs;
    struct stat st;
    if (fstatfs(walk_dir(w), &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
        return false;
    return fstat(walk_dir(w), &st) < 0 || st.st_ino != PATH_WALK_PROC_ROOT_INO;
}

/* Opening `name` without following it failed with `errnum`. If that is because it is a link, put its target in front
 * of `rest` (which starts with a slash, or is empty). 0 when the walk can go on, else the negative errno. */
static int walk_expand(struct walk *w, const char *name, const char *rest, int errnum)
{
    char target[PATH_MAX];
    if (errnum != ENOTDIR && errnum != ELOOP)
        return -errnum;
    ssize_t n = readlinkat(walk_dir(w), name, target, sizeof(target));
    if (n < 0) /* not a link (EINVAL): the first answer stands; ENOENT where it was removed meanwhile */
        return errno == EINVAL ? -errnum : -errno;
    if (n == 0)
        return -ENOENT;
    if ((size_t)n == sizeof(target))
        return -ENAMETOOLONG;
    if (++w->links > PATH_WALK_LINKS_MAX || walk_links_are_magic(w))
        return -ELOOP;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct err *e = strbuf_add(&sb, target, (size_t)n);
    if (!e)
        e = strbuf_puts(&sb, rest);
    if (e)
        return walk_errno(e);
    free(w->path);
    w->path = TAKE_PTR(sb.data);
    w->rest = w->path;
    if (target[0] == '/')
        walk_pop(w, 0);
    return 0;
}

/* mkdirat obeys the umask, which belongs to the whole process; so the mode is set again where it cut something off. */
static int walk_make_dir(const struct walk *w, const char *name, mode_t mode)
{
    if (mkdirat(walk_dir(w), name, mode) < 0)
        return errno == EEXIST ? 0 : -errno;
    AUTO_FD int fd = openat(walk_dir(w), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if ((st.st_mode & 0777) != (mode & 0777) && fchmod(fd, mode) < 0)
        return -errno;
    return 0;
}

/* One step down into directory `name`. */
static int walk_enter(struct walk *w, const char *name, const char *rest, bool last)
{
    const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(walk_dir(w), name, flags);
    if (fd < 0 && errno == ENOENT && w->make_dirs) {
        int r = walk_make_dir(w, name, last ? w->mode : 0755);
        if (r < 0)
            return r;
        fd = openat(walk_dir(w), name, flags);
    }
    return fd < 0 ? walk_expand(w, name, rest, errno) : walk_push(w, fd);
}

/* Open the last component as asked, or expand it where it is a link that has to be followed. */
static int walk_open_last(struct walk *w, const char *name, const char *rest)
{
    int flags = w->flags;
    bool follow = !(flags & O_NOFOLLOW);
    if (*rest) { /* a trailing slash asks for a directory, and follows links (path_resolution(7)) */
        if (flags & O_CREAT)
            return -EISDIR;
        flags |= O_DIRECTORY;
        follow = true;
    }
    AUTO_FD int fd = openat(walk_dir(w), name, flags | O_NOFOLLOW, w->mode);
    if (fd < 0)
        return follow ? walk_expand(w, name, rest, errno) : -errno;
    /* With O_PATH, O_NOFOLLOW opens the link itself. */
    struct stat st;
    if (follow && flags & O_PATH && (fstat(fd, &st) < 0 || S_ISLNK(st.st_mode)))
        return walk_expand(w, name, rest, ELOOP);
    w->result = TAKE_FD(fd);
    return 0;
}

/* The path ended in the directory where the walk is. */
static int walk_open_here(struct walk *w)
{
    w->result = openat(walk_dir(w), ".", w->flags, w->mode);
    return w->result < 0 ? -errno : 0;
}

static bool walk_at_end(const char *rest)
{
    return rest[strspn(rest, "/")] == '\0';
}

/* Take one component off the rest. */
static int walk_step(struct walk *w)
{
    char name[NAME_MAX + 1];
    const char *at = w->rest + strspn(w->rest, "/");
    size_t len = strcspn(at, "/");
    const char *rest = at + len;
    if (len > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, at, len);
    name[len] = '\0';
    w->rest = rest;
    if (strcmp(name, "..") == 0)
        walk_pop(w, w->depth ? w->depth - 1 : 0);
    else if (len && strcmp(name, ".") != 0) {
        bool last = walk_at_end(rest);
        if (last && !w->make_dirs)
            return walk_open_last(w, name, rest);
        int r = walk_enter(w, name, rest, last);
        if (r < 0)
            return r;
    }
    return walk_at_end(w->rest) ? walk_open_here(w) : 0;
}

int path_walk_open(int rootfd, const char *path, int flags, mode_t mode, bool make_dirs)
{
    AUTO_WALK struct walk w = {
        .rootfd = rootfd,
        .rest = path,
        .flags = flags | O_CLOEXEC,
        .mode = mode,
        .make_dirs = make_dirs,
        .result = -1,
    };
    if (!*path)
        return -ENOENT;
    if (strlen(path) >= PATH_MAX)
        return -ENAMETOOLONG;
    for (int r; w.result < 0;) {
        if ((r = walk_step(&w)) < 0)
            return r;
    }
    return w.result;
}
