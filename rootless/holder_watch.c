#include "rootless/holder_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/msg.h"
#include "rootless/session_wire.h"

#define WATCH_EVENTS (IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

void holder_watch_done(struct holder_watch *w)
{
    w->inotify = fd_close(w->inotify);
    w->tmp_mount = fd_close(w->tmp_mount);
}

static void watch_lock(struct holder_watch *w, int lock)
{
    struct stat st;
    if (fstat(lock, &st) == 0) {
        w->lock_dev = st.st_dev;
        w->lock_ino = st.st_ino;
    }
}

void holder_watch_start(struct holder_watch *w, const char *dir, int dir_fd, int lock)
{
    struct stat st;
    w->dir = dir;
    watch_lock(w, lock);
    if (fstatat(dir_fd, SESSION_TMP, &st, AT_SYMLINK_NOFOLLOW) == 0)
        w->tmp_dev = st.st_dev;
    w->tmp_mount = (int)syscall(SYS_open_tree, dir_fd, SESSION_TMP, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    w->inotify = w->tmp_mount < 0 ? -1 : inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->inotify >= 0 && inotify_add_watch(w->inotify, fd_proc_path(dir_fd).s, WATCH_EVENTS) < 0)
        w->inotify = fd_close(w->inotify);
}

void holder_watch_drain(struct holder_watch *w)
{
    char events[sizeof(struct inotify_event) + NAME_MAX + 1] __attribute__((aligned(8)));
    while (read(w->inotify, events, sizeof(events)) > 0)
        ;
}

bool holder_watch_intact(const struct holder_watch *w)
{
    struct stat tmp, lock, sock;
    AUTO_FD int dir = open(w->dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return dir >= 0 && fstatat(dir, SESSION_TMP, &tmp, AT_SYMLINK_NOFOLLOW) == 0 && tmp.st_dev == w->tmp_dev &&
           fstatat(dir, SESSION_LOCK, &lock, AT_SYMLINK_NOFOLLOW) == 0 && lock.st_dev == w->lock_dev &&
           lock.st_ino == w->lock_ino && fstatat(dir, SESSION_SOCKET, &sock, AT_SYMLINK_NOFOLLOW) == 0;
}

struct err *holder_relock(int dir_fd, int *lock)
{
    struct stat mine, named;
    AUTO_FD int fresh = -1;
    if (fstat(*lock, &mine) == 0 && fstatat(dir_fd, SESSION_LOCK, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        mine.st_dev == named.st_dev && mine.st_ino == named.st_ino)
        return NULL;
    TRY(file_open_locked(dir_fd, SESSION_LOCK, true, false, &fresh));
    *lock = TAKE_FD(fresh); /* the old one stays open: its other holders have nothing else */
    return NULL;
}

/* A session that was started between the wiping and now has the place for itself. */
static struct err *watch_check_empty(int dir)
{
    AUTO_FD int conn = -1;
    struct err *e = msg_connect(dir, SESSION_SOCKET, &conn);
    if (!e)
        return ERR_NEW(ERR_IN_USE, "another session listens");
    if (err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_drop(e);
    return NULL;
}

static struct err *watch_mount_tmp(struct holder_watch *w, int dir)
{
    struct stat st;
    if (fstatat(dir, SESSION_TMP, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == w->tmp_dev)
        return NULL;
    if (mkdirat(dir, SESSION_TMP, 0700) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "make " SESSION_TMP);
    if (syscall(SYS_move_mount, w->tmp_mount, "", dir, SESSION_TMP, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return ERR_SYS(errno, "mount " SESSION_TMP " again");
    (void)fd_close(w->tmp_mount);
    w->tmp_mount = (int)syscall(SYS_open_tree, dir, SESSION_TMP, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return w->tmp_mount < 0 ? ERR_SYS(errno, "keep a second mount of " SESSION_TMP) : NULL;
}

struct err *holder_watch_restore(struct holder_watch *w, int *ret_dir, int *ret_start, int *ret_lock)
{
    AUTO_FD int dir = -1;
    AUTO_FD int start = -1;
    AUTO_FD int lock = -1;
    struct stat st;
    TRY(file_mkdirs(w->dir, 0700));
    dir = open(w->dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return ERR_SYS(errno, "open session directory %s", w->dir);
    TRY(file_open_locked(dir, SESSION_START_LOCK, true, false, &start));
    bool same = fstatat(dir, SESSION_LOCK, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == w->lock_dev &&
                st.st_ino == w->lock_ino;
    if (!same) {
        TRY(watch_check_empty(dir));
        TRY(file_open_locked(dir, SESSION_LOCK, true, false, &lock));
        watch_lock(w, lock);
    }
    TRY(watch_mount_tmp(w, dir));
    if (inotify_add_watch(w->inotify, fd_proc_path(dir).s, WATCH_EVENTS) < 0)
        return ERR_SYS(errno, "watch %s", w->dir);
    *ret_dir = TAKE_FD(dir);
    *ret_start = TAKE_FD(start);
    *ret_lock = TAKE_FD(lock);
    return NULL;
}
