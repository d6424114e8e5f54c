/* Applying a layer, directory by directory.
 *
 * A directory of the layer is handled in three steps: remove what it hides (opaque), then its entries in any order,
 * then its own attributes, since making entries changes its times. An entry that is in the way goes first, whatever it
 * is; directories merge. Every name is used relative to an open directory and never followed, so a link that one layer
 * put there does not lead the next one anywhere.
 */
#include "engine/storage/apply.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/storage/apply_attr.h"
#include "engine/storage/storage.h"

#define APPLY_DEPTH_MAX 256 /* each level holds two descriptors */
#define APPLY_LINKS_MAX ((size_t)1 << 24)
#define WH_PREFIX ".wh."
#define WH_OPAQUE ".wh..wh..opq"

/* A file of the layer with several names: where its first copy went. */
struct seen {
    dev_t dev;
    ino_t ino;
    char *path; /* relative to the root; NULL: free place */
};

struct apply {
    enum apply_how how;
    int to_root;
    struct seen *seen; /* hash table by inode, a power of two long, at most half full */
    size_t n_seen, cap_seen;
    size_t path_len;
    char path[PATH_MAX]; /* of the entry at hand, relative to the root */
};

static size_t seen_slot(const struct seen *table, size_t cap, dev_t dev, ino_t ino)
{
    size_t i = (size_t)((uint64_t)ino * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);
    while (table[i].path && (table[i].ino != ino || table[i].dev != dev))
        i = (i + 1) & (cap - 1);
    return i;
}

static struct err *seen_grow(struct apply *a)
{
    size_t cap = a->cap_seen ? a->cap_seen * 2 : 64;
    if (cap > APPLY_LINKS_MAX)
        return ERR_NEW(ERR_NO_SPACE, "too many hard links in one layer");
    struct seen *table = mem_zalloc(cap * sizeof(*table));
    if (!table)
        return err_oom();
    for (size_t i = 0; i < a->cap_seen; i++) {
        if (a->seen[i].path)
            table[seen_slot(table, cap, a->seen[i].dev, a->seen[i].ino)] = a->seen[i];
    }
    mem_freep(&a->seen);
    a->seen = table;
    a->cap_seen = cap;
    return NULL;
}

/* A later name of a file that is there already: link it, *ret_done. The first one is remembered. */
static struct err *apply_again(struct apply *a, int to, const char *name, const struct stat *st, bool *ret_done)
{
    if (a->n_seen * 2 >= a->cap_seen)
        TRY(seen_grow(a));
    size_t i = seen_slot(a->seen, a->cap_seen, st->st_dev, st->st_ino);
    if (a->seen[i].path) {
        if (linkat(a->to_root, a->seen[i].path, to, name, 0) < 0)
            return ERR_SYS(errno, "link to %s", a->seen[i].path);
        *ret_done = true;
        return NULL;
    }
    char *path = NULL;
    TRY(mem_strdup(a->path, &path));
    a->seen[i] = (struct seen){st->st_dev, st->st_ino, path};
    a->n_seen++;
    return NULL;
}

static struct err *apply_regular(const struct apply *a, int from_dir, int to_dir, const char *name,
                                 const struct stat *st)
{
    if (a->how == APPLY_LINK) {
        if (linkat(from_dir, name, to_dir, name, 0) == 0)
            return NULL;
        if (errno != EMLINK && errno != EXDEV && errno != EPERM)
            return ERR_SYS(errno, "link");
    }
    AUTO_FD int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (from < 0)
        return ERR_SYS(errno, "open");
    AUTO_FD int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return ERR_SYS(errno, "create");
    if (st->st_size > 0)
        TRY(file_copy_data(from, to));
    return apply_attr_copy(from, to, st);
}

static struct err *apply_symlink(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);
    if (n < 0)
        return ERR_SYS(errno, "read link");
    target[n] = '\0';
    if (symlinkat(target, to_dir, name) < 0)
        return ERR_SYS(errno, "create link");
    return apply_attr_name(to_dir, name, st);
}

/* FIFOs and sockets; device nodes are beyond an ordinary user, and a container gets its own /dev. */
static struct err *apply_special(int to_dir, const char *name, const struct stat *st)
{
    if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0) {
        if (errno == EPERM && (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)))
            return NULL;
        return ERR_SYS(errno, "create special file");
    }
    return apply_attr_name(to_dir, name, st);
}

/* Whatever `to` has under this name goes, unless both are directories. */
static struct err *apply_clear(int to, const char *name, bool is_dir)
{
    struct stat st;
    if (fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "stat");
    if (S_ISDIR(st.st_mode))
        return is_dir ? NULL : file_remove_tree(to, name);
    return unlinkat(to, name, 0) < 0 ? ERR_SYS(errno, "remove") : NULL;
}

static struct err *apply_dir(struct apply *a, int from, int to, unsigned depth);

static struct err *apply_subdir(struct apply *a, int from_dir, int to_dir, const char *name, const struct stat *st,
                                unsigned depth)
{
    AUTO_FD int from = -1, to = -1;
    if (depth >= APPLY_DEPTH_MAX)
        return ERR_NEW(ERR_UNSUPPORTED, "directories nested deeper than %d", APPLY_DEPTH_MAX);
    TRY(file_open_dir(from_dir, name, &from));
    if (mkdirat(to_dir, name, 0700) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "create directory");
    TRY(file_open_dir(to_dir, name, &to));
    TRY(apply_dir(a, from, to, depth + 1));
    return apply_attr_copy(from, to, st);
}

/* The name that `name` declares deleted, or NULL when it is an ordinary entry. */
static const char *apply_deleted(int from, const char *name, const struct stat *st)
{
    if (strncmp(name, WH_PREFIX, strlen(WH_PREFIX)) == 0)
        return name + strlen(WH_PREFIX);
    return storage_is_whiteout(from, name, st) ? name : NULL;
}

/* ".wh..wh.x" are AUFS' own files; ".wh.", ".wh.." and ".wh..." name nothing that could be deleted. */
static struct err *apply_delete(int to, const char *name)
{
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strncmp(name, WH_PREFIX, strlen(WH_PREFIX)) == 0)
        return NULL;
    return file_remove_tree(to, name);
}

static struct err *apply_entry(struct apply *a, int from, int to, const char *name, unsigned depth)
{
    struct stat st;
    bool done = false;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "stat");
    const char *deleted = apply_deleted(from, name, &st);
    if (deleted)
        return apply_delete(to, deleted);
    TRY(apply_clear(to, name, S_ISDIR(st.st_mode)));
    if (S_ISDIR(st.st_mode))
        return apply_subdir(a, from, to, name, &st, depth);
    if (st.st_nlink > 1 && a->how == APPLY_COPY)
        TRY(apply_again(a, to, name, &st, &done));
    if (done)
        return NULL;
    if (S_ISREG(st.st_mode))
        return apply_regular(a, from, to, name, &st);
    if (S_ISLNK(st.st_mode))
        return apply_symlink(from, to, name, &st);
    return apply_special(to, name, &st);
}

/* Go through the entries of `dir`. */
static struct err *apply_entries(struct apply *a, DIR *dir, int from, int to, unsigned depth)
{
    size_t base = a->path_len;
    struct err *e = NULL;
    for (struct dirent *de; !e && (de = readdir(dir));) {
        size_t n = strlen(de->d_name);
        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
            continue;
        if (base + n + 2 > sizeof(a->path)) {
            e = ERR_NEW(ERR_UNSUPPORTED, "%s: path too long", a->path);
            break;
        }
        if (base)
            a->path[base] = '/';
        memcpy(a->path + base + (base ? 1 : 0), de->d_name, n + 1);
        a->path_len = base + (base ? 1 : 0) + n;
        e = apply_entry(a, from, to, de->d_name, depth);
        if (!e) /* else it stays, for the message */
            a->path[base] = '\0';
        a->path_len = base;
    }
    return e;
}

/* Remove everything in `to`: the layer's directory hides it. */
static struct err *apply_empty(int to)
{
    AUTO_FD int scan = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = scan < 0 ? NULL : fdopendir(scan);
    if (!dir)
        return ERR_SYS(errno, "read directory");
    TAKE_FD(scan);
    struct err *e = NULL;
    for (struct dirent *de; !e && (de = readdir(dir));) {
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
            e = file_remove_tree(to, de->d_name);
    }
    closedir(dir);
    return e;
}

static struct err *apply_dir(struct apply *a, int from, int to, unsigned depth)
{
    if (storage_is_opaque(from) || file_exists(from, WH_OPAQUE))
        TRY(apply_empty(to));
    AUTO_FD int scan = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = scan < 0 ? NULL : fdopendir(scan);
    if (!dir)
        return ERR_SYS(errno, "read directory");
    TAKE_FD(scan);
    struct err *e = apply_entries(a, dir, from, to, depth);
    closedir(dir);
    return e;
}

struct err *apply_layer(int layer_dirfd, int to_dirfd, enum apply_how how)
{
    struct stat st;
    if (fstat(layer_dirfd, &st) < 0)
        return ERR_SYS(errno, "stat layer");
    struct apply *a = mem_zalloc(sizeof(*a));
    if (!a)
        return err_oom();
    a->how = how;
    a->to_root = to_dirfd;
    struct err *e = apply_dir(a, layer_dirfd, to_dirfd, 0);
    if (e && a->path[0])
        e = ERR_WRAP(e, "%s", a->path);
    if (!e)
        e = apply_attr_copy(layer_dirfd, to_dirfd, &st);
    for (size_t i = 0; i < a->cap_seen; i++)
        mem_freep(&a->seen[i].path);
    mem_freep(&a->seen);
    mem_freep(&a);
    return e;
}
