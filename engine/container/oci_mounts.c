/* "mounts": the file systems every container has, the files that are bound over the image's, devices, and the user's
 * own mounts. A mount of the user's replaces the default on the same place; one on /dev, /proc or /sys takes everything
 * below it.
 *
 * The order in the document is the order of mounting, so outer places come before inner ones; otherwise the order in
 * which they were added stays. Targets are names inside the root of an image, which is hostile: a link there must not
 * lead a mount out of it. That is the runtime's work (both open targets inside the root by descriptor); this file only
 * names them.
 *
 * What the kernel lets a user namespace mount depends on who owns the other namespaces: proc needs the pid namespace,
 * sysfs the network namespace, mqueue the IPC namespace, cgroup2 the cgroup namespace. Where the container only joins
 * one, or an outer container has covered parts of its own file system, the visible one is bound instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "engine/container/oci_internal.h"
#include "engine/monitor/notify.h"

enum { OPTIONS_MAX = 8, MOUNTS_MAX = 8192, NOTE_SIZE = 40 };
#define SHM_DEFAULT_BYTES (INT64_C(64) << 20)

/* All strings are borrowed; `more` comes behind `options`. */
struct mount {
    const char *target, *type, *source;
    const char *options[OPTIONS_MAX + 1];
    const struct strv *more;
};

struct mount_list {
    struct oci_build *b;
    struct mount *items;
    size_t count, cap;
    char shm_size[NOTE_SIZE], systemd_size[NOTE_SIZE];
    struct strv proc_options;
    struct strv targets; /* texts that items point to */
    struct err *err;     /* of add(): sticks */
};

static void list_done(struct mount_list *l)
{
    free(l->items);
    strv_done(&l->proc_options);
    strv_done(&l->targets);
    err_free(l->err);
}

/* Does one of the user's mounts take the place of a default at `target`? */
static bool is_users(const struct mount_list *l, const char *target)
{
    static const char *const trees[] = {"/dev", "/proc", "/sys"};
    const struct oci_facts *f = l->b->facts;
    for (size_t i = 0; i < f->n_mounts; i++) {
        const char *users = f->mounts[i].target;
        if (strcmp(users, target) == 0)
            return true;
        for (size_t k = 0; k < ARRAY_LEN(trees); k++)
            if (strcmp(users, trees[k]) == 0 && path_is_below(target, users))
                return true;
    }
    return false;
}

/* Failures stick in the list, so that the many calls of ADD need no checks of their own. */
static void push(struct mount_list *l, const struct mount *m)
{
    if (!l->err)
        l->err = mem_grow(&l->items, l->count, &l->cap, sizeof(*l->items), MOUNTS_MAX);
    if (!l->err)
        l->items[l->count++] = *m;
}

/* A default mount: nothing when the user has one there, or one of ours was there before. */
static void add(struct mount_list *l, const struct mount *m)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i].target, m->target) == 0)
            return;
    if (!is_users(l, m->target))
        push(l, m);
}

#define ADD(list, ...) add((list), &(struct mount){__VA_ARGS__})

/* Contents of the image's directory are copied up, so that an image's /run or /tmp stays what it was. `size`: an
 * option, or NULL. */
static void add_tmpfs(struct mount_list *l, const char *target, const char *size)
{
    ADD(l, target, "tmpfs", "tmpfs", {"rw", "rprivate", "nosuid", "nodev", "tmpcopyup", size});
}

/* proc shows the pid namespace, and can be mounted by who owns it; where that is not us, or an outer container has
 * covered parts of its own /proc (mount_too_revealing() in the kernel), the one we see is bound. */
static struct err *add_proc(struct mount_list *l)
{
    const struct oci_build *b = l->b;
    bool foreign = b->spec->pid.mode == NS_HOST || b->facts->no_pid_ns ||
                   (b->facts->ct_uids && b->facts->pid_ns && !b->facts->joins_userns);
    bool bound = foreign || !b->facts->proc_mountable;
    if (bound && b->sec.proc_opts && !b->facts->describe)
        return ERR_NEW(ERR_UNSUPPORTED, "--security-opt proc-opts=%s: a new /proc cannot be mounted here",
                       b->sec.proc_opts);
    if (bound) {
        ADD(l, "/proc", "bind", "/proc", {"rbind", "rprivate", "nosuid", "noexec", "nodev"});
        return NULL;
    }
    if (!b->sec.proc_opts) {
        ADD(l, "/proc", "proc", "proc", {"nosuid", "noexec", "nodev"});
        return NULL;
    }
    TRY(strv_split(b->sec.proc_opts, ',', &l->proc_options));
    ADD(l, "/proc", "proc", "proc", .more = &l->proc_options);
    return NULL;
}

/* The group of terminals is 5 everywhere. Where it is not mapped, devpts refuses the option; ttys then belong to the
 * user's group, and only programs that insist on group tty (wall, write) notice. */
static void add_dev(struct mount_list *l)
{
    uint32_t host = 0;
    const struct idmap *gids = oci_gid_map(l->b);
    bool tty_group = !gids || idmap_to_host(gids, 5, &host);
    ADD(l, "/dev", "tmpfs", "tmpfs", {"nosuid", "noexec", "strictatime", "mode=755", "size=65536k"});
    ADD(l, "/dev/pts", "devpts", "devpts",
        {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", tty_group ? "gid=5" : NULL});
}

/* /dev/mqueue and /dev/shm belong to the IPC namespace. */
static void add_ipc(struct mount_list *l)
{
    const struct oci_build *b = l->b;
    enum ns_mode mode = b->spec->ipc.mode;
    /* mqueue, too, is for who owns the namespace. */
    if (mode != NS_HOST && b->facts->mqueue_mountable &&
        !(b->facts->ct_uids && b->facts->ipc_ns && !b->facts->joins_userns))
        ADD(l, "/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"});
    if (mode == NS_NONE)
        return;
    const char *shared = b->facts->shm_path ? b->facts->shm_path : mode == NS_HOST ? "/dev/shm" : NULL;
    if (shared) {
        ADD(l, "/dev/shm", "bind", shared, {"bind", "rprivate", "nosuid", "noexec", "nodev"});
        return;
    }
    int64_t bytes = b->spec->shm_bytes ? b->spec->shm_bytes : SHM_DEFAULT_BYTES;
    snprintf(l->shm_size, sizeof(l->shm_size), "size=%lld", (long long)bytes);
    ADD(l, "/dev/shm", "tmpfs", "shm", {"rprivate", "nosuid", "noexec", "nodev", "mode=1777", l->shm_size});
}

/* Read-only, since much of sysfs ignores who writes as long as it is root in its own namespace. The cgroup file
 * system is mounted again on top, so that the container sees its own part only, with bound /sys too. */
static void add_sys(struct mount_list *l)
{
    const struct oci_build *b = l->b;
    const char *access = b->spec->privileged ? "rw" : "ro";
    if (b->bound_sys)
        ADD(l, "/sys", "bind", "/sys", {"rprivate", "nosuid", "noexec", "nodev", access, "rbind"});
    else
        ADD(l, "/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", access});
    if (!b->facts->cgroup_v2)
        return;
    if (b->systemd) {
        ADD(l, "/sys/fs/cgroup", "cgroup", "cgroup", {"private", "rw"});
        return;
    }
    bool writable = b->spec->privileged || oci_is_unmasked(b, "/sys/fs/cgroup");
    ADD(l, "/sys/fs/cgroup", "cgroup", "cgroup",
        {"rprivate", "nosuid", "noexec", "nodev", "relatime", writable ? "rw" : "ro"});
}

/* systemd's own first: with --read-only both lists name /run and /tmp, and add() keeps the first. */
static void add_tmpfs_defaults(struct mount_list *l)
{
    static const char *const systemd_dirs[] = {"/run", "/run/lock", "/tmp", "/var/log/journal"};
    static const char *const writable_dirs[] = {"/run", "/tmp", "/var/tmp"};
    int64_t bytes = l->b->spec->systemd_tmpfs_bytes;
    snprintf(l->systemd_size, sizeof(l->systemd_size), "size=%lld", (long long)bytes);
    for (size_t i = 0; i < ARRAY_LEN(systemd_dirs) && l->b->systemd; i++)
        add_tmpfs(l, systemd_dirs[i], bytes ? l->systemd_size : NULL);
    bool wanted = l->b->spec->read_only && !l->b->spec->no_read_only_tmpfs;
    for (size_t i = 0; i < ARRAY_LEN(writable_dirs) && wanted; i++)
        add_tmpfs(l, writable_dirs[i], NULL);
}

static void add_file(struct mount_list *l, const char *target, const char *source, bool follows_root)
{
    if (follows_root && l->b->spec->read_only)
        ADD(l, target, "bind", source, {"bind", "rprivate", "ro", "nosuid", "noexec", "nodev"});
    else
        ADD(l, target, "bind", source, {"bind", "rprivate"});
}

/* Files are bound, not copied into the root: a read-only root or a shared layer stays untouched, and a start writes
 * them anew. */
static void add_files(struct mount_list *l)
{
    const struct oci_facts *f = l->b->facts;
    const struct {
        const char *target, *source;
        bool follows_root; /* read-only with the root */
    } files[] = {
        {"/etc/hosts", f->hosts_path, true},
        {"/etc/hostname", f->hostname_path, true},
        {"/etc/resolv.conf", f->resolv_path, true},
        {"/etc/passwd", f->passwd_path, true},
        {"/etc/group", f->group_path, true},
        {"/etc/localtime", f->localtime_path, true},
        {"/run/.containerenv", f->containerenv_path, false},
        {"/run/secrets", f->secrets_dir, false},
        {NOTIFY_CT_DIR, f->notify_dir, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (!files[i].source)
            continue;
        add_file(l, files[i].target, files[i].source, files[i].follows_root);
        for (size_t k = 0; k < l->b->spec->chrootdirs.count && !l->err; k++) {
            l->err = strv_addf(&l->targets, "%s%s", l->b->spec->chrootdirs.items[k], files[i].target);
            if (!l->err)
                add_file(l, l->targets.items[l->targets.count - 1], files[i].source, files[i].follows_root);
        }
    }
    if (l->b->spec->init || l->b->spec->pause)
        ADD(l, l->b->spec->pause ? OCI_PAUSE_PATH : OCI_INIT_PATH, "bind", f->init_path, {"bind", "ro", "rprivate"});
}

/* noexec and nosuid cost nothing here, and a device directory given by name may hold more than devices. */
static void add_device(struct mount_list *l, const char *source, const char *target, const char *access)
{
    ADD(l, target, "bind", source, {"rprivate", "nosuid", "noexec", access, "rbind"});
}

/* In a user namespace nodes can't be made, so the host's are bound. The runtime brings the usual ones itself. */
static void add_devices(struct mount_list *l)
{
    static const char *const usual[] = {"/dev/null",    "/dev/zero", "/dev/full",    "/dev/random",
                                        "/dev/urandom", "/dev/tty",  "/dev/console", "/dev/ptmx"};
    const struct container_spec *s = l->b->spec;
    for (size_t i = 0; i < s->n_devices && !s->pause; i++)
        add_device(l, s->devices[i].host_path, s->devices[i].ct_path,
                   strchr(s->devices[i].permissions, 'w') ? "rw" : "ro");
    for (size_t i = 0; i < l->b->facts->host_devices.count && s->privileged; i++) {
        const char *path = l->b->facts->host_devices.items[i];
        bool skip = false;
        for (size_t k = 0; k < ARRAY_LEN(usual); k++)
            skip = skip || strcmp(path, usual[k]) == 0;
        if (!skip)
            add_device(l, path, path, "rw");
    }
}

/* As they are, and even where two are on one place: create refuses that, and volumes of images come without a flag. */
static void add_users(struct mount_list *l)
{
    const struct oci_facts *f = l->b->facts;
    for (size_t i = 0; i < f->n_mounts; i++) {
        const struct oci_mount *m = &f->mounts[i];
        push(l,
             &(struct mount){
                 .target = m->target, .type = m->type, .source = m->source ? m->source : m->type, .more = &m->options});
    }
}

static size_t depth(const char *path)
{
    size_t n = 0;
    for (; *path; path++)
        n += *path == '/' && path[1];
    return n;
}

/* Outer places first; otherwise the order stays (insertion: the list is short and mostly sorted). */
static void sort(struct mount_list *l)
{
    for (size_t i = 1; i < l->count; i++) {
        struct mount m = l->items[i];
        size_t d = depth(m.target), k = i;
        for (; k > 0 && depth(l->items[k - 1].target) > d; k--)
            l->items[k] = l->items[k - 1];
        l->items[k] = m;
    }
}

/* Both runtimes take "source" for every type, also where the kernel doesn't look at it. */
static void put_mount(struct jsonout *j, const struct mount *m)
{
    jsonout_open(j, NULL, '{');
    jsonout_str(j, "destination", m->target);
    jsonout_str(j, "type", m->type);
    jsonout_str(j, "source", m->source);
    jsonout_open(j, "options", '[');
    for (size_t i = 0; m->options[i]; i++)
        jsonout_str(j, NULL, m->options[i]);
    for (size_t i = 0; m->more && i < m->more->count; i++)
        jsonout_str(j, NULL, m->more->items[i]);
    jsonout_close(j, ']');
    jsonout_close(j, '}');
}

/* Collected first, since what the user mounts decides which defaults there are; then sorted; then written. */
struct err *oci_put_mounts(struct oci_build *b)
{
    __attribute__((cleanup(list_done))) struct mount_list l = {.b = b};
    TRY(add_proc(&l));
    add_dev(&l);
    add_ipc(&l);
    add_sys(&l);
    add_tmpfs_defaults(&l);
    add_files(&l);
    add_devices(&l);
    add_users(&l);
    if (l.err)
        return TAKE_PTR(l.err);
    sort(&l);
    jsonout_open(&b->out, "mounts", '[');
    for (size_t i = 0; i < l.count; i++)
        put_mount(&b->out, &l.items[i]);
    jsonout_close(&b->out, ']');
    return NULL;
}
