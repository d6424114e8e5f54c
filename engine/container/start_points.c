/* A directory with what every container has something mounted on, as the lowest layer of all.
 *
 * Where an image lacks /etc/hosts, say, the runtime makes it before it mounts ours there, and the overlay copies up
 * /etc for that: half a millisecond of each start, and a change in the container that nobody made. With the empty file
 * in a layer below, there is nothing to make. An image that has something at these places hides it, as any upper layer
 * does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/store/store.h"

#define POINTS_DIR "mountpoints" /* below the data directory: one file system with the layers */
#define POINTS_FROM_LAYERS "../" POINTS_DIR
#define POINTS_MODE_DIR 0755
#define POINTS_MODE_FILE 0644

static const char *const points_dirs[] = {"dev", "etc", "proc", "run", "sys"};
static const char *const points_files[] = {"etc/hostname", "etc/hosts", "etc/resolv.conf", "run/.containerenv"};

static struct err *points_fill(int dirfd)
{
    for (size_t i = 0; i < ARRAY_LEN(points_dirs); i++) {
        if (mkdirat(dirfd, points_dirs[i], POINTS_MODE_DIR) < 0)
            return ERR_SYS(errno, "create directory %s", points_dirs[i]);
        if (fchmodat(dirfd, points_dirs[i], POINTS_MODE_DIR, 0) < 0) /* whatever the umask is */
            return ERR_SYS(errno, "set the mode of %s", points_dirs[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(points_files); i++) {
        AUTO_FD int fd = openat(dirfd, points_files[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, POINTS_MODE_FILE);
        if (fd < 0 || fchmod(fd, POINTS_MODE_FILE) < 0)
            return ERR_SYS(errno, "create %s", points_files[i]);
    }
    return fchmod(dirfd, POINTS_MODE_DIR) < 0 ? ERR_SYS(errno, "set the mode of " POINTS_DIR) : NULL;
}

/* By rename, so that it is whole or not there; who comes second finds it in its place. */
static struct err *points_make(struct store *st)
{
    struct store_staging staging = {.dirfd = -1, .lock_fd = -1};
    TRY(store_staging_new(st, &staging));
    struct err *e = points_fill(staging.dirfd);
    if (!e && renameat(store_root_fd(st), staging.name, store_root_fd(st), POINTS_DIR) < 0 && errno != EEXIST &&
        errno != ENOTEMPTY)
        e = ERR_SYS(errno, "move " POINTS_DIR " to its place");
    store_staging_done(st, &staging);
    return e;
}

/* With --no-hosts or --dns=none an image without these files shall not seem to have them. */
static bool points_serve(const struct start *s)
{
    const struct container_spec *spec = &s->c->spec;
    return strcmp(s->plan.root.driver, "copy") != 0 && s->plan.root.layers.count && !spec->no_hosts &&
           !strv_contains(&spec->dns, "none");
}

struct err *start_mount_points(struct start *s)
{
    struct store *st = engine_store(s->e);
    if (!points_serve(s))
        return NULL;
    if (!file_exists(store_root_fd(st), POINTS_DIR)) {
        struct err *e = points_make(st);
        if (e) { /* a full disk, say: then without */
            err_drop(e);
            return NULL;
        }
    }
    return mem_strdup(POINTS_FROM_LAYERS, &s->plan.root.mount_points);
}
