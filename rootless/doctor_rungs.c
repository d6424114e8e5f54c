/* What a container may lack although user namespaces work (rung.h), and limits of this process. */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "rootless/doctor_internal.h"
#include "rootless/rung.h"

/* What the ladder says of a need is what was looked at and what it means. */
static struct err *rungs_judge(struct doctor_item *item, const struct rungs *r, const enum rung *which, size_t count,
                               enum doctor_state worst)
{
    AUTO_STRBUF struct strbuf missing = STRBUF_INIT;
    AUTO_FREE char *reason = NULL;
    const struct ladder *l = item->ladder;
    for (size_t i = 0; i < count; i++) {
        int errnum = r->errnum[which[i]];
        if (!errnum)
            continue;
        TRY(strbuf_printf(&missing, "%s%s", missing.len ? ", " : "", rung_name(which[i])));
        if (!reason)
            TRY(rung_reason(which[i], errnum, &reason));
    }
    DOCTOR_SET(item->probed, "%s", l->probe);
    if (!missing.len) {
        DOCTOR_SET(item->found, "%s", l->rungs[0].use);
        return NULL;
    }
    item->state = worst;
    DOCTOR_SET(item->found, "refused: %s", strbuf_str(&missing));
    if (worst == DOCTOR_MISSING)
        DOCTOR_SET(item->meaning, "%s", l->end);
    else
        DOCTOR_SET(item->meaning, "%s; lost: %s", l->rungs[1].use, l->rungs[1].lost);
    DOCTOR_SET(item->fix, "%s", reason);
    return NULL;
}

struct err *doctor_probe_net_ns(const struct doctor_opts *opts, struct doctor_item *item)
{
    static const enum rung which[] = {RUNG_NET_NS};
    return rungs_judge(item, opts->rungs, which, ARRAY_LEN(which), DOCTOR_MISSING);
}

struct err *doctor_probe_namespaces(const struct doctor_opts *opts, struct doctor_item *item)
{
    static const enum rung which[] = {RUNG_PID_NS, RUNG_IPC_NS, RUNG_UTS_NS, RUNG_CGROUP_NS};
    return rungs_judge(item, opts->rungs, which, ARRAY_LEN(which), DOCTOR_DEGRADED);
}

struct err *doctor_probe_proc(const struct doctor_opts *opts, struct doctor_item *item)
{
    static const enum rung which[] = {RUNG_PROC};
    return rungs_judge(item, opts->rungs, which, ARRAY_LEN(which), DOCTOR_DEGRADED);
}

struct err *doctor_probe_sysfs(const struct doctor_opts *opts, struct doctor_item *item)
{
    static const enum rung which[] = {RUNG_SYSFS};
    return rungs_judge(item, opts->rungs, which, ARRAY_LEN(which), DOCTOR_DEGRADED);
}

struct err *doctor_probe_sysctls(const struct doctor_opts *opts, struct doctor_item *item)
{
    static const enum rung which[] = {RUNG_SYSCTL};
    return rungs_judge(item, opts->rungs, which, ARRAY_LEN(which), DOCTOR_DEGRADED);
}

struct err *doctor_probe_seccomp(const struct doctor_opts *opts, struct doctor_item *item)
{
    static const enum rung which[] = {RUNG_SECCOMP};
    return rungs_judge(item, opts->rungs, which, ARRAY_LEN(which), DOCTOR_MISSING);
}

/* --- limits */

/* What a container with a network and a few processes takes, by a wide margin. */
static const struct {
    const char *name;
    int limit;
    rlim_t enough, least; /* below `least` not even one runs */
} limits_wanted[] = {
    {"RLIMIT_NOFILE", RLIMIT_NOFILE, 256, 48},
    {"RLIMIT_NPROC", RLIMIT_NPROC, 64, 8},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE, RLIM_INFINITY, (rlim_t)8 << 20},
};

struct err *doctor_probe_limits(const struct doctor_opts *opts, struct doctor_item *item)
{
    AUTO_STRBUF struct strbuf found = STRBUF_INIT;
    const struct ladder *l = item->ladder;
    (void)opts;
    DOCTOR_SET(item->probed, "%s", l->probe);
    for (size_t i = 0; i < ARRAY_LEN(limits_wanted); i++) {
        struct rlimit r;
        if (getrlimit((__rlimit_resource_t)limits_wanted[i].limit, &r) < 0)
            return ERR_SYS(errno, "read %s", limits_wanted[i].name);
        if (r.rlim_cur >= limits_wanted[i].enough)
            continue;
        if (item->state != DOCTOR_MISSING)
            item->state = r.rlim_cur < limits_wanted[i].least ? DOCTOR_MISSING : DOCTOR_DEGRADED;
        TRY(strbuf_printf(&found, "%s%s is %llu", found.len ? ", " : "", limits_wanted[i].name,
                          (unsigned long long)r.rlim_cur));
    }
    DOCTOR_SET(item->found, "%s", found.len ? strbuf_str(&found) : l->rungs[0].use);
    if (!found.len)
        return NULL;
    DOCTOR_SET(item->meaning, "%s", item->state == DOCTOR_MISSING ? l->end : l->rungs[1].lost);
    DOCTOR_SET(item->fix,
               "ulimit -n, -u, -f, as far as the hard limits go; an administrator: /etc/security/limits.conf, "
               "LimitNOFILE= and the like of a systemd unit");
    return NULL;
}
