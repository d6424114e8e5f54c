#include "engine/monitor/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/mem.h"

#define LOCKFILE_TRY_MSEC 1
#define LOCKFILE_READER_TRIES 50     /* a reader has the lock for microseconds */
#define LOCKFILE_EXITING_TRIES 20000 /* unmounting may have to write gigabytes to a slow disk */

static struct err *dir_path(const char *run_dir, const char *id, char **ret)
{
    if (!ident_is_prefix(id))
        return ERR_NEW(ERR_INVALID, "\"%s\" is no container id", id);
    return mem_asprintf(ret, "%s/containers/%s", run_dir, id);
}

struct err *lockfile_open_dir(const char *run_dir, const char *id, int *ret_dir)
{
    AUTO_FREE char *path = NULL;
    TRY(dir_path(run_dir, id, &path));
    int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open %s", path);
    *ret_dir = fd;
    return NULL;
}

static void read_state(int lock_fd, struct monitor_state *ret)
{
    *ret = (struct monitor_state){.phase = MONITOR_PHASE_STARTING};
    struct monitor_state st;
    if (pread(lock_fd, &st, sizeof(st), 0) == (ssize_t)sizeof(st) && st.phase < MONITOR_PHASE_MAX)
        *ret = st;
}

struct err *lockfile_peek(int dir_fd, struct monitor_state *ret)
{
    *ret = (struct monitor_state){.phase = MONITOR_PHASE_NONE};
    AUTO_FD int fd = openat(dir_fd, LOCKFILE_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "open a container's lock");
    if (flock(fd, LOCK_SH | LOCK_NB) == 0)
        return NULL; /* closing lets go */
    if (errno != EWOULDBLOCK)
        return ERR_SYS(errno, "look at a container's lock");
    read_state(fd, ret);
    return NULL;
}

/* One attempt. *ret_done: taken, and it is still the file that others will find. *ret_tries: how often to try. */
static struct err *take_once(const char *path, struct lockfile *ret, bool *ret_done, unsigned *ret_tries)
{
    struct stat named, ours;
    struct monitor_state st;
    *ret_done = false;
    TRY(file_mkdirs(path, 0700));
    AUTO_FD int dir = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_FD int fd = dir < 0 ? -1 : openat(dir, LOCKFILE_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "create the lock in %s", path); /* being removed */
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return ERR_SYS(errno, "lock %s", path);
        read_state(fd, &st);
        if (st.phase == MONITOR_PHASE_EXITED)
            *ret_tries = LOCKFILE_EXITING_TRIES;
        return NULL;
    }
    if (fstatat(dir, LOCKFILE_NAME, &named, AT_SYMLINK_NOFOLLOW) < 0 || fstat(fd, &ours) < 0 ||
        named.st_ino != ours.st_ino)
        return NULL; /* the one before us removed it meanwhile */
    TRY(mem_strdup(path, &ret->path));
    ret->dir_fd = TAKE_FD(dir);
    ret->lock_fd = TAKE_FD(fd);
    *ret_done = true;
    return NULL;
}

struct err *lockfile_take(const char *run_dir, const char *id, struct lockfile *ret)
{
    AUTO_FREE char *path = NULL;
    TRY(dir_path(run_dir, id, &path));
    unsigned tries = LOCKFILE_READER_TRIES;
    for (unsigned i = 0; i < tries; i++) {
        bool done = false;
        TRY(take_once(path, ret, &done, &tries));
        if (done)
            return NULL;
        const struct timespec pause = {.tv_nsec = LOCKFILE_TRY_MSEC * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    return ERR_NEW(ERR_STATE, "container %.12s is already running", id);
}

struct err *lockfile_publish(const struct lockfile *l, const struct monitor_state *st)
{
    if (pwrite(l->lock_fd, st, sizeof(*st), 0) != (ssize_t)sizeof(*st))
        return ERR_SYS(errno, "publish the state of a container");
    return NULL;
}

void lockfile_release(struct lockfile *l)
{
    if (l->dir_fd >= 0) {
        static const char *const names[] = {LOCKFILE_SOCKET, LOCKFILE_CGROUP, LOCKFILE_NAME};
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            (void)unlinkat(l->dir_fd, names[i], 0);
        (void)rmdir(l->path);
    }
    l->lock_fd = fd_close(l->lock_fd);
    l->dir_fd = fd_close(l->dir_fd);
    mem_freep(&l->path);
}
