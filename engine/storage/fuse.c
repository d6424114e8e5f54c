/* coracle-overlay: for kernels and places where the kernel's overlay does not work.
 *
 * The program is started in this process's namespaces, mounts, answers, and goes on by itself: in a session of its own,
 * so that no Ctrl-C arrives there, and ending when the mount is gone or this process is (it watches a pidfd of it, or
 * of another one that is named; without that it would keep the mount namespace, and with it the mount, alive).
 *
 * It shall not become a child of ours: the monitor is the reaper of all that a container leaves, and waits for and
 * kills what is left at the end. So while it is started this process is none, and the orphan goes to the next one
 * above.
 *
 * Another program (mount_program of storage.conf: fuse-overlayfs) knows nothing of the pidfd, and ends when it is
 * unmounted; after a killed monitor it is found as a leftover of the container.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "engine/storage/driver.h"

#define FUSE_WATCH_FD 3 /* in the program */

/* A path in a list of mount options. */
static struct err *fuse_add_path(struct strbuf *sb, const char *path)
{
    for (; *path; path++) {
        if (strchr(",:\\", *path))
            TRY(strbuf_putc(sb, '\\'));
        TRY(strbuf_putc(sb, *path));
    }
    return NULL;
}

static struct err *fuse_add_lowers(const struct storage_mount *m, struct strbuf *sb)
{
    TRY(strbuf_puts(sb, "lowerdir="));
    if (m->rootfs)
        TRY(fuse_add_path(sb, m->rootfs));
    for (size_t i = m->layers.count; i > 0; i--) {
        AUTO_FREE char *lower = NULL;
        TRY(storage_lower_path(m->layers.items[i - 1], &lower));
        TRY(strbuf_printf(sb, "%s%s", i < m->layers.count ? ":" : "", lower));
    }
    if (m->mount_points) {
        TRY(strbuf_putc(sb, ':'));
        TRY(fuse_add_path(sb, m->mount_points));
    }
    return NULL;
}

/* `own`, which must be there, or container_dir/name, which is made if needed. */
static struct err *fuse_own_dir(const struct storage_mount *m, const char *own, const char *name, const char *like,
                                char **ret)
{
    TRY(own ? mem_strdup(own, ret) : path_join(ret, m->container_dir, name));
    if (!own)
        return bind_make_dir(*ret, like);
    AUTO_FD int fd = open(own, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? ERR_SYS(errno, "open %s", own) : NULL;
}

static struct err *fuse_add_own(const struct storage_mount *m, struct strbuf *sb)
{
    AUTO_FREE char *upper = NULL, *work = NULL, *like = NULL;
    if (m->rootfs)
        TRY(mem_strdup(m->rootfs, &like));
    else
        TRY(storage_layer_path(m, m->layers.items[m->layers.count - 1], &like));
    TRY(fuse_own_dir(m, m->upper, "upper", like, &upper));
    TRY(fuse_own_dir(m, m->work, "work", NULL, &work));
    TRY(strbuf_puts(sb, ",upperdir="));
    TRY(fuse_add_path(sb, upper));
    TRY(strbuf_puts(sb, ",workdir="));
    return fuse_add_path(sb, work);
}

/* Of a foreign program's mount the kernel is told afterwards. */
static struct err *fuse_add_flags(const struct storage_mount *m, struct strbuf *sb)
{
    if (m->read_only)
        TRY(strbuf_puts(sb, ",ro"));
    TRY(strbuf_puts(sb, m->flags & MS_NOSUID ? ",nosuid" : ",suid"));
    TRY(strbuf_puts(sb, m->flags & MS_NODEV ? ",nodev" : ",dev"));
    if (m->flags & MS_NOEXEC)
        TRY(strbuf_puts(sb, ",noexec"));
    if (m->flags & MS_NOATIME)
        TRY(strbuf_puts(sb, ",noatime"));
    if (m->flags & MS_NODIRATIME)
        TRY(strbuf_puts(sb, ",nodiratime"));
    return strbuf_printf(sb, ",watch_fd=%d", FUSE_WATCH_FD);
}

static struct err *fuse_options(const struct storage_mount *m, char **ret)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(fuse_add_lowers(m, &sb));
    if (m->container_dir)
        TRY(fuse_add_own(m, &sb));
    /* Never xattr_permissions: in a namespace with one id the kernel refuses others before we are asked. */
    if (m->is_volatile)
        TRY(strbuf_puts(&sb, ",volatile"));
    if (m->uid_map)
        TRY(strbuf_printf(&sb, ",uidmapping=%s", m->uid_map));
    if (m->gid_map)
        TRY(strbuf_printf(&sb, ",gidmapping=%s", m->gid_map));
    if (m->program_options)
        TRY(strbuf_printf(&sb, ",%s", m->program_options));
    if (!m->program)
        TRY(fuse_add_flags(m, &sb));
    return strbuf_take(&sb, ret);
}

/* What ends when this process does. Where pidfds are refused: a pipe, whose other end this process keeps. */
static struct err *fuse_watch_self(int *ret)
{
    int ends[2];
    AUTO_FD int fd = -1;
    TRY(proc_pidfd_open(getpid(), &fd));
    if (!proc_is_pollable(fd)) {
        if (pipe2(ends, O_CLOEXEC) < 0)
            return ERR_SYS(errno, "make a pipe");
        fd_close(fd);
        fd = ends[0]; /* the other one stays open on purpose: it is closed by our end */
    }
    *ret = TAKE_FD(fd);
    return NULL;
}

struct err *storage_start_server(const struct proc_opts *opts)
{
    AUTO_FREE char *said = NULL;
    int reaper = 0;
    if (prctl(PR_GET_CHILD_SUBREAPER, &reaper) < 0)
        reaper = 0;
    if (reaper)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 0);
    struct err *e = proc_output(opts, 4096, &said);
    if (reaper)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    return e;
}

static struct err *fuse_start(const struct storage_mount *m, const char *target, char *options)
{
    AUTO_FREE char *program = NULL, *to = NULL;
    if (m->program)
        TRY_WRAP(proc_find(m->program, &program), "mount_program %s", m->program);
    else
        TRY(proc_find_helper("coracle-overlay", &program));
    TRY(mem_strdup(target, &to));
    AUTO_FD int watch = -1;
    if (m->watch_fd <= 0)
        TRY(fuse_watch_self(&watch));
    char name[] = "coracle-overlay", option[] = "-o";
    char *const argv[] = {m->program ? program : name, option, options, to, NULL};
    const struct proc_fd fds[] = {{.from = watch < 0 ? m->watch_fd : watch, .to = FUSE_WATCH_FD}};
    const struct proc_opts opts = {
        .path = program,
        .argv = argv,
        .fds = fds,
        .n_fds = m->program ? 0 : ARRAY_LEN(fds),
        .cwd = m->rootfs ? "/" : m->layers_dir,
        .default_signals = true,
    };
    return storage_start_server(&opts);
}

struct err *fuse_mount(const struct storage_mount *m, const char *target)
{
    bool done = false;
    AUTO_FREE char *options = NULL;
    TRY(bind_trivial(m, target, &done));
    if (done)
        return NULL;
    TRY(fuse_options(m, &options));
    struct err *e = fuse_start(m, target, options);
    if (!e && m->program)
        e = bind_flags(target, m->flags, m->read_only);
    return ERR_WRAP(e, "mount with %s", m->program ? m->program : "coracle-overlay");
}
