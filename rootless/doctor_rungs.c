/* What a container may lack although user namespaces work (rung.h), and limits of this process. */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "rootless/doctor_internal.h"
#include "rootless/rung.h"

/* What the ladder says of a need is what was looked at and what it means. */
struct err *doctor_probe_rungs(const struct doctor_opts *opts, struct doctor_item *item)
{
    AUTO_STRBUF struct strbuf missing = STRBUF_INIT;
    AUTO_FREE char *reason = NULL;
    const struct ladder *l = item->ladder;
    for (unsigned i = 0; i < RUNG_COUNT; i++) {
        int errnum = opts->rungs->errnum[i];
        if (!errnum || !rung_is_of((enum rung)i, item->need))
            continue;
        TRY(strbuf_printf(&missing, "%s%s", missing.len ? ", " : "", rung_name((enum rung)i)));
        if (!reason)
            TRY(rung_reason((enum rung)i, errnum, &reason));
    }
    DOCTOR_SET(item->probed, "%s", l->probe);
    if (!missing.len) {
        DOCTOR_SET(item->found, "%s", l->rungs[0].use);
        return NULL;
    }
    item->state = ladder_height(l) > 1 ? DOCTOR_DEGRADED : DOCTOR_MISSING;
    DOCTOR_SET(item->found, "refused: %s", strbuf_str(&missing));
    if (item->state == DOCTOR_MISSING)
        DOCTOR_SET(item->meaning, "%s", l->end);
    else
        DOCTOR_SET(item->meaning, "%s; lost: %s", l->rungs[1].use, l->rungs[1].lost);
    DOCTOR_SET(item->fix, "%s", reason);
    return NULL;
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
