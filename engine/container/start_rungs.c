/* Hosts that refuse what a container usually has: a new /proc where an outer container covers parts of its own, pid
 * namespaces at their limit, … Nobody looks before a start has failed, so that other hosts pay nothing: then everything
 * is tried (rootless/rung.h), what was found is kept for the session, and the start is repeated a rung lower. That is
 * said once.
 *
 * What was asked for by a flag is never given up silently: it is an error with who refused. Networks and filters are
 * not given up by default either. */
#include <string.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/container/security_opt.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "rootless/session.h"

static enum rung_use use_of_ns(const struct ns_spec *ns)
{
    return ns->mode == NS_DEFAULT                               ? RUNG_BY_DEFAULT
           : ns->mode == NS_PRIVATE || ns->mode == NS_SHAREABLE ? RUNG_ASKED
                                                                : RUNG_UNUSED;
}

static enum rung_use use_of_proc(const struct container_spec *spec)
{
    for (size_t i = 0; i < spec->security_opt.count; i++)
        if (strncmp(spec->security_opt.items[i], "proc-opts", strlen("proc-opts")) == 0)
            return RUNG_ASKED;
    return spec->pid.mode == NS_HOST ? RUNG_UNUSED : RUNG_BY_DEFAULT;
}

static bool is_unconfined(const struct container_spec *spec)
{
    return spec->privileged || strv_contains(&spec->security_opt, "seccomp=unconfined");
}

/* Is there a network namespace of its own? */
static bool has_netns(const struct container_spec *spec)
{
    enum ns_mode mode = spec->network.mode;
    return mode != NS_HOST && mode != NS_CONTAINER && mode != NS_PATH;
}

enum rung_use start_rung_use(const struct container_spec *spec, enum rung r)
{
    bool netns = has_netns(spec);
    switch (r) {
    case RUNG_PID_NS:
        return use_of_ns(&spec->pid);
    case RUNG_IPC_NS:
        return use_of_ns(&spec->ipc);
    case RUNG_UTS_NS:
        return spec->hostname ? RUNG_ASKED : use_of_ns(&spec->uts);
    case RUNG_CGROUP_NS:
        return use_of_ns(&spec->cgroupns);
    case RUNG_PROC:
        return use_of_proc(spec);
    case RUNG_MQUEUE:
        return spec->ipc.mode == NS_HOST ? RUNG_UNUSED : RUNG_BY_DEFAULT;
    case RUNG_SYSCTL:
        return spec->sysctl.count ? RUNG_ASKED : netns ? RUNG_BY_DEFAULT : RUNG_UNUSED;
    case RUNG_SYSFS:
        return netns ? RUNG_BY_DEFAULT : RUNG_UNUSED;
    case RUNG_NET_NS:
        return netns ? RUNG_ASKED : RUNG_UNUSED;
    case RUNG_SECCOMP:
        return is_unconfined(spec) ? RUNG_UNUSED : RUNG_ASKED;
    case RUNG_COUNT:
    default:
        return RUNG_UNUSED;
    }
}

/* What a container is like without it; NULL: it cannot be done without. And what the user can say to do without. */
static const struct {
    const char *without, *flag;
} rung_texts[RUNG_COUNT] = {
    [RUNG_PID_NS] = {"containers see and can signal your other processes", "--pid host"},
    [RUNG_IPC_NS] = {"containers share System V IPC with your other processes", "--ipc host"},
    [RUNG_UTS_NS] = {"containers have the name of this host", "--uts host"},
    [RUNG_CGROUP_NS] = {"containers see the whole cgroup tree", "--cgroupns host"},
    [RUNG_NET_NS] = {NULL, "--network host"},
    [RUNG_PROC] = {"containers have the /proc of outside, where processes have other numbers", NULL},
    [RUNG_SYSFS] = {"containers have the /sys of outside", NULL},
    [RUNG_SYSCTL] = {"ping wants NET_RAW in containers", NULL},
    [RUNG_MQUEUE] = {"containers have no /dev/mqueue", NULL},
    [RUNG_SECCOMP] = {NULL, "--security-opt seccomp=unconfined"},
};

/* --- a start */

static struct err *refuse(enum rung r, int errnum, const char *flag)
{
    AUTO_FREE char *reason = NULL;
    TRY(rung_reason(r, errnum, &reason));
    return ERR_SYS_AS(ERR_UNSUPPORTED, errnum, "%s cannot be had here (%s)%s%s", rung_name(r), reason,
                      flag ? "; to do without: " : "", flag ? flag : "");
}

/* The first thing that this container cannot do without. */
static struct err *check_asked(const struct container_spec *spec, const struct rungs *r)
{
    for (unsigned i = 0; i < RUNG_COUNT; i++) {
        enum rung rung = (enum rung)i;
        if (!r->errnum[i] || start_rung_use(spec, rung) != RUNG_ASKED)
            continue;
        bool named = rung == RUNG_UTS_NS && spec->hostname;
        return refuse(rung, r->errnum[i], named ? "no --hostname" : rung_texts[i].flag);
    }
    return NULL;
}

static void apply(const struct rungs *r, struct oci_facts *f)
{
    const int *e = r->errnum;
    f->no_pid_ns = e[RUNG_PID_NS];
    f->no_ipc_ns = e[RUNG_IPC_NS];
    f->no_uts_ns = e[RUNG_UTS_NS];
    f->no_cgroup_ns = e[RUNG_CGROUP_NS];
    f->proc_mountable = !e[RUNG_PROC] && !e[RUNG_PID_NS];
    f->sys_mountable = !e[RUNG_SYSFS];
    f->sysctl_read_only = e[RUNG_SYSCTL];
    f->mqueue_mountable = !e[RUNG_MQUEUE] && !e[RUNG_IPC_NS];
}

struct err *start_settle_rungs(struct start *s)
{
    struct rungs r = {{0}};
    struct err *err = rungs_load(engine_run_dir(s->e), &r);
    if (err && err_kind(err) != ERR_NOT_FOUND)
        return err;
    apply(&r, &s->facts);
    if (err) { /* as on most hosts: nothing was refused so far */
        err_drop(err);
        return NULL;
    }
    return check_asked(&s->c->spec, &r);
}

/* --- after a failure */

static bool same_rungs(const struct rungs *a, const struct rungs *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* What costs something is said when it is found, and by doctor at any time. */
static struct err *tell(struct start *s, const struct rungs *r)
{
    for (unsigned i = 0; i < RUNG_COUNT; i++) {
        AUTO_FREE char *reason = NULL;
        enum rung rung = (enum rung)i;
        bool implied = (rung == RUNG_PROC && r->errnum[RUNG_PID_NS]) || (rung == RUNG_MQUEUE && r->errnum[RUNG_IPC_NS]);
        if (!r->errnum[i] || implied || !rung_texts[i].without || start_rung_use(&s->c->spec, rung) != RUNG_BY_DEFAULT)
            continue;
        TRY(rung_reason(rung, r->errnum[i], &reason));
        TRY(engine_notice(s->e, "%s cannot be had here, so %s (%s)", rung_name(rung), rung_texts[i].without, reason));
    }
    return NULL;
}

/* The driver copy binds a directory of the data directory, with that mount's flags; overlays are mounts of their own.
 */
static struct err *check_noexec(const struct start *s)
{
    struct statvfs vfs;
    const char *driver = s->plan.root.driver;
    if (!driver || strcmp(driver, "copy") != 0 || statvfs(engine_root(s->e), &vfs) < 0 || !(vfs.f_flag & ST_NOEXEC))
        return NULL;
    return ERR_NEW(
        ERR_CANNOT_EXEC,
        "the data directory %s is mounted noexec, and neither kernel overlay nor FUSE works here, so that no program "
        "of an image can run; name another one with --root, CORACLE_ROOT or CORACLE_HOME",
        engine_root(s->e));
}

/* With *ret_again the start can be repeated; else an error that says more than `why`, or NULL. */
static struct err *look(struct start *s, bool *ret_again)
{
    struct rungs before = {{0}}, now = {{0}};
    bool worse = false;
    TRY(check_noexec(s));
    err_drop(rungs_load(engine_run_dir(s->e), &before));
    TRY(rungs_probe(NULL, &now));
    for (unsigned i = 0; i < RUNG_COUNT; i++)
        worse = worse || (now.errnum[i] && start_rung_use(&s->c->spec, (enum rung)i) != RUNG_UNUSED);
    if (!worse)
        return NULL;
    TRY(check_asked(&s->c->spec, &now));
    if (same_rungs(&before, &now) || !ret_again)
        return NULL;
    TRY(rungs_save(engine_run_dir(s->e), &now));
    TRY(tell(s, &now));
    *ret_again = true;
    return NULL;
}

struct err *start_step_down(struct start *s, struct err *take_err, bool *ret_again)
{
    AUTO_ERR struct err *why = take_err;
    static const enum err_kind others[] = {ERR_NO_MEMORY, ERR_INVALID, ERR_NOT_FOUND, ERR_NO_COMMAND};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (err_kind(why) == others[i]) /* no refusal */
            return TAKE_PTR(why);
    struct err *found = look(s, ret_again);
    if (found)
        return found;
    return ret_again && *ret_again ? NULL : TAKE_PTR(why);
}
