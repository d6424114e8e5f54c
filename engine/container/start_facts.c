/* Looking up what config.json needs to know: users, namespaces of other containers, limits, devices. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"
#include "base/proc.h"
#include "engine/container/internal.h"
#include "engine/container/security_opt.h"
#include "engine/container/start.h"
#include "engine/container/user.h"
#include "engine/engine.h"
#include "engine/monitor/ids.h"
#include "engine/monitor/scope.h"
#include "rootless/session.h"

#define SECCOMP_MAX ((size_t)4 << 20)
#define DEVICES_MAX 1024

/* --- users */

/* A file in the private directory; *ret is its path as the runtime will see it. */
static struct err *put_private(struct start *s, const char *name, const char *text, const char **ret)
{
    AUTO_FD int fd = openat(s->private_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || fchmod(fd, 0644) < 0)
        return ERR_SYS(errno, "create %s of the container", name);
    TRY(fd_write_all(fd, text, strlen(text)));
    return start_keep(s, ret, "%s/" MONITOR_PRIVATE "/%s", engine_run_dir(s->e), name);
}

/* The user as outside, for keep-id; names come from the host's passwd file, when it has them. */
static void describe_self(const struct session *session, struct start *s, struct user_self *ret)
{
    const struct passwd *pw = getpwuid(session->host_uid);
    uint32_t uid = session->host_uid, gid = session->host_gid;
    idmap_to_ct(&s->ct_uids, 0, &uid);
    idmap_to_ct(&s->ct_gids, 0, &gid);
    *ret = (struct user_self){
        .name = pw ? pw->pw_name : "user",
        .group = pw ? pw->pw_name : "user",
        .home = s->c->spec.workdir ? s->c->spec.workdir : "/",
        .gecos = pw ? pw->pw_gecos : "",
        .ct_uid = uid,
        .ct_gid = gid,
    };
}

/* Lines for --hostuser, as Podman writes them. */
static struct err *describe_host_users(const struct strv *names, struct strbuf *out)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct passwd *pw = getpwnam(names->items[i]);
        uint64_t uid = 0;
        struct err *e = pw ? NULL : number_parse_u64(names->items[i], UINT32_MAX, &uid);
        if (!pw && !e)
            pw = getpwuid((uid_t)uid);
        err_drop(e);
        if (!pw)
            return ERR_NEW(ERR_NOT_FOUND, "--hostuser: unknown user %s: no such user on this host", names->items[i]);
        TRY(strbuf_printf(out, "%s:*:%u:%u:%s:%s:/bin/sh\n", pw->pw_name, (unsigned)pw->pw_uid, (unsigned)pw->pw_gid,
                          strpbrk(pw->pw_gecos, ":\n") ? "" : pw->pw_gecos, "/"));
    }
    return NULL;
}

static struct err *settle_user(struct start *s)
{
    const struct container_spec *spec = &s->c->spec;
    AUTO_USER_DB struct user_db db = {0};
    AUTO_FREE char *passwd = NULL, *group = NULL, *own = NULL;
    struct user_self self;
    bool keep = container_spec_keeps_id(spec);
    const char *user = spec->user ? spec->user : s->config.user;
    TRY(user_db_read(s->root_fd, &db));
    if (keep) {
        describe_self(engine_session(s->e), s, &self);
        if (!spec->user) { /* as Podman: keep-id runs as the user unless told otherwise */
            TRY(mem_asprintf(&own, "%u:%u", self.ct_uid, self.ct_gid));
            user = own;
        }
    }
    struct err *err = user_resolve(&db, user ? user : "", &spec->group_add, &s->user);
    if (err && err_kind(err) == ERR_INVALID) { /* as Podman: found when the command is to be run, exit code 126 */
        struct err *told = ERR_NEW(ERR_CANNOT_EXEC, "%s", err_text(err));
        err_drop(err);
        return told;
    }
    TRY(err);
    for (size_t i = 0; i < s->device_groups.count; i++) {
        uint64_t gid = 0;
        TRY(number_parse_u64(s->device_groups.items[i], UINT32_MAX, &gid));
        TRY(oci_user_add_group(&s->user, (uint32_t)gid));
    }
    s->facts.user = &s->user;
    if (spec->no_passwd)
        return NULL;
    AUTO_STRBUF struct strbuf host_users = STRBUF_INIT;
    TRY(describe_host_users(&spec->host_users, &host_users));
    const struct user_additions add = {
        .self = keep ? &self : NULL,
        .workdir = spec->workdir,
        .entry = spec->passwd_entry,
        .group_entry = spec->group_entry,
        .more = strbuf_str(&host_users),
    };
    TRY(user_db_extend(&db, user ? user : "", &add, &passwd, &group));
    if (passwd)
        TRY(put_private(s, "passwd", passwd, &s->facts.passwd_path));
    return group ? put_private(s, "group", group, &s->facts.group_path) : NULL;
}

/* --- namespaces of other containers */

struct err *start_other(struct start *s, const char *id, pid_t *ret)
{
    struct container *c;
    TRY(container_find(s->e, id, &c));
    struct err *err = NULL;
    if (c->state != CT_RUNNING) {
        const struct container_start_opts opts = {.attach = false};
        err = ERR_WRAP(container_start(s->e, c, &opts, NULL), "start container %s, whose namespaces %s joins", c->name,
                       s->c->name);
    }
    *ret = c->host_pid;
    container_free(c);
    return err;
}

/* --requires: each runs, or has run. */
static struct err *start_required(struct start *s)
{
    const struct strv *all = &s->c->spec.requires;
    for (size_t i = 0; i < all->count; i++) {
        struct container *c;
        TRY(container_find(s->e, all->items[i], &c));
        const struct container_start_opts opts = {.attach = false};
        struct err *err = c->state == CT_RUNNING || c->state == CT_PAUSED
                              ? NULL
                              : ERR_WRAP(container_start(s->e, c, &opts, NULL), "start container %s, which %s requires",
                                         c->name, s->c->name);
        container_free(c);
        TRY(err);
    }
    return NULL;
}

static struct err *settle_namespaces(struct start *s)
{
    const struct container_spec *spec = &s->c->spec;
    const struct {
        const struct ns_spec *ns;
        const char *file;
        const char **ret;
    } all[] = {
        {&spec->network, "net", &s->facts.network_ns},
        {&spec->ipc, "ipc", &s->facts.ipc_ns},
        {&spec->pid, "pid", &s->facts.pid_ns},
        {&spec->uts, "uts", &s->facts.uts_ns},
        {&spec->cgroupns, "cgroup", &s->facts.cgroup_ns},
        {&spec->userns, "user", &s->facts.user_ns},
    };
    const char *known = NULL; /* mostly all are one container's */
    pid_t pid = 0;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i].ns->mode == NS_PATH && access(all[i].ns->arg, F_OK) < 0)
            return ERR_NEW(ERR_NOT_FOUND, "cannot find specified %s namespace path: stat %s: %s", all[i].file,
                           all[i].ns->arg, strerror(errno));
        if (all[i].ns->mode == NS_PATH)
            TRY(start_keep(s, all[i].ret, "%s", all[i].ns->arg));
        if (all[i].ns->mode != NS_CONTAINER)
            continue;
        if (!known || strcmp(known, all[i].ns->arg) != 0)
            TRY(start_other(s, all[i].ns->arg, &pid));
        known = all[i].ns->arg;
        TRY(start_keep(s, all[i].ret, "/proc/%d/ns/%s", (int)pid, all[i].file));
        if (all[i].ns == &spec->ipc)
            TRY(start_share_shm(s, pid));
        if (all[i].ns == &spec->network)
            TRY(start_share_files(s, known));
    }
    return NULL;
}

/* --- host */

/* --tz: "local", or a name below the host's zone files. */
static struct err *settle_timezone(struct start *s)
{
    const char *zone = s->c->spec.timezone;
    if (!zone || !*zone)
        return NULL;
    if (strcmp(zone, "local") == 0)
        return start_keep(s, &s->facts.localtime_path, "/etc/localtime");
    AUTO_FD int zones = open("/usr/share/zoneinfo", O_PATH | O_DIRECTORY | O_CLOEXEC), file = -1;
    struct stat st;
    struct err *err = zones < 0 ? ERR_SYS(errno, "open /usr/share/zoneinfo")
                                : path_open_in_root(zones, zone, O_PATH | O_CLOEXEC, 0, &file);
    if (!err && (fstat(file, &st) < 0 || !S_ISREG(st.st_mode)))
        err = ERR_NEW(ERR_INVALID, "not a zone file");
    if (err)
        return ERR_WRAP(err, "finding timezone for container %s: unknown time zone %s", s->c->id, zone);
    return start_keep(s, &s->facts.localtime_path, "/usr/share/zoneinfo/%s", zone);
}

static void settle_oom_score(struct start *s)
{
    AUTO_FREE char *text = NULL;
    struct err *err = file_read(AT_FDCWD, "/proc/self/oom_score_adj", 64, &text, NULL);
    if (!err) {
        text[strcspn(text, "\n")] = '\0';
        err = number_parse_i64(text, -1000, 1000, &s->facts.oom_score_adj);
    }
    err_drop(err); /* then 0, the usual one */
}

static void settle_limits(struct start *s)
{
    struct rlimit rl;
    if (getrlimit(RLIMIT_NOFILE, &rl) == 0)
        s->facts.rlimit_nofile_hard = rl.rlim_max;
    if (getrlimit(RLIMIT_NPROC, &rl) == 0)
        s->facts.rlimit_nproc_hard = rl.rlim_max;
}

/* Of the controllers that limits need, those that no delegation would bring. */
static struct err *list_lacking(struct start *s)
{
    static const char *const wanted[] = {"cpu", "cpuset", "io", "memory", "pids"};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!strv_contains(&s->cgroup->controllers, wanted[i]) && cgroup_kernel_lacks(wanted[i]))
            TRY(strv_add(&s->facts.cgroup_lacking, wanted[i]));
    return NULL;
}

/* In a scope: beside the monitor, wherever systemd put that. *ret_there is false when the monitor got none. */
static struct err *beside_monitor(struct start *s, bool *ret_there)
{
    AUTO_FREE char *path = NULL;
    TRY(cgroup_of(monitor_pid(s->monitor), &path));
    char *last = path ? strrchr(path, '/') : NULL;
    *ret_there = last && strcmp(last + 1, SCOPE_MONITOR) == 0;
    if (!*ret_there)
        return NULL;
    *last = '\0';
    return start_keep(s, &s->facts.cgroup_path, "%s/" SCOPE_CONTAINER, path);
}

static struct err *settle_cgroup_path(struct start *s)
{
    const struct container_spec *spec = &s->c->spec;
    bool there;
    if (strcmp(s->plan.cgroup_manager, "systemd") == 0 && !s->pod_cgroup) {
        TRY(beside_monitor(s, &there));
        s->facts.cgroup_writable = there;
        if (!there)
            s->facts.cgroup_why = "your systemd made no scope for the container (systemctl --user status)";
        return NULL;
    }
    const char *parent = spec->cgroup_parent ? spec->cgroup_parent : s->cgroup->path;
    if (s->pod_cgroup)
        return start_keep(s, &s->facts.cgroup_path, "%s/coracle-%s", s->pod_cgroup, s->c->id);
    if (parent && strcmp(parent, "/") == 0)
        parent = "";
    return start_keep(s, &s->facts.cgroup_path, "%s%s%s/coracle-%s", parent ? parent : "", spec->pod_cgroup ? "/" : "",
                      spec->pod_cgroup ? spec->pod_cgroup : "", s->c->id);
}

/* Where --pids-limit becomes a limit of the user's processes: those there are. */
static void count_processes(struct start *s)
{
    bool limited = s->facts.cgroup_writable && strv_contains(&s->facts.cgroup_controllers, "pids");
    DIR *proc = s->c->spec.res.pids_limit > 0 && !limited ? opendir("/proc") : NULL;
    for (const struct dirent *d; proc && (d = readdir(proc));) {
        struct stat st;
        if (d->d_name[0] >= '0' && d->d_name[0] <= '9' && fstatat(dirfd(proc), d->d_name, &st, 0) == 0 &&
            st.st_uid == 0)
            s->facts.user_processes++;
    }
    if (proc)
        (void)closedir(proc);
}

/* What cgroups take of limits. */
static struct err *settle_limits_of(struct start *s, const char *manager)
{
    s->facts.cgroup_v2 = s->cgroup->layout != CGROUP_NONE;
    s->facts.cgroup_writable = strcmp(manager, "disabled") != 0;
    s->facts.cgroup_why = s->cgroup->why;
    s->facts.cgroup_fix = s->cgroup->fix ? s->cgroup->fix : cgroup_controller_fix();
    return strv_copy(&s->cgroup->controllers, &s->facts.cgroup_controllers);
}

struct err *start_settle_limits(struct start *s)
{
    const char *manager, *cgroups = s->c->spec.cgroups;
    TRY(engine_cgroup_manager(s->e, cgroups && strcmp(cgroups, "disabled") == 0, &manager));
    TRY(settle_limits_of(s, manager));
    TRY(start_settle_throttles(s));
    return s->facts.cgroup_writable ? list_lacking(s) : NULL;
}

static struct err *settle_cgroup(struct start *s)
{
    const struct container_spec *spec = &s->c->spec;
    TRY(settle_limits_of(s, s->plan.cgroup_manager));
    count_processes(s);
    if (s->facts.cgroup_writable) {
        TRY(settle_cgroup_path(s));
        TRY(start_pod_limits(s));
        return list_lacking(s);
    }
    return spec->cgroup_parent
               ? engine_notice(s->e, "--cgroup-parent %s: no cgroup can be made here: %s", spec->cgroup_parent,
                               s->cgroup->why ? s->cgroup->why : "cgroups are disabled")
               : NULL;
}

static struct err *settle_seccomp(struct start *s)
{
    AUTO_SECURITY_OPTS struct security_opts opts = {0};
    AUTO_FREE char *text = NULL;
    TRY(security_opts_parse(&s->c->spec.security_opt, &opts));
    if (security_opts_image_profile(&opts, &s->c->spec)) { /* there: create.c */
        const char *profile = strv_env_get(&s->config.labels, SECCOMP_LABEL);
        return profile ? start_keep(s, &s->facts.seccomp_profile, "%s", profile) : NULL;
    }
    if (!opts.seccomp || strcmp(opts.seccomp, "unconfined") == 0)
        return NULL;
    TRY_WRAP(file_read(AT_FDCWD, opts.seccomp, SECCOMP_MAX, &text, NULL), "opening seccomp profile failed");
    return start_keep(s, &s->facts.seccomp_profile, "%s", text);
}

/* Nodes of the host's /dev that --privileged shows: those that the user may open. */
static struct err *add_devices(struct start *s, const char *dir, bool descend)
{
    static const char *const skipped[] = {"pts", "shm", "mqueue", "hugepages", "fd", "console", "ptmx", "core"};
    DIR *d = opendir(dir);
    struct err *err = NULL;
    if (!d)
        return NULL;
    for (struct dirent *de; !err && (de = readdir(d));) {
        AUTO_FREE char *path = NULL;
        struct stat st;
        bool skip = de->d_name[0] == '.' || strncmp(de->d_name, "tty", 3) == 0;
        for (size_t i = 0; i < ARRAY_LEN(skipped); i++)
            skip |= strcmp(de->d_name, skipped[i]) == 0;
        if (skip || s->facts.host_devices.count >= DEVICES_MAX)
            continue;
        err = mem_asprintf(&path, "%s/%s", dir, de->d_name);
        if (err || lstat(path, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && descend)
            err = add_devices(s, path, false);
        else if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && access(path, R_OK | W_OK) == 0)
            err = strv_add(&s->facts.host_devices, path);
    }
    closedir(d);
    return err;
}

/* The runtime would say it as if the command were missing. */
struct err *container_check_devices(const struct container_spec *spec)
{
    for (size_t i = 0; i < spec->n_devices; i++)
        if (access(spec->devices[i].host_path, F_OK) < 0)
            return ERR_NEW(ERR_NOT_FOUND, "stat %s: %s", spec->devices[i].host_path,
                           errno == ENOENT ? "no such file or directory" : strerror(errno));
    return NULL;
}

static struct err *settle_init(struct start *s)
{
    AUTO_FREE char *path = NULL;
    if (!s->c->spec.init && !s->c->spec.pause)
        return NULL;
    if (s->c->spec.init_path && !s->c->spec.pause)
        return start_keep(s, &s->facts.init_path, "%s", s->c->spec.init_path);
    TRY_WRAP(proc_find_helper(s->c->spec.pause ? "coracle-pause" : "coracle-init", &path),
             s->c->spec.pause ? "the process of a pod" : "--init");
    return start_keep(s, &s->facts.init_path, "%s", path);
}

static struct err *settle_ids(struct start *s)
{
    s->facts.ids = s->ids.ids;
    s->facts.ids_uninterrupted = s->ids.uninterrupted;
    if (s->ids.ids != SECCOMP_IDS_ASK)
        return NULL;
    return start_keep(s, &s->facts.ids_listener, "%s/" MONITOR_PRIVATE "/" IDS_SOCKET, engine_run_dir(s->e));
}

struct err *start_fill_facts(struct start *s)
{
    const struct session *session = engine_session(s->e);
    struct oci_facts *f = &s->facts;
    TRY(settle_user(s));
    TRY(start_required(s));
    TRY(settle_namespaces(s));
    settle_limits(s);
    settle_oom_score(s);
    TRY(settle_timezone(s));
    TRY(start_settle_rungs(s));
    TRY(start_settle_throttles(s)); /* also for a pod's cgroup, next */
    TRY(settle_cgroup(s));
    TRY(settle_seccomp(s));
    TRY(settle_init(s));
    TRY(container_check_devices(&s->c->spec));
    TRY(start_check_rdt(s));
    if (s->c->spec.privileged)
        TRY(add_devices(s, "/dev", true));
    f->container_id = s->c->id;
    TRY(start_keep(s, &f->rootfs, "%s/" MONITOR_ROOTFS, engine_run_dir(s->e)));
    f->mounts = s->mounts;
    f->n_mounts = s->n_mounts;
    f->session_uids = &session->uid_map;
    f->session_gids = &session->gid_map;
    f->ct_uids = s->own_userns ? &s->ct_uids : NULL;
    f->ct_gids = s->own_userns ? &s->ct_gids : NULL;
    f->allow_socketcall = s->image && strcmp(s->image->arch, "386") == 0;
    f->log_driver = s->c->spec.log_driver;
    return settle_ids(s);
}
