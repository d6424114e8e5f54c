/* Driver copy: the container's tree beside its image's; what differs is gathered in a directory, as a layer. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/override.h"
#include "base/path.h"
#include "engine/container/commit_internal.h"
#include "engine/container/rootfs.h"
#include "engine/image/treediff.h"

#define WHITEOUT_PREFIX ".wh."

/* The directory of the layer that `path` is in, with the attributes that it has in the container. */
static struct err *enter(const struct container_root *r, int to, const char *path, int *ret_from, int *ret_to)
{
    AUTO_FREE char *dir = NULL;
    AUTO_FD int from = -1, made = -1;
    struct stat st;
    TRY(mem_strndup(path, (size_t)(path_last(path) - path), &dir));
    const char *name = *dir ? dir : "/";
    TRY(path_open_in_root(r->upper_fd, name, O_RDONLY | O_DIRECTORY, 0, &from));
    TRY(path_mkdir_in_root(to, name, 0755, &made));
    *ret_to = openat(made, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_to < 0 || fstat(from, &st) < 0)
        return ERR_SYS(errno, "open %s", name);
    struct override o;
    if (override_read_fd(from, &o) && override_write_fd(*ret_to, &o))
        return ERR_SYS(errno, "record the owner of %s", name);
    *ret_from = TAKE_FD(from);
    return fchown(*ret_to, st.st_uid, st.st_gid) < 0 || fchmod(*ret_to, st.st_mode & 07777) < 0
               ? ERR_SYS(errno, "set owner and mode of %s", name)
               : NULL;
}

static struct err *gather_deleted(int to, const char *name)
{
    AUTO_FREE char *mark = NULL;
    TRY(mem_asprintf(&mark, WHITEOUT_PREFIX "%s", name));
    AUTO_FD int fd = openat(to, mark, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? ERR_SYS(errno, "create") : NULL;
}

static struct err *gather_one(const struct container_root *r, int to_root, const struct tree_change *change)
{
    AUTO_FD int from = -1, to = -1, self = -1, self_to = -1;
    AUTO_FREE char *below = NULL;
    struct stat st;
    const char *name = path_last(change->path);
    TRY(enter(r, to_root, change->path, &from, &to));
    if (change->kind == TREE_DELETED)
        return gather_deleted(to, name);
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "stat");
    if (S_ISDIR(st.st_mode)) { /* itself, as the parent of something in it */
        TRY(mem_asprintf(&below, "%s/.", change->path));
        return enter(r, to_root, below, &self, &self_to);
    }
    if (linkat(from, name, to, name, 0) < 0 && errno != EEXIST && errno != ENOENT)
        return ERR_SYS(errno, "link");
    return NULL;
}

/* A directory's time changes with what is linked into it. */
static struct err *set_time(const struct container_root *r, int to_root, const char *path)
{
    struct stat st;
    AUTO_FD int from = -1, to = -1;
    TRY(path_open_in_root(r->upper_fd, path, O_PATH | O_NOFOLLOW, 0, &from));
    if (fstat(from, &st) < 0 || !S_ISDIR(st.st_mode))
        return NULL;
    TRY(path_open_in_root(to_root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &to));
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    return futimens(to, times) < 0 ? ERR_SYS(errno, "set times") : NULL;
}

struct err *commit_gather(const struct container_root *r, int to_dirfd)
{
    AUTO_TREE_CHANGES struct tree_changes changes = {0};
    TRY(container_changes(r, &changes));
    for (size_t i = 0; i < changes.count; i++)
        TRY_WRAP(gather_one(r, to_dirfd, &changes.items[i]), "%s", changes.items[i].path);
    for (size_t i = 0; i < changes.count; i++)
        if (changes.items[i].kind != TREE_DELETED)
            TRY_WRAP(set_time(r, to_dirfd, changes.items[i].path), "%s", changes.items[i].path);
    return set_time(r, to_dirfd, "/");
}
