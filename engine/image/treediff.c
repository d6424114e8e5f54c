#include "engine/image/treediff.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/override.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/storage/storage.h"

#define DEPTH_MAX 512
#define CHANGES_MAX ((size_t)1 << 24)
#define ATTRIBUTE_BYTES OVERRIDE_MAX /* struct vfs_ns_cap_data has 24 */

struct compare {
    struct tree_changes *list;
    struct strbuf path;
    int depth;
    bool is_upper; /* the new tree is an upper directory */
};

void tree_changes_done(struct tree_changes *c)
{
    for (size_t i = 0; i < c->count; i++)
        mem_freep(&c->items[i].path);
    mem_freep(&c->items);
    c->count = 0;
}

static struct err *record(struct compare *c, enum tree_change_kind kind)
{
    AUTO_FREE char *path = NULL;
    TRY(mem_strdup(c->path.len ? strbuf_str(&c->path) : "/", &path));
    TRY(mem_grow(&c->list->items, c->list->count, &c->list->cap, sizeof *c->list->items, CHANGES_MAX));
    c->list->items[c->list->count++] = (struct tree_change){kind, TAKE_PTR(path)};
    return NULL;
}

static struct err *list_names(int dirfd, struct strv *ret)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct err *e = NULL;
    const struct dirent *d;
    if (!dir) {
        int errnum = errno;
        fd_close(fd);
        return ERR_SYS(errnum, "read a directory");
    }
    while (!e && (d = readdir(dir)))
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            e = strv_add(ret, d->d_name);
    closedir(dir);
    if (!e)
        strv_sort(ret);
    return e;
}

/* What stat(2) doesn't show: file capabilities, and the record of an owner. */
static const char *const attributes[] = {"security.capability", OVERRIDE_RECORD};

/* Without /proc they look alike. */
static size_t attribute(int dirfd, const char *name, const char *attr, char *buf)
{
    AUTO_FREE char *path = NULL;
    struct err *e = mem_asprintf(&path, "%s/%s", fd_proc_path(dirfd).s, name);
    ssize_t n = e ? -1 : lgetxattr(path, attr, buf, ATTRIBUTE_BYTES);
    err_drop(e);
    return n < 0 ? 0 : (size_t)n;
}

static bool has_other_attribute(int old_fd, int new_fd, const char *name)
{
    char a[ATTRIBUTE_BYTES], b[ATTRIBUTE_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
        size_t n = attribute(old_fd, name, attributes[i], a);
        if (n != attribute(new_fd, name, attributes[i], b) || memcmp(a, b, n) != 0)
            return true;
    }
    return false;
}

/* A directory's time and size change with what is in it, which is seen there. */
static bool differs(const struct stat *a, const struct stat *b)
{
    if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid || a->st_rdev != b->st_rdev)
        return true;
    if (S_ISDIR(a->st_mode))
        return false;
    return a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
           a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

static struct err *open_below(int dirfd, const char *name, int *ret)
{
    *ret = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *ret < 0 ? ERR_SYS(errno, "open a directory") : NULL;
}

static struct err *compare_dirs(struct compare *c, int old_fd, int new_fd);

/* `st`: of the old and the new entry; old_fd -1 when there was no directory. */
static struct err *descend(struct compare *c, int old_fd, int new_fd, const char *name, bool both)
{
    AUTO_FD int old = -1, new = -1;
    if (c->depth >= DEPTH_MAX)
        return ERR_NEW(ERR_NO_SPACE, "directories are nested deeper than %d", DEPTH_MAX);
    if (both)
        TRY(open_below(old_fd, name, &old));
    TRY(open_below(new_fd, name, &new));
    c->depth++;
    struct err *e = compare_dirs(c, old, new);
    c->depth--;
    return e;
}

/* A directory that was removed and made anew: as Podman says it, deleted, with all that is in it added. */
static bool is_replaced(int dirfd, const char *name, const struct stat *st)
{
    AUTO_FD int fd = S_ISDIR(st->st_mode) ? openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    return fd >= 0 && storage_is_opaque(fd);
}

/* One entry of the new tree; the path names it. */
static struct err *compare_entry(struct compare *c, int old_fd, int new_fd, const char *name)
{
    struct stat old, new;
    size_t before = c->list->count;
    if (fstatat(new_fd, name, &new, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "stat");
    bool known = old_fd >= 0 && fstatat(old_fd, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (c->is_upper && storage_is_whiteout(new_fd, name, &new))
        return known ? record(c, TREE_DELETED) : NULL;
    if (c->is_upper && known && S_ISDIR(old.st_mode) && is_replaced(new_fd, name, &new)) {
        TRY(record(c, TREE_DELETED));
        return descend(c, -1, new_fd, name, false);
    }
    bool same = known && !differs(&old, &new) && !has_other_attribute(old_fd, new_fd, name);
    if (!same)
        TRY(record(c, known ? TREE_CHANGED : TREE_ADDED));
    if (!S_ISDIR(new.st_mode))
        return NULL;
    TRY(descend(c, old_fd, new_fd, name, known && S_ISDIR(old.st_mode)));
    return same && c->list->count > before ? record(c, TREE_CHANGED) : NULL;
}

static struct err *compare_dirs(struct compare *c, int old_fd, int new_fd)
{
    AUTO_STRV struct strv old = STRV_INIT, new = STRV_INIT;
    size_t len = c->path.len, o = 0;
    if (old_fd >= 0 && !c->is_upper)
        TRY(list_names(old_fd, &old));
    TRY(list_names(new_fd, &new));
    for (size_t n = 0; n < new.count || o < old.count;) {
        int order = n == new.count ? 1 : o == old.count ? -1 : strcmp(new.items[n], old.items[o]);
        const char *name = order > 0 ? old.items[o] : new.items[n];
        TRY(strbuf_printf(&c->path, "/%s", name));
        TRY(order > 0 ? record(c, TREE_DELETED) : compare_entry(c, old_fd, new_fd, name));
        strbuf_truncate(&c->path, len);
        o += order >= 0;
        n += order <= 0;
    }
    return NULL;
}

static int by_path(const void *a, const void *b)
{
    const struct tree_change *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static struct err *compare_trees(struct compare *c, int old_dirfd, int new_dirfd)
{
    struct err *e = compare_dirs(c, old_dirfd, new_dirfd);
    strbuf_done(&c->path);
    if (!e && c->list->count > 1)
        qsort(c->list->items, c->list->count, sizeof *c->list->items, by_path);
    return e;
}

struct err *tree_compare(int old_dirfd, int new_dirfd, struct tree_changes *ret)
{
    struct compare c = {.list = ret};
    return compare_trees(&c, old_dirfd, new_dirfd);
}

struct err *tree_compare_upper(int old_dirfd, int upper_dirfd, struct tree_changes *ret)
{
    struct compare c = {.list = ret, .is_upper = true};
    return compare_trees(&c, old_dirfd, upper_dirfd);
}
