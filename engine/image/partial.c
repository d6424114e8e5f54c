#include "engine/image/partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/store/digest.h"

#define DIR_NAME "partial"
#define AGE_MAX_SEC ((time_t)7 * 24 * 3600)

static struct err *make_dir(struct store *s)
{
    if (mkdirat(store_root_fd(s), DIR_NAME, 0700) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "create %s/" DIR_NAME, store_root(s));
    return NULL;
}

/* A file that is locked and has this one name; -1 when somebody else has it. */
static int open_alone(struct store *s, const char *path, struct stat *st)
{
    AUTO_FD int fd = openat(store_root_fd(s), path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    struct err *e = file_lock(fd, true, false);
    err_drop(e);
    if (e || fstat(fd, st) < 0 || !S_ISREG(st->st_mode))
        return -1;
    if (st->st_nlink == 1)
        return TAKE_FD(fd);
    if (st->st_nlink > 1) /* it is a blob already: that one is never written again */
        (void)unlinkat(store_root_fd(s), path, 0);
    return -1;
}

struct err *partial_open(struct store *s, const char *digest, uint64_t size_bytes, struct partial *ret)
{
    AUTO_FREE char *path = NULL;
    struct stat st = {0};
    TRY(make_dir(s));
    TRY(mem_asprintf(&path, DIR_NAME "/%s", digest_hex(digest)));
    int fd = open_alone(s, path, &st);
    if (fd < 0)
        return NULL;
    if ((uint64_t)st.st_size > size_bytes) {
        if (ftruncate(fd, 0) < 0) {
            fd_close(fd);
            return ERR_SYS(errno, "truncate %s", path);
        }
        st.st_size = 0;
    }
    *ret = (struct partial){.path = TAKE_PTR(path), .fd = fd, .have_bytes = (uint64_t)st.st_size};
    return NULL;
}

void partial_done(struct store *s, struct partial *p, bool remove)
{
    struct stat st;
    if (p->fd >= 0 && (remove || (fstat(p->fd, &st) == 0 && st.st_size == 0)))
        (void)unlinkat(store_root_fd(s), p->path, 0);
    p->fd = fd_close(p->fd);
    mem_freep(&p->path);
}

/* A second name of a blob that is in its place, which nobody fills any more. */
static bool is_blob_already(int dirfd, const char *name)
{
    struct stat st;
    AUTO_FD int fd = openat(dirfd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct err *e = fd < 0 ? NULL : file_lock(fd, true, false);
    bool ours = fd >= 0 && !e;
    err_drop(e);
    return ours && fstat(fd, &st) == 0 && st.st_nlink > 1;
}

void partial_clean(struct store *s)
{
    int fd = openat(store_root_fd(s), DIR_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *d;
    if (!dir) {
        fd_close(fd);
        return;
    }
    while ((d = readdir(dir))) {
        struct stat st;
        if (d->d_name[0] != '.' && fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            (st.st_mtime < time(NULL) - AGE_MAX_SEC || (st.st_nlink > 1 && is_blob_already(fd, d->d_name))))
            (void)unlinkat(fd, d->d_name, 0);
    }
    closedir(dir);
}

struct err *partial_lock(struct store *s, const char *digest, int *ret_fd)
{
    AUTO_FREE char *path = NULL;
    TRY(make_dir(s));
    TRY(mem_asprintf(&path, DIR_NAME "/%s.lock", digest_hex(digest)));
    return file_open_locked(store_root_fd(s), path, true, true, ret_fd);
}

void partial_unlock(struct store *s, const char *digest, int fd)
{
    AUTO_FREE char *path = NULL;
    struct err *e = mem_asprintf(&path, DIR_NAME "/%s.lock", digest_hex(digest));
    if (!e) /* while it is ours: who waits for it finds that the name is gone, and makes a new one */
        (void)unlinkat(store_root_fd(s), path, 0);
    err_drop(e);
    fd_close(fd);
}
