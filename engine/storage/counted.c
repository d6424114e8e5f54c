#include "engine/storage/counted.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/mem.h"
#include "base/number.h"

#define COUNT_MAX 1000000

static struct err *read_count(int dirfd, uint64_t *ret)
{
    AUTO_FREE char *text = NULL;
    struct err *e = file_read(dirfd, "count", 32, &text, NULL);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        *ret = 0;
        return NULL;
    }
    TRY(e);
    return number_parse_u64(text, COUNT_MAX, ret);
}

static struct err *write_count(int dirfd, uint64_t count)
{
    AUTO_FREE char *text = NULL;
    TRY(mem_asprintf(&text, "%llu", (unsigned long long)count));
    return file_write_atomic(dirfd, "count", text, strlen(text), 0600, FILE_NOSYNC);
}

struct err *counted_mount(const char *dir, counted_fn fn, void *arg, char **ret_path)
{
    AUTO_FREE char *root = NULL;
    AUTO_FD int lock = -1;
    uint64_t count = 0;
    TRY(mem_asprintf(&root, "%s/root", dir));
    do { /* somebody may take it away between both */
        fd_close(lock);
        TRY(file_mkdirs(dir, 0700));
        struct err *error = file_open_locked(AT_FDCWD, dir, true, true, &lock);
        if (error && err_kind(error) != ERR_NOT_FOUND)
            return error;
        err_drop(error);
    } while (lock < 0);
    TRY(read_count(lock, &count));
    if (count >= COUNT_MAX)
        return ERR_NEW(ERR_NO_SPACE, "%s is mounted %d times", root, COUNT_MAX);
    if (mkdirat(lock, "root", 0755) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "create %s", root);
    if (count == 0)
        TRY(fn(arg, root));
    TRY(write_count(lock, count + 1));
    *ret_path = TAKE_PTR(root);
    return NULL;
}

static struct err *take_away(int lock, const char *dir, bool force)
{
    AUTO_FREE char *root = NULL;
    TRY(mem_asprintf(&root, "%s/root", dir));
    if (umount2(root, force ? MNT_DETACH : 0) < 0 && errno != EINVAL && errno != ENOENT) {
        if (errno == EBUSY)
            return ERR_NEW(ERR_IN_USE, "unmount %s: somebody works in it (--force detaches it all the same)", root);
        return ERR_SYS(errno, "unmount %s", root);
    }
    (void)unlinkat(lock, "count", 0);
    (void)unlinkat(lock, "root", AT_REMOVEDIR);
    (void)rmdir(dir);
    return NULL;
}

struct err *counted_unmount(const char *dir, bool force, bool *ret_was)
{
    AUTO_FD int lock = -1;
    uint64_t count = 0;
    *ret_was = false;
    if (access(dir, F_OK) < 0)
        return NULL;
    struct err *error = file_open_locked(AT_FDCWD, dir, true, true, &lock);
    if (error && err_kind(error) == ERR_NOT_FOUND) {
        err_drop(error);
        return NULL;
    }
    TRY(error);
    TRY(read_count(lock, &count));
    *ret_was = count > 0;
    return count > 1 && !force ? write_count(lock, count - 1) : take_away(lock, dir, force);
}

struct err *counted_list(const char *parent, struct strv *ret_ids)
{
    DIR *d = opendir(parent);
    const struct dirent *entry;
    struct err *error = NULL;
    if (!d)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "open %s", parent);
    while (!error && (entry = readdir(d)))
        if (ident_is_prefix(entry->d_name))
            error = strv_add(ret_ids, entry->d_name);
    closedir(d);
    if (!error)
        strv_sort(ret_ids);
    return error;
}

struct err *counted_path(const char *dir, char **ret)
{
    AUTO_FREE char *count = NULL;
    TRY(mem_asprintf(&count, "%s/count", dir));
    return access(count, F_OK) < 0 ? NULL : mem_asprintf(ret, "%s/root", dir);
}
