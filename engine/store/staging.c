/* Staging directories: staging/<name>, and beside it staging/<name>.lock, locked by its maker.
 *
 * The lock file is made and locked before the directory, and unlinked after it, so a directory whose lock file is
 * missing or free belongs to nobody. A separate file, because NFS locks only what is open for writing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/store/internal.h"
#include "engine/store/name.h"

#define LOCK_SUFFIX ".lock"

/* Make and lock the lock file. *ret_fd stays -1 when the cleaner was quicker and took it for abandoned. */
static struct err *make_lock(struct store *s, const char *lock_name, int *ret_fd)
{
    AUTO_FD int fd = openat(s->root_fd, lock_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return NULL;
    if (fd < 0)
        return ERR_SYS(errno, "create %s/%s", s->root, lock_name);
    struct err *e = file_lock(fd, true, false);
    if (e && err_kind(e) == ERR_IN_USE) {
        err_drop(e);
        return NULL;
    }
    TRY(e);
    struct stat sb;
    if (fstat(fd, &sb) == 0 && sb.st_nlink > 0)
        *ret_fd = TAKE_FD(fd);
    return NULL;
}

static struct err *make_staging(struct store *s, struct store_staging *st)
{
    if (mkdirat(s->root_fd, "staging", 0700) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "create %s/staging", s->root);
    while (st->lock_fd < 0) {
        struct store_name name;
        AUTO_FREE char *lock_name = NULL;
        TRY(store_name_random(&name));
        mem_freep(&st->name);
        TRY(mem_asprintf(&st->name, "staging/%s", name.s));
        TRY(mem_asprintf(&lock_name, "%s" LOCK_SUFFIX, st->name));
        TRY(make_lock(s, lock_name, &st->lock_fd));
    }
    if (mkdirat(s->root_fd, st->name, 0700) < 0)
        return ERR_SYS(errno, "create %s/%s", s->root, st->name);
    TRY(path_join(&st->path, s->root, st->name));
    return file_open_dir(s->root_fd, st->name, &st->dirfd);
}

struct err *store_staging_new(struct store *s, struct store_staging *ret)
{
    struct store_staging st = {.dirfd = -1, .lock_fd = -1};
    struct err *e = make_staging(s, &st);
    if (e) {
        store_staging_done(s, &st);
        return ERR_WRAP(e, "make a staging directory");
    }
    *ret = st;
    return NULL;
}

static void unlink_lock(struct store *s, const char *name)
{
    char *lock_name = NULL;
    struct err *e = mem_asprintf(&lock_name, "%s" LOCK_SUFFIX, name);
    if (!e)
        unlinkat(s->root_fd, lock_name, 0);
    err_drop(e);
    mem_freep(&lock_name);
}

void store_staging_done(struct store *s, struct store_staging *st)
{
    st->dirfd = fd_close(st->dirfd);
    if (st->name && st->lock_fd >= 0) {
        struct err *e = file_remove_tree(s->root_fd, st->name);
        /* What could not be removed is unlocked now: the next clean-up tries again. */
        if (!e)
            unlink_lock(s, st->name);
        err_drop(e);
    }
    st->lock_fd = fd_close(st->lock_fd);
    mem_freep(&st->name);
    mem_freep(&st->path);
}

/* True when nobody holds staging/<name>; then the lock is ours, in *ret_lock (-1: there was no lock file). */
static bool is_abandoned(struct store *s, const char *name, int *ret_lock)
{
    AUTO_FREE char *lock_name = NULL;
    AUTO_ERR struct err *e = mem_asprintf(&lock_name, "staging/%s" LOCK_SUFFIX, name);
    if (e)
        return false;
    AUTO_FD int fd = openat(s->root_fd, lock_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT;
    e = file_lock(fd, true, false);
    if (e)
        return false;
    *ret_lock = TAKE_FD(fd);
    return true;
}

static struct err *clean_one(struct store *s, const char *entry)
{
    char name[NAME_MAX + 1];
    size_t len = strlen(entry);
    if (len > strlen(LOCK_SUFFIX) && strcmp(entry + len - strlen(LOCK_SUFFIX), LOCK_SUFFIX) == 0)
        len -= strlen(LOCK_SUFFIX);
    memcpy(name, entry, len);
    name[len] = '\0';

    AUTO_FD int lock = -1;
    if (!is_abandoned(s, name, &lock))
        return NULL;
    AUTO_FREE char *path = NULL;
    TRY(path_join(&path, "staging", name));
    TRY_WRAP(file_remove_tree(s->root_fd, path), "remove %s/%s", s->root, path);
    unlink_lock(s, path);
    return NULL;
}

struct err *store_clean_staging(struct store *s)
{
    int fd = openat(s->root_fd, "staging", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "open %s/staging", s->root);
    DIR *dir = fdopendir(fd);
    if (!dir) {
        fd_close(fd);
        return err_oom();
    }
    struct err *first = NULL;
    struct dirent *d;
    while ((d = readdir(dir))) {
        if (d->d_name[0] == '.')
            continue;
        struct err *e = clean_one(s, d->d_name);
        if (first)
            err_drop(e);
        else
            first = e;
    }
    closedir(dir);
    return first;
}
