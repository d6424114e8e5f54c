/* The namespaces of a job step; see hpc.h. Children made here are forks of a process with one thread, and end without
 * running anything else. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/container/hpc.h"
#include "engine/container/hpc_edits.h"
#include "engine/engine.h"
#include "engine/storage/storage.h"
#include "rootless/session.h"

#define HPC_ETC_MAX ((size_t)1 << 20)
#define HPC_ID_MAX 4294967294U

/* --- a child that makes a namespace, lives until that has a name, and then may do some work in it */

struct maker {
    pid_t pid;
    int said, go; /* our ends */
};

typedef struct err *(*maker_fn)(void *arg);

static _Noreturn void maker_child(maker_fn make, maker_fn work, void *arg, int say, int wait)
{
    char byte;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    err_drop(err_send(say, make(arg)));
    if (read(wait, &byte, 1) == 1 && work)
        err_drop(err_send(say, work(arg)));
    _exit(0);
}

static struct err *maker_hear(const struct maker *m)
{
    struct err *outcome = NULL;
    struct err *e = err_recv(m->said, &outcome);
    if (e)
        err_drop(outcome);
    return e ? e : outcome;
}

static struct err *maker_start(maker_fn make, maker_fn work, void *arg, struct maker *ret)
{
    int said[2], go[2];
    *ret = (struct maker){.pid = -1, .said = -1, .go = -1};
    if (pipe2(said, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    ret->said = said[0];
    AUTO_FD int say = said[1];
    if (pipe2(go, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    ret->go = go[1];
    AUTO_FD int wait = go[0];
    ret->pid = fork();
    if (ret->pid < 0)
        return ERR_SYS(errno, "start a process");
    if (ret->pid == 0) {
        (void)fd_close(ret->go);
        maker_child(make, work, arg, say, wait);
    }
    say = fd_close(say);
    return maker_hear(ret);
}

static struct err *maker_work(const struct maker *m)
{
    TRY(fd_write_all(m->go, "", 1));
    return maker_hear(m);
}

static void maker_end(struct maker *m)
{
    m->said = fd_close(m->said);
    m->go = fd_close(m->go);
    while (m->pid > 0 && waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    m->pid = -1;
}

/* Give the child's namespace the name `path`. */
static struct err *maker_name(const struct maker *m, const char *kind, const char *path)
{
    char from[64];
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYS(errno, "create %s", path);
    (void)snprintf(from, sizeof(from), "/proc/%d/ns/%s", (int)m->pid, kind);
    return mount(from, path, NULL, MS_BIND, NULL) < 0 ? ERR_SYS(errno, "keep the step's namespace (%s)", kind) : NULL;
}

/* --- the user namespace */

static struct err *new_user(void *arg)
{
    (void)arg;
    return unshare(CLONE_NEWUSER) < 0 ? ERR_SYS(errno, "make the step's user namespace") : NULL;
}

/* The session's 0, which is the user, is the user's own id; the others are what they are in the session. */
static struct err *own_map(uint32_t own, const struct idmap *session, struct idmap *ret)
{
    AUTO_IDMAP struct idmap m = {0};
    uint32_t n = idmap_contiguous(session);
    if (own > 0 && n > 1)
        TRY(idmap_add(&m, 1, 1, (own < n ? own : n) - 1));
    TRY(idmap_add(&m, own, 0, 1));
    if (own < HPC_ID_MAX && own + 1 < n)
        TRY(idmap_add(&m, own + 1, own + 1, n - own - 1));
    return idmap_cut(&m, session, ret);
}

static struct err *write_map(pid_t pid, const char *name, uint32_t own, const struct idmap *session)
{
    char path[64];
    AUTO_IDMAP struct idmap m = {0};
    AUTO_FREE char *text = NULL;
    TRY(own_map(own, session, &m));
    TRY(idmap_text(&m, &text));
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return ERR_SYS(errno, "write the step's %s", name);
    return NULL;
}

struct err *hpc_make_user(struct engine *e, const char *path)
{
    const struct session *s = engine_session(e);
    struct maker m;
    struct err *err = maker_start(new_user, NULL, NULL, &m);
    if (!err)
        err = write_map(m.pid, "uid_map", s->host_uid, &s->uid_map);
    if (!err)
        err = write_map(m.pid, "gid_map", s->host_gid, &s->gid_map);
    if (!err)
        err = maker_name(&m, "user", path);
    maker_end(&m);
    return err;
}

/* --- the root */

/* A place for a mount, made as far as it is missing. */
static struct err *mount_point(int root, const char *target, bool is_dir, int *ret)
{
    AUTO_FREE char *dir = NULL;
    AUTO_FD int parent = -1, made = -1;
    struct err *e = path_open_in_root(root, target, O_PATH, 0, ret);
    if (!e || err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_drop(e);
    if (is_dir)
        return path_mkdir_in_root(root, target, 0755, ret);
    TRY(mem_strndup(target, (size_t)(path_last(target) - target), &dir));
    TRY(path_mkdir_in_root(root, *dir ? dir : "/", 0755, &parent));
    made = openat(parent, path_last(target), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (made < 0)
        return ERR_SYS(errno, "create %s", target);
    return path_open_in_root(root, target, O_PATH, 0, ret);
}

static struct err *show(int root, const char *source, const char *target, bool read_only)
{
    struct stat st;
    AUTO_FD int place = -1;
    if (stat(source, &st) < 0)
        return ERR_SYS(errno, "%s", source);
    TRY(mount_point(root, target, S_ISDIR(st.st_mode), &place));
    return ERR_WRAP(storage_bind(source, place, read_only), "mount %s", target);
}

/* What a job finds where it would be without a container; what this host lacks is left out. */
static struct err *show_host(int root, const struct hpc_root *r)
{
    static const char *const host[] = {"/dev", "/proc", "/sys", "/tmp", "/var/tmp", "/etc/resolv.conf", "/etc/hosts"};
    for (size_t i = 0; i < ARRAY_LEN(host); i++) {
        if (access(host[i], F_OK) == 0)
            TRY(show(root, host[i], host[i], false));
    }
    const char *const own[] = {r->home, r->cwd};
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        bool inside = i && r->home && path_is_below(r->cwd, r->home);
        if (own[i] && !inside && strcmp(own[i], "/") != 0 && access(own[i], X_OK) == 0)
            TRY(show(root, own[i], own[i], false));
    }
    return NULL;
}

static struct err *show_mounts(int root, const struct container_spec *spec)
{
    for (size_t i = 0; i < spec->n_mounts; i++) {
        const struct mount_spec *m = &spec->mounts[i];
        if (m->type != MOUNT_BIND || m->overlay || m->chown || m->subpath || m->idmap)
            return ERR_NEW(ERR_UNSUPPORTED, "--hpc mounts directories and files of the host (%s is something else)",
                           m->target);
        TRY(show(root, m->source, m->target, m->read_only || strv_contains(&m->options, "ro")));
    }
    return NULL;
}

/* Names become lines of /etc/passwd. */
static const char *user_name(void)
{
    const char *name = getenv("USER");
    if (!name || !*name || strlen(name) > 64 || strpbrk(name, ":\n/ "))
        return "user";
    return name;
}

/* The image's file, with the user in it. */
static struct err *show_names(int root, const char *place, const char *name, const char *line, const char *id)
{
    AUTO_FREE char *text = NULL, *path = NULL, *inside = NULL, *field = NULL;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    AUTO_FD int fd = -1, out = -1;
    TRY(path_join(&inside, "/etc", name));
    struct err *e = path_open_in_root(root, inside, O_RDONLY | O_NONBLOCK, 0, &fd);
    if (!e)
        e = file_read_fd(fd, HPC_ETC_MAX, &text, NULL);
    err_drop(e); /* an image without: the user is all there is */
    TRY(mem_asprintf(&field, ":x:%s:", id));
    if (text && strstr(text, field))
        return NULL;
    TRY(strbuf_printf(&sb, "%s%s%s", text ? text : "", text && *text && text[strlen(text) - 1] != '\n' ? "\n" : "",
                      line));
    TRY(path_join(&path, place, name));
    out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (out < 0 || fchmod(out, 0644) < 0)
        return ERR_SYS(errno, "create %s", path);
    TRY(fd_write_all(out, sb.data, sb.len));
    return show(root, path, inside, false);
}

static struct err *show_user(int root, const char *place, const struct session *s, const char *home)
{
    AUTO_FREE char *user = NULL, *group = NULL, *uid = NULL, *gid = NULL;
    TRY(mem_asprintf(&uid, "%u", s->host_uid));
    TRY(mem_asprintf(&gid, "%u", s->host_gid));
    TRY(mem_asprintf(&user, "%s:x:%s:%s:%s:%s:/bin/sh\n", user_name(), uid, gid, user_name(), home ? home : "/"));
    TRY(mem_asprintf(&group, "%s:x:%s:\n", user_name(), gid));
    TRY(show_names(root, place, "passwd", user, uid));
    return show_names(root, place, "group", group, gid);
}

struct making {
    struct engine *e;
    const struct hpc_root *r;
    int watch, cpu;
};

/* The upper directory is in memory: it goes with the step, and no shared file system sees a write. */
static struct err *mount_root(const struct making *m, const char *work, const char *target)
{
    AUTO_FREE char *layers_dir = NULL;
    const char *driver;
    TRY(engine_storage_driver(m->e, &driver));
    TRY(path_join(&layers_dir, engine_root(m->e), "layers"));
    if (mkdir(work, 0700) < 0 || mkdir(target, 0755) < 0)
        return ERR_SYS(errno, "create %s", target);
    if (mount("none", work, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
        return ERR_SYS(errno, "mount a place for what is written");
    const struct storage_mount sm = {
        .driver = strcmp(driver, "copy") == 0 ? "overlay" : driver,
        .layers_dir = layers_dir,
        .layers = m->r->layers,
        .container_dir = work,
        .is_volatile = true,
        .may_change = true,
        .watch_fd = m->watch,
    };
    return ERR_WRAP(storage_mount(&sm, target), "mount the root file system");
}

static struct err *enter_root(int root, const char *target, bool read_only)
{
    if (read_only && mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
        return ERR_SYS(errno, "make the root file system read-only");
    if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        return ERR_SYS(errno, "enter the root file system");
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return ERR_SYS(errno, "let go of the host's mounts");
    return NULL;
}

static struct err *new_mounts(void *arg)
{
    const struct making *m = arg;
    cpu_set_t one, before;
    bool pinned = sched_getaffinity(0, sizeof(before), &before) == 0 && CPU_ISSET((size_t)m->cpu, &before);
    CPU_ZERO(&one);
    CPU_SET((size_t)m->cpu, &one);
    if (pinned)
        (void)sched_setaffinity(0, sizeof(one), &one);
    int r = unshare(CLONE_NEWNS);
    int errnum = errno;
    if (pinned)
        (void)sched_setaffinity(0, sizeof(before), &before);
    return r < 0 ? ERR_SYS(errnum, "make the step's mount namespace") : NULL;
}

static struct err *fill_mounts(void *arg)
{
    const struct making *m = arg;
    const struct hpc_root *r = m->r;
    AUTO_FREE char *work = NULL, *target = NULL;
    AUTO_FD int root = -1;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return ERR_SYS(errno, "make the step's mounts private");
    TRY(path_join(&work, r->place, "w"));
    TRY(path_join(&target, r->place, "root"));
    TRY(mount_root(m, work, target));
    root = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return ERR_SYS(errno, "open %s", target);
    TRY(show_host(root, r));
    TRY(show_user(root, work, engine_session(m->e), r->home));
    TRY(show_mounts(root, r->spec));
    TRY(hpc_edits_mount(r->edits, root, show));
    TRY(hpc_edits_run_hooks(r->edits, r->place, target));
    return enter_root(root, target, r->spec->read_only);
}

/* The kernel lets a mount keep a mount namespace only when that is younger than the one around (no cycles), and tells
 * so by numbers which since Linux 6.18 each processor has its own lot of: so it is tried on one after the other. */
static struct err *make_named(struct making *making, const char *name, struct maker *m)
{
    struct err *err = NULL;
    long cpus = sysconf(_SC_NPROCESSORS_CONF);
    for (making->cpu = 0; making->cpu < CPU_SETSIZE && (making->cpu == 0 || making->cpu < cpus); making->cpu++) {
        err_drop(err);
        err = maker_start(new_mounts, fill_mounts, making, m);
        if (!err)
            err = maker_name(m, "mnt", name);
        if (!err || err_errno(err) != EINVAL)
            return err;
        maker_end(m);
    }
    return err;
}

struct err *hpc_make_root(struct engine *e, const struct hpc_root *r)
{
    AUTO_FREE char *name = NULL;
    AUTO_FD int watch = -1;
    struct maker m = {.pid = -1, .said = -1, .go = -1};
    TRY(session_watch(engine_session(e), &watch));
    struct making making = {.e = e, .r = r, .watch = watch};
    TRY(path_join(&name, r->place, "mnt"));
    struct err *err = make_named(&making, name, &m);
    if (!err)
        err = maker_work(&m);
    if (err) /* nobody shall find it half made */
        (void)umount2(name, MNT_DETACH);
    maker_end(&m);
    return err;
}
