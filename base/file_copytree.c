/* Copying a directory tree with everything that belongs to it; see file.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#define DEPTH_MAX 512 /* each level holds two descriptors */
#define LINKS_MAX ((size_t)1 << 20)
#define XATTRS_MAX ((size_t)64 << 10)

/* A file with several names that was copied once already. */
struct seen {
    dev_t dev;
    ino_t ino;
    dev_t to_dev; /* of the copy */
    ino_t to_ino;
    char *path; /* relative to the destination root */
};

struct copy {
    int to_root;
    const struct file_copy_opts *opts;
    struct seen *seen;
    size_t n_seen, cap_seen;
    char path[PATH_MAX]; /* of the entry at hand, relative to the root */
};

/* All extended attributes that can be set; those of other namespaces (security.selinux …) are left out. */
static struct err *copy_xattrs(int from, int to)
{
    AUTO_FREE char *names = mem_alloc(XATTRS_MAX), *value = mem_alloc(XATTRS_MAX);
    if (!names || !value)
        return err_oom();
    ssize_t len = flistxattr(from, names, XATTRS_MAX);
    for (char *n = names; len > 0 && n < names + len; n += strlen(n) + 1) {
        ssize_t size = fgetxattr(from, n, value, XATTRS_MAX);
        if (size >= 0 && fsetxattr(to, n, value, (size_t)size, 0) < 0 && errno != EPERM && errno != ENOTSUP)
            return ERR_SYS(errno, "set extended attribute %s", n);
    }
    return NULL;
}

/* Owner before mode: chown clears setuid. */
static struct err *copy_attributes(int from, int to, const struct stat *st)
{
    if (fchown(to, st->st_uid, st->st_gid) < 0)
        return ERR_SYS(errno, "set owner %u:%u", st->st_uid, st->st_gid);
    if (fchmod(to, st->st_mode & 07777) < 0)
        return ERR_SYS(errno, "set mode");
    TRY(copy_xattrs(from, to));
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (futimens(to, times) < 0)
        return ERR_SYS(errno, "set times");
    return NULL;
}

/* What has the name goes, if it may. *ret_busy: somebody has mounted something there, so it stays. */
static struct err *copy_clear(const struct copy *c, int to_dir, const char *name, bool *ret_busy)
{
    *ret_busy = c->opts->merge && file_is_mount(to_dir, name);
    if (!c->opts->merge || *ret_busy || unlinkat(to_dir, name, 0) == 0 || errno == ENOENT)
        return NULL;
    if (errno != EISDIR && errno != EPERM)
        return ERR_SYS(errno, "replace %s", name);
    struct stat st;
    if (fstatat(to_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
        return ERR_SYS(EPERM, "replace %s", name);
    if (!c->opts->replace)
        return ERR_NEW(ERR_EXISTS, "cannot overwrite directory %s with something else", name);
    return file_remove_tree(to_dir, name);
}

/* A single file that is mounted over another cannot be replaced, but written to. */
static struct err *open_copy(const struct copy *c, int to_dir, const char *name, int *ret)
{
    bool busy;
    TRY(copy_clear(c, to_dir, name, &busy));
    int flags = busy ? O_TRUNC : O_CREAT | O_EXCL;
    *ret = openat(to_dir, name, flags | O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    return *ret < 0 ? ERR_SYS(errno, "create %s", name) : NULL;
}

static struct err *copy_regular(const struct copy *c, int from_dir, int to_dir, const char *name, const char *to_name,
                                const struct stat *st)
{
    struct stat now;
    AUTO_FD int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), to = -1;
    if (from < 0 || fstat(from, &now) < 0)
        return ERR_SYS(errno, "open %s", name);
    if (!S_ISREG(now.st_mode))
        return ERR_NEW(ERR_STATE, "%s is no regular file any more", name);
    TRY(open_copy(c, to_dir, to_name, &to));
    TRY(file_copy_data(from, to));
    return copy_attributes(from, to, st);
}

static struct err *copy_symlink(int from_dir, const char *from_name, int to_dir, const char *name,
                                const struct stat *st)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(from_dir, from_name, target, sizeof(target) - 1);
    if (len < 0)
        return ERR_SYS(errno, "read link %s", from_name);
    target[len] = '\0';
    if (symlinkat(target, to_dir, name) < 0)
        return ERR_SYS(errno, "create link %s", name);
    if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "set owner of %s", name);
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "set times of %s", name);
    return NULL;
}

/* FIFOs and sockets; device nodes can't be made by an ordinary user except whiteouts, which are kept. */
static struct err *copy_special(int to_dir, const char *name, const struct stat *st)
{
    if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0) {
        if (errno == EPERM && (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)))
            return NULL;
        return ERR_SYS(errno, "create special file %s", name);
    }
    if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "set owner of %s", name);
    return NULL;
}

/* The first copy is looked up inside of the destination and must be what was made there: by its path alone, whoever
 * works in that tree could have a file from elsewhere linked into it. */
static struct err *link_first(const struct copy *c, const struct seen *first, int to_dir, const char *name)
{
    struct stat st;
    AUTO_FD int fd = -1;
    TRY(path_open_in_root(c->to_root, first->path, O_PATH | O_NOFOLLOW, 0, &fd));
    if (fstat(fd, &st) < 0 || st.st_dev != first->to_dev || st.st_ino != first->to_ino)
        return ERR_NEW(ERR_STATE, "%s is not what was copied any more", first->path);
    if (linkat(AT_FDCWD, fd_proc_path(fd).s, to_dir, name, AT_SYMLINK_FOLLOW) < 0)
        return ERR_SYS(errno, "link %s to %s", name, first->path);
    return NULL;
}

/* A second name of a file that was copied: link it, *ret_done. */
static struct err *copy_hard_link(struct copy *c, int to_dir, const char *name, const struct stat *st, bool *ret_done)
{
    bool busy;
    *ret_done = false;
    for (size_t i = 0; i < c->n_seen; i++) {
        if (c->seen[i].ino != st->st_ino || c->seen[i].dev != st->st_dev)
            continue;
        TRY(copy_clear(c, to_dir, name, &busy));
        *ret_done = !busy;
        return busy ? NULL : link_first(c, &c->seen[i], to_dir, name);
    }
    return NULL;
}

/* The first name of several was copied. */
static struct err *remember(struct copy *c, int to_dir, const char *name, const struct stat *st)
{
    struct stat made;
    if (fstatat(to_dir, name, &made, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "stat %s", name);
    TRY(mem_grow(&c->seen, c->n_seen, &c->cap_seen, sizeof(*c->seen), LINKS_MAX));
    c->seen[c->n_seen] = (struct seen){st->st_dev, st->st_ino, made.st_dev, made.st_ino, NULL};
    TRY(mem_strdup(c->path, &c->seen[c->n_seen].path));
    c->n_seen++;
    return NULL;
}

static struct err *copy_dir(struct copy *c, int from, int to, unsigned depth);

/* Make the directory, or take the one that is there. */
static struct err *open_target_dir(const struct copy *c, int to_dir, const char *name, int *ret)
{
    if (mkdirat(to_dir, name, 0700) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "create directory %s", name);
    struct err *e = file_open_dir(to_dir, name, ret);
    if (!e || !c->opts->merge || (err_errno(e) != ENOTDIR && err_errno(e) != ELOOP))
        return e;
    err_drop(e);
    if (!c->opts->replace)
        return ERR_NEW(ERR_EXISTS, "%s: exists but is not a directory", name);
    if (unlinkat(to_dir, name, 0) < 0 || mkdirat(to_dir, name, 0700) < 0)
        return ERR_SYS(errno, "replace %s", name);
    return file_open_dir(to_dir, name, ret);
}

static struct err *copy_subdir(struct copy *c, int from_dir, int to_dir, const char *name, const char *to_name,
                               const struct stat *st, unsigned depth)
{
    AUTO_FD int from = -1, to = -1;
    if (depth >= DEPTH_MAX)
        return ERR_NEW(ERR_INVALID, "%s: directories nested deeper than %d", c->path, DEPTH_MAX);
    TRY(file_open_dir(from_dir, name, &from));
    TRY(open_target_dir(c, to_dir, to_name, &to));
    TRY(copy_dir(c, from, to, depth + 1));
    return copy_attributes(from, to, st);
}

/* The owner that the copy gets, into *st. */
static struct err *map_owner(const struct copy *c, struct stat *st)
{
    uid_t uid = st->st_uid;
    gid_t gid = st->st_gid;
    if (c->opts->owner && !c->opts->owner(&st->st_uid, &st->st_gid, c->opts->owner_arg))
        return ERR_NEW(ERR_UNSUPPORTED, "its owner %u:%u is not mapped", uid, gid);
    return NULL;
}

/* Links, FIFOs and the like cannot be written into what is mounted. */
static struct err *copy_other(const struct copy *c, int from, int to, const char *name, const char *to_name,
                              const struct stat *st)
{
    bool busy;
    if (S_ISREG(st->st_mode))
        return copy_regular(c, from, to, name, to_name, st);
    TRY(copy_clear(c, to, to_name, &busy));
    if (busy)
        return ERR_SYS(EBUSY, "replace %s", to_name);
    return S_ISLNK(st->st_mode) ? copy_symlink(from, name, to, to_name, st) : copy_special(to, to_name, st);
}

static struct err *copy_entry(struct copy *c, int from, int to, const char *name, const char *to_name, unsigned depth)
{
    struct stat st;
    bool done = false;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) /* whoever works there may remove it, once it was listed */
        return errno == ENOENT && c->opts->merge && depth ? NULL : ERR_SYS(errno, "stat %s", name);
    const struct stat source = st;
    TRY(map_owner(c, &st));
    if (S_ISDIR(st.st_mode))
        return copy_subdir(c, from, to, name, to_name, &st, depth);
    if (st.st_nlink > 1)
        TRY(copy_hard_link(c, to, to_name, &source, &done));
    if (done)
        return NULL;
    TRY(copy_other(c, from, to, name, to_name, &st));
    return st.st_nlink > 1 ? remember(c, to, to_name, &source) : NULL;
}

static bool is_omitted(const struct copy *c, const char *name)
{
    for (const char *const *o = c->opts->omit; o && *o; o++)
        if (strcmp(*o, name) == 0)
            return true;
    return false;
}

/* The entries of one directory; c->path is its path and is put back. */
static struct err *copy_dir(struct copy *c, int from, int to, unsigned depth)
{
    int scan = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = scan < 0 ? NULL : fdopendir(scan);
    if (!d) {
        struct err *e = ERR_SYS(errno, "read directory %s", c->path);
        fd_close(scan);
        return e;
    }
    size_t base = strlen(c->path);
    struct err *e = NULL;
    struct dirent *de;
    while (!e && (de = readdir(d))) {
        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0 || (!depth && is_omitted(c, de->d_name)))
            continue;
        size_t n = strlen(de->d_name);
        if (base + 1 + n >= sizeof(c->path)) {
            e = ERR_NEW(ERR_INVALID, "%s: path too long to copy", c->path);
            break;
        }
        if (base)
            c->path[base] = '/';
        memcpy(c->path + base + (base ? 1 : 0), de->d_name, n + 1);
        e = copy_entry(c, from, to, de->d_name, de->d_name, depth);
        if (!e)
            c->path[base] = '\0';
    }
    closedir(d);
    return e;
}

static struct err *copy_new(int to_root, const struct file_copy_opts *opts, struct copy **ret)
{
    struct copy *c = mem_zalloc(sizeof(*c));
    if (!c)
        return err_oom();
    c->to_root = to_root;
    c->opts = opts;
    *ret = c;
    return NULL;
}

/* Adds to `take_e` which entry it is about. */
static struct err *copy_free(struct copy *c, struct err *take_e)
{
    if (take_e && c->path[0])
        take_e = ERR_WRAP(take_e, "copy %s", c->path);
    for (size_t i = 0; i < c->n_seen; i++)
        mem_freep(&c->seen[i].path);
    mem_freep(&c->seen);
    mem_freep(&c);
    return take_e;
}

struct err *file_copy_entry(int from_dirfd, const char *name, int to_dirfd, const char *to_name,
                            const struct file_copy_opts *opts)
{
    struct copy *c;
    TRY(copy_new(to_dirfd, opts, &c));
    (void)snprintf(c->path, sizeof(c->path), "%s", to_name);
    return copy_free(c, copy_entry(c, from_dirfd, to_dirfd, name, to_name, 0));
}

struct err *file_copy_entries(int from_dirfd, int to_dirfd, const struct file_copy_opts *opts)
{
    struct copy *c;
    TRY(copy_new(to_dirfd, opts, &c));
    return copy_free(c, copy_dir(c, from_dirfd, to_dirfd, 0));
}

struct err *file_copy_tree_owned(int from_dirfd, int to_dirfd, file_owner_fn fn, void *arg)
{
    const struct file_copy_opts opts = {.owner = fn, .owner_arg = arg};
    struct stat st;
    struct copy *c;
    if (fstat(from_dirfd, &st) < 0)
        return ERR_SYS(errno, "stat source directory");
    TRY(copy_new(to_dirfd, &opts, &c));
    struct err *e = map_owner(c, &st);
    if (!e)
        e = copy_dir(c, from_dirfd, to_dirfd, 0);
    if (!e)
        e = copy_attributes(from_dirfd, to_dirfd, &st);
    return copy_free(c, e);
}

struct err *file_copy_tree(int from_dirfd, int to_dirfd)
{
    return file_copy_tree_owned(from_dirfd, to_dirfd, NULL, NULL);
}
