/* Probes that really do it, in a child: a user and a mount namespace, and a mount of the storage driver in them. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "rootless/doctor_internal.h"
#include "rootless/session_dir.h"
#include "rootless/session_internal.h"
#include "userns/refused.h"

typedef struct err *(*try_fn)(const struct doctor_opts *opts, const char *root);

static struct err *try_write(const char *path, const char *text)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open %s", path);
    return ERR_WRAP(fd_write_all(fd, text, strlen(text)), "write %s", path);
}

static struct err *try_write_map(const char *path, unsigned id)
{
    AUTO_STRBUF struct strbuf map = STRBUF_INIT;
    TRY(strbuf_printf(&map, "0 %u 1", id));
    return try_write(path, strbuf_str(&map));
}

/* With this process's one id: what it takes is the same as for many. */
static struct err *try_enter_namespaces(void)
{
    unsigned uid = geteuid(), gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return refused_explain(REFUSED_CREATE, errno);
    struct err *e = try_write("/proc/self/setgroups", "deny");
    if (!e)
        e = try_write_map("/proc/self/uid_map", uid);
    if (!e)
        e = try_write_map("/proc/self/gid_map", gid);
    if (e) {
        int errnum = err_errno(e);
        err_drop(e);
        return refused_explain(REFUSED_MAP, errnum);
    }
    if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return refused_explain(REFUSED_MOUNT, errno);
    return NULL;
}

int doctor_enter(void)
{
    AUTO_ERR struct err *e = try_enter_namespaces();
    int errnum = e ? err_errno(e) : 0;
    return e && !errnum ? EPERM : errnum;
}

static struct err *try_tmpfs(const struct doctor_opts *opts, const char *root)
{
    (void)opts;
    (void)root;
    TRY(try_enter_namespaces());
    if (mount("coracle", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=1m") < 0)
        return refused_explain(REFUSED_MOUNT, errno);
    return NULL;
}

static struct err *try_overlay(const struct doctor_opts *opts, const char *root)
{
    TRY(try_enter_namespaces());
    return opts->storage_probe("overlay", root);
}

static struct err *try_fuse(const struct doctor_opts *opts, const char *root)
{
    TRY(try_enter_namespaces());
    return opts->storage_probe("fuse-overlay", root);
}

/* In a child whose outcome comes back through a pipe; its namespaces and mounts go with it. */
static struct err *try_in_child(const struct doctor_opts *opts, const char *root, try_fn fn, struct err **ret_outcome)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    AUTO_FD int reader = fds[0];
    AUTO_FD int writer = fds[1];
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYS(errno, "fork");
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        struct err *e = fn(opts, root);
        err_drop(err_send(writer, e));
        _exit(0);
    }
    writer = fd_close(writer);
    struct err *e = err_recv(reader, ret_outcome);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return ERR_WRAP(e, "the child that tried it ended early");
}

struct err *doctor_probe_userns(const struct doctor_opts *opts, struct doctor_item *item)
{
    AUTO_ERR struct err *outcome = NULL;
    DOCTOR_SET(item->probed, "made a user and a mount namespace, and mounted a tmpfs in them");
    TRY(try_in_child(opts, NULL, try_tmpfs, &outcome));
    if (!outcome) {
        DOCTOR_SET(item->found, "they work");
        return NULL;
    }
    item->state = DOCTOR_MISSING;
    DOCTOR_SET(item->found, "%s", err_text(outcome));
    DOCTOR_SET(item->meaning, "containers cannot run; registries, archives and inspection still work");
    DOCTOR_SET(item->fix, "what the line above names; see user_namespaces(7)");
    return NULL;
}

static struct err *try_copy(const struct doctor_opts *opts, const char *root)
{
    struct statvfs vfs;
    if (statvfs(root, &vfs) == 0 && vfs.f_flag & ST_NOEXEC)
        return ERR_NEW(ERR_UNSUPPORTED, "%s is mounted noexec", root);
    TRY(try_enter_namespaces());
    return opts->storage_probe("copy", root);
}

#define OVERLAY_FIX "Linux 5.11 or later and a data directory on ext4, xfs, btrfs or tmpfs (--root)"

/* Neither overlay works. */
static struct err *overlay_copies(const struct doctor_opts *opts, const struct session_place *place,
                                  struct doctor_item *item, struct err *fuse)
{
    AUTO_ERR struct err *outcome = NULL;
    TRY(try_in_child(opts, place->root, try_copy, &outcome));
    DOCTOR_SET(item->fix, OVERLAY_FIX);
    item->rung = 3;
    if (outcome) {
        item->state = DOCTOR_MISSING;
        DOCTOR_SET(item->meaning, "no storage driver works (fuse-overlay: %s; copy: %s)", err_text(fuse),
                   err_text(outcome));
        return NULL;
    }
    DOCTOR_SET(item->meaning,
               "the storage driver copies layers for each container: slower, and more disk (fuse-overlay: %s)",
               err_text(fuse));
    return NULL;
}

struct err *doctor_probe_overlay(const struct doctor_opts *opts, struct doctor_item *item)
{
    AUTO_PLACE struct session_place place = {0};
    AUTO_ERR struct err *outcome = NULL;
    AUTO_FREE char *dir = NULL;
    const struct session_opts so = {.root = opts->root, .runroot = opts->runroot};
    TRY(session_place_find(&so, &place));
    DOCTOR_SET(item->probed, "mounted an overlay below %s in a user namespace", place.root);
    TRY(session_dir_prepare(&place, &dir));
    TRY(try_in_child(opts, place.root, try_overlay, &outcome));
    if (!outcome) {
        DOCTOR_SET(item->found, "it works");
        return NULL;
    }
    item->state = DOCTOR_DEGRADED;
    DOCTOR_SET(item->found, "%s", err_text(outcome));
    err_freep(&outcome);
    TRY(try_in_child(opts, place.root, try_fuse, &outcome));
    item->rung = 2;
    if (outcome)
        return overlay_copies(opts, &place, item, outcome);
    DOCTOR_SET(item->meaning, "the storage driver is fuse-overlay, which works here: slower than the kernel's");
    DOCTOR_SET(item->fix, OVERLAY_FIX);
    return NULL;
}
