/* Making a place for a session: the data directory, a session directory that works, and away with old ones. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/path.h"
#include "rootless/session.h"
#include "rootless/session_dir.h"
#include "rootless/session_wire.h"

#define HOST_FILE "host"
#define ELSEWHERE_FILE "elsewhere"
#define STALE_MAX 64

/* Sockets and flock are tried for real: a file system's name says little about either (NFS, Lustre, FUSE, 9p). */
static struct err *dir_try(int dir)
{
    char name[32];
    AUTO_FD int sock = -1;
    AUTO_FD int lock = -1;
    (void)snprintf(name, sizeof(name), "try.%d", getpid());
    struct err *e = msg_listen(dir, name, &sock);
    (void)unlinkat(dir, name, 0);
    if (e)
        return ERR_WRAP(e, "sockets do not work there");
    lock = openat(dir, SESSION_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0)
        return ERR_SYS(errno, "open its lock");
    if (flock(lock, LOCK_SH | LOCK_NB) < 0 && errno != EWOULDBLOCK)
        return ERR_SYS(errno, "flock does not work there");
    return NULL;
}

static struct err *dir_make(const struct session_place *p, const char *dir, int *ret)
{
    AUTO_FD int fd = -1;
    TRY(file_mkdirs(dir, 0700));
    TRY(session_dir_open(p, dir, &fd));
    TRY(dir_try(fd));
    *ret = TAKE_FD(fd);
    return NULL;
}

/* Which machine this directory belongs to: on a file system shared by several, the locks of another one may not be
 * seen here, so its directories are left alone. */
static struct err *dir_write_host(int dir)
{
    struct utsname u;
    if (uname(&u) < 0)
        return ERR_SYS(errno, "ask for the name of this machine");
    return file_write_atomic(dir, HOST_FILE, u.nodename, strlen(u.nodename), 0600, FILE_NOSYNC);
}

static struct err *dir_write_elsewhere(const struct session_place *p, const char *dir)
{
    AUTO_FD int fd = -1;
    TRY(session_dir_open(p, p->dir, &fd));
    return file_write_atomic(fd, ELSEWHERE_FILE, dir, strlen(dir), 0600, FILE_NOSYNC);
}

static struct err *dir_prepare_fallback(const struct session_place *p, struct err *take_why, char **ret_dir)
{
    AUTO_ERR struct err *why = take_why;
    AUTO_STRV struct strv dirs = STRV_INIT;
    TRY(session_place_fallbacks(p, &dirs));
    for (size_t i = 0; i < dirs.count; i++) {
        AUTO_FD int fd = -1;
        struct err *e = dir_make(p, dirs.items[i], &fd);
        if (!e)
            e = dir_write_host(fd);
        if (!e) {
            err_drop(dir_write_elsewhere(p, dirs.items[i])); /* a read-only place cannot hold it */
            return mem_strdup(dirs.items[i], ret_dir);
        }
        log_debug("session directory %s: %s", dirs.items[i], err_text(e));
        err_drop(e);
    }
    if (access("/proc/self/fd", F_OK) < 0)
        return ERR_NEW(ERR_UNSUPPORTED,
                       "no /proc is mounted here, without which nothing can be done; as root: mount -t proc "
                       "proc /proc (a new user namespace cannot mount one that is hidden)");
    return ERR_WRAP(TAKE_PTR(why), "no directory can hold the session; first tried %s", p->dir);
}

/* Root's containers' root owns root's data directory; what says so is the record of root's ids in it (root_range.c),
 * which only root can have made. Anybody else's directory is not taken over. */
static bool dir_is_roots(const char *root)
{
    AUTO_FREE char *ids = NULL;
    struct stat st;
    struct err *e = path_join(&ids, root, "ids");
    bool yes = !e && geteuid() == 0 && lstat(ids, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0;
    err_drop(e);
    return yes;
}

/* What people can do about it: another place. */
static struct err *dir_refused(const char *root, struct err *take_why)
{
    AUTO_ERR struct err *why = take_why;
    int errnum = err_errno(why);
    const char *text = errnum == EROFS    ? "its file system is mounted read-only"
                       : errnum == EACCES ? "this user may not write there, or a server that squashes ids refuses it"
                       : errnum == ENOLCK ? "its file system has no locks, without which commands would disturb each "
                                            "other: NFS without its lock daemon, Lustre mounted without flock"
                       : errnum == EPERM  ? "its file system or a security module refuses it"
                                          : NULL;
    if (!text)
        return ERR_WRAP(TAKE_PTR(why), "make data directory %s", root);
    return ERR_SYS_AS(
        err_kind(why), errnum,
        "data directory %s cannot be used (%s; name another one with --root, CORACLE_ROOT or CORACLE_HOME)", root,
        text);
}

struct err *session_dir_scratch(const char *dir, int *ret)
{
    static const char name[] = ".scratch";
    *ret = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*ret >= 0)
        return NULL;
    AUTO_FD int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    (void)unlinkat(fd, name, 0); /* of one who was killed */
    *ret = openat(fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int errnum = errno;
    (void)unlinkat(fd, name, 0);
    return *ret < 0 ? ERR_SYS(errnum, "make a file in %s", dir) : NULL;
}

/* flock(2): ENOLCK, or that there is no such thing. A session can live elsewhere then, but data cannot. */
static struct err *dir_check_locks(const char *root)
{
    AUTO_FD int fd = -1;
    struct err *e = session_dir_scratch(root, &fd);
    bool works = e || flock(fd, LOCK_EX | LOCK_NB) == 0 || errno == EWOULDBLOCK;
    err_drop(e); /* whoever wants to write there will say so */
    return works ? NULL : dir_refused(root, ERR_SYS_AS(ERR_UNSUPPORTED, ENOLCK, "lock a file"));
}

/* The data directory itself must be there and writable: nothing can take its place. */
static struct err *dir_prepare_root(const struct session_place *p)
{
    struct err *e = file_mkdirs(p->root, 0700);
    if (e)
        return dir_refused(p->root, e);
    struct stat st;
    if (stat(p->root, &st) < 0)
        return ERR_SYS(errno, "look at data directory %s", p->root);
    if (st.st_uid != geteuid() && !dir_is_roots(p->root))
        return ERR_NEW(ERR_DENIED, "data directory %s belongs to uid %u; name another one with --root", p->root,
                       st.st_uid);
    if (access(p->root, W_OK | X_OK) < 0)
        return dir_refused(p->root, ERR_SYS(errno, "write there"));
    return NULL;
}

struct err *session_dir_prepare(const struct session_place *p, char **ret_dir)
{
    AUTO_FD int fd = -1;
    TRY(dir_prepare_root(p));
    struct err *e = dir_make(p, p->dir, &fd);
    if (!e)
        e = dir_write_host(fd);
    if (!e && !path_is_below(p->dir, p->root))
        TRY(dir_check_locks(p->root));
    if (!e)
        return mem_strdup(p->dir, ret_dir);
    if (err_kind(e) == ERR_NO_SPACE || err_kind(e) == ERR_NO_MEMORY)
        return ERR_WRAP(e, "make session directory %s", p->dir);
    struct err *locks = dir_check_locks(p->root);
    if (locks) {
        err_drop(e);
        return locks;
    }
    return dir_prepare_fallback(p, e, ret_dir);
}

static bool stale_is_this_host(int dir)
{
    AUTO_FREE char *name = NULL;
    struct utsname u;
    struct err *e = file_read(dir, HOST_FILE, 256, &name, NULL);
    if (e) {
        err_drop(e);
        return false;
    }
    return uname(&u) == 0 && strcmp(name, u.nodename) == 0;
}

/* Its locks are taken in the order in which starters take them, so a session that is being made is never removed. */
static void stale_remove(int run, const char *name, bool same_boot)
{
    AUTO_FD int start = -1;
    AUTO_FD int lock = -1;
    AUTO_FD int dir = openat(run, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0 || (!same_boot && !stale_is_this_host(dir)))
        return;
    struct err *e = file_open_locked(dir, SESSION_START_LOCK, true, false, &start);
    if (!e)
        e = file_open_locked(dir, SESSION_LOCK, true, false, &lock);
    if (!e)
        e = file_remove_tree(run, name);
    if (e)
        log_debug("old session directory %s stays: %s", name, err_text(e));
    err_drop(e);
}

/* Boot ids are 36 characters, hex digits and dashes, maybe a dot and digits behind. */
static bool stale_looks_like_ours(const char *name)
{
    size_t n = strspn(name, "0123456789abcdef-");
    return n == 36 && (name[n] == '\0' || (name[n] == '.' && name[n + 1 + strspn(name + n + 1, "0123456789")] == '\0'));
}

/* The names first, then the removals: a directory that is read while it changes may skip entries. */
static struct err *stale_list(const struct session_place *p, DIR *run, struct strv *ret)
{
    const struct dirent *d;
    while (ret->count < STALE_MAX && (d = readdir(run))) {
        if (strcmp(d->d_name, p->boot_id) != 0 && stale_looks_like_ours(d->d_name))
            TRY(strv_add(ret, d->d_name));
    }
    return NULL;
}

void session_dir_remove_stale(const struct session_place *p)
{
    AUTO_FREE char *path = NULL;
    AUTO_STRV struct strv names = STRV_INIT;
    struct err *e = path_join(&path, p->dir, "..");
    DIR *run = e ? NULL : opendir(path);
    if (run) {
        e = stale_list(p, run, &names);
        for (size_t i = 0; !e && i < names.count; i++)
            stale_remove(dirfd(run), names.items[i], strncmp(names.items[i], p->boot_id, 36) == 0);
        (void)closedir(run);
    }
    err_drop(e);
}
