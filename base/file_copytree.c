/* Copying a directory tree with everything that belongs to it; see file.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"

#define DEPTH_MAX 512 /* each level holds two descriptors */
#define LINKS_MAX ((size_t)1 << 20)
#define XATTRS_MAX ((size_t)64 << 10)

/* A file with several names that was copied once already. */
struct seen {
    dev_t dev;
    ino_t ino;
    char *path; /* relative to the destination root */
};

struct copy {
    int to_root;
    file_owner_fn owner; /* NULL: as they are */
    void *owner_arg;
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

static struct err *copy_regular(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    AUTO_FD int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (from < 0)
        return ERR_SYS(errno, "open %s", name);
    AUTO_FD int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return ERR_SYS(errno, "create %s", name);
    TRY(file_copy_data(from, to));
    return copy_attributes(from, to, st);
}

static struct err *copy_symlink(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(from_dir, name, target, sizeof(target) - 1);
    if (len < 0)
        return ERR_SYS(errno, "read link %s", name);
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

/* A second name of a file that was copied: link it, *ret_done. A first one is remembered. */
static struct err *copy_hard_link(struct copy *c, int to_dir, const char *name, const struct stat *st, bool *ret_done)
{
    *ret_done = false;
    for (size_t i = 0; i < c->n_seen; i++) {
        if (c->seen[i].ino != st->st_ino || c->seen[i].dev != st->st_dev)
            continue;
        if (linkat(c->to_root, c->seen[i].path, to_dir, name, 0) < 0)
            return ERR_SYS(errno, "link %s", name);
        *ret_done = true;
        return NULL;
    }
    TRY(mem_grow(&c->seen, c->n_seen, &c->cap_seen, sizeof(*c->seen), LINKS_MAX));
    c->seen[c->n_seen] = (struct seen){st->st_dev, st->st_ino, NULL};
    TRY(mem_strdup(c->path, &c->seen[c->n_seen].path));
    c->n_seen++;
    return NULL;
}

static struct err *copy_dir(struct copy *c, int from, int to, unsigned depth);

static struct err *copy_subdir(struct copy *c, int from_dir, int to_dir, const char *name, const struct stat *st,
                               unsigned depth)
{
    AUTO_FD int from = -1, to = -1;
    if (depth >= DEPTH_MAX)
        return ERR_NEW(ERR_INVALID, "%s: directories nested deeper than %d", c->path, DEPTH_MAX);
    TRY(file_open_dir(from_dir, name, &from));
    if (mkdirat(to_dir, name, 0700) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "create directory %s", name);
    TRY(file_open_dir(to_dir, name, &to));
    TRY(copy_dir(c, from, to, depth + 1));
    return copy_attributes(from, to, st);
}

/* The owner that the copy gets, into *st. */
static struct err *map_owner(const struct copy *c, struct stat *st)
{
    uid_t uid = st->st_uid;
    gid_t gid = st->st_gid;
    if (c->owner && !c->owner(&st->st_uid, &st->st_gid, c->owner_arg))
        return ERR_NEW(ERR_UNSUPPORTED, "its owner %u:%u is not mapped", uid, gid);
    return NULL;
}

static struct err *copy_entry(struct copy *c, int from, int to, const char *name, unsigned depth)
{
    struct stat st;
    bool done = false;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "stat %s", name);
    TRY(map_owner(c, &st));
    if (S_ISDIR(st.st_mode))
        return copy_subdir(c, from, to, name, &st, depth);
    if (st.st_nlink > 1)
        TRY(copy_hard_link(c, to, name, &st, &done));
    if (done)
        return NULL;
    if (S_ISREG(st.st_mode))
        return copy_regular(from, to, name, &st);
    if (S_ISLNK(st.st_mode))
        return copy_symlink(from, to, name, &st);
    return copy_special(to, name, &st);
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
        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
            continue;
        size_t n = strlen(de->d_name);
        if (base + 1 + n >= sizeof(c->path)) {
            e = ERR_NEW(ERR_INVALID, "%s: path too long to copy", c->path);
            break;
        }
        if (base)
            c->path[base] = '/';
        memcpy(c->path + base + (base ? 1 : 0), de->d_name, n + 1);
        e = copy_entry(c, from, to, de->d_name, depth);
        if (!e)
            c->path[base] = '\0';
    }
    closedir(d);
    return e;
}

struct err *file_copy_tree_owned(int from_dirfd, int to_dirfd, file_owner_fn fn, void *arg)
{
    struct stat st;
    if (fstat(from_dirfd, &st) < 0)
        return ERR_SYS(errno, "stat source directory");
    struct copy *c = mem_zalloc(sizeof(*c));
    if (!c)
        return err_oom();
    c->to_root = to_dirfd;
    c->owner = fn;
    c->owner_arg = arg;
    struct err *e = map_owner(c, &st);
    if (!e)
        e = copy_dir(c, from_dirfd, to_dirfd, 0);
    if (e && c->path[0])
        e = ERR_WRAP(e, "copy %s", c->path);
    if (!e)
        e = copy_attributes(from_dirfd, to_dirfd, &st);
    for (size_t i = 0; i < c->n_seen; i++)
        mem_freep(&c->seen[i].path);
    mem_freep(&c->seen);
    mem_freep(&c);
    return e;
}

struct err *file_copy_tree(int from_dirfd, int to_dirfd)
{
    return file_copy_tree_owned(from_dirfd, to_dirfd, NULL, NULL);
}
