/* linux.resources. Limits are those of cgroup v2; one that cannot be applied is left out, and a notice says which
 * controller is missing and what an administrator would do: a container without a limit runs, one with a limit that the
 * runtime refuses doesn't. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "engine/container/oci_internal.h"

#define CPU_PERIOD_USEC 100000
#define PIDS_DEFAULT 2048

/* Version 1 controllers are never delegated to a user, so only version 2 counts. */
static bool has_controller(const struct oci_facts *f, const char *name)
{
    return f->cgroup_v2 && f->cgroup_writable && strv_contains(&f->cgroup_controllers, name);
}

/* --cgroups=disabled: the container stays in the caller's cgroup, and nothing can be set there. */
static bool is_disabled(const struct container_spec *s)
{
    return s->cgroups && strcmp(s->cgroups, "disabled") == 0;
}

bool oci_has_controller(const struct oci_build *b, const char *name)
{
    return !is_disabled(b->spec) && has_controller(b->facts, name);
}

/* What takes its place: oci_process.c. */
static const char *weaker(const struct oci_build *b, const char *controller)
{
    if (strcmp(controller, "memory") == 0 && b->spec->res.memory_bytes > 0)
        return "; instead each process alone may have that much memory of its own (RLIMIT_DATA), which is weaker";
    if (strcmp(controller, "pids") == 0 && b->spec->res.pids_limit > 0)
        return "; instead so many processes more than now may be this user's (RLIMIT_NPROC), which is weaker";
    return "";
}

/* Why a limit cannot be applied, and who can change that: the runtime would only say "no such file". */
static struct err *tell_unusable(struct oci_build *b, const char *controller, const char *flags)
{
    const struct oci_facts *f = b->facts;
    if (is_disabled(b->spec))
        return strv_addf(b->notices, "%s: not applied, since --cgroups=disabled was given%s", flags,
                         weaker(b, controller));
    if (!f->cgroup_v2 || !f->cgroup_writable)
        return strv_addf(b->notices, "%s: not applied, since %s; %s%s", flags,
                         f->cgroup_why ? f->cgroup_why : "cgroups are disabled", f->cgroup_fix ? f->cgroup_fix : "",
                         weaker(b, controller));
    if (strv_contains(&f->cgroup_lacking, controller))
        return strv_addf(b->notices,
                         "%s: not applied, since this kernel has no cgroup controller \"%s\", or it was switched off "
                         "(cgroup_disable= on its command line)%s",
                         flags, controller, weaker(b, controller));
    return strv_addf(b->notices,
                     "%s: not applied, since the cgroup controller \"%s\" is not delegated to this user; %s%s", flags,
                     controller, f->cgroup_fix ? f->cgroup_fix : "", weaker(b, controller));
}

/* Is `controller` there? If not, and something was asked of it, tell. */
static bool usable(struct oci_build *b, const char *controller, const char *flags, bool asked)
{
    if (!asked)
        return false;
    if (!is_disabled(b->spec) && has_controller(b->facts, controller))
        return true;
    if (b->notices)
        jsonout_fail(&b->out, tell_unusable(b, controller, flags));
    return false;
}

/* Limits that existed in version 1 and have no counterpart. */
static void tell_missing(struct oci_build *b, const char *flag, bool asked)
{
    if (asked && b->notices)
        jsonout_fail(&b->out, strv_addf(b->notices, "%s: not applied, since cgroup v2 has no such limit", flag));
}

/* "swap" is memory and swap together, as in version 1; both runtimes subtract. */
static void put_memory(struct oci_build *b)
{
    const struct resource_spec *r = &b->spec->res;
    bool asked = r->memory_bytes || r->memory_reservation_bytes || r->memory_swap_bytes;
    tell_missing(b, "--memory-swappiness", r->memory_swappiness >= 0);
    tell_missing(b, "--oom-kill-disable", r->oom_kill_disable);
    if (!usable(b, "memory", "--memory", asked))
        return;
    /* Twice the memory, when nothing was said: memory and as much swap. */
    int64_t swap = r->memory_swap_bytes;
    if (swap == 0 && r->memory_bytes > 0)
        swap = r->memory_bytes > INT64_MAX / 2 ? -1 : r->memory_bytes * 2;
    jsonout_open(&b->out, "memory", '{');
    if (r->memory_bytes)
        jsonout_int(&b->out, "limit", r->memory_bytes);
    if (r->memory_reservation_bytes)
        jsonout_int(&b->out, "reservation", r->memory_reservation_bytes);
    if (swap)
        jsonout_int(&b->out, "swap", swap);
    jsonout_close(&b->out, '}');
}

/* Shares are turned into a weight by the runtime. --cpus is a quota per 100 ms. */
static void put_cpu(struct oci_build *b)
{
    const struct resource_spec *r = &b->spec->res;
    bool time = r->cpus > 0 || r->cpu_period || r->cpu_quota || r->cpu_shares;
    bool sets = r->cpuset_cpus || r->cpuset_mems;
    tell_missing(b, "--cpu-rt-period and --cpu-rt-runtime", r->cpu_rt_period || r->cpu_rt_runtime);
    bool cpu = usable(b, "cpu", "--cpus, --cpu-shares, --cpu-quota", time);
    bool cpuset = usable(b, "cpuset", "--cpuset-cpus, --cpuset-mems", sets);
    if (!cpu && !cpuset)
        return;
    jsonout_open(&b->out, "cpu", '{');
    if (cpu && r->cpu_shares)
        jsonout_int(&b->out, "shares", r->cpu_shares);
    if (cpu && r->cpus > 0) {
        jsonout_int(&b->out, "quota", (int64_t)(r->cpus * CPU_PERIOD_USEC + 0.5));
        jsonout_int(&b->out, "period", CPU_PERIOD_USEC);
    }
    if (cpu && r->cpu_quota)
        jsonout_int(&b->out, "quota", r->cpu_quota);
    if (cpu && r->cpu_period)
        jsonout_int(&b->out, "period", r->cpu_period);
    if (cpuset && r->cpuset_cpus)
        jsonout_str(&b->out, "cpus", r->cpuset_cpus);
    if (cpuset && r->cpuset_mems)
        jsonout_str(&b->out, "mems", r->cpuset_mems);
    jsonout_close(&b->out, '}');
}

/* A default that is nobody's wish is left out silently where it can't be. */
static void put_pids(struct oci_build *b)
{
    int64_t limit = b->spec->res.pids_limit;
    bool by_default = limit == 0;
    if (by_default && (is_disabled(b->spec) || !has_controller(b->facts, "pids")))
        return;
    if (limit < 0 || !usable(b, "pids", "--pids-limit", true))
        return;
    jsonout_open(&b->out, "pids", '{');
    jsonout_int(&b->out, "limit", by_default ? PIDS_DEFAULT : limit);
    jsonout_close(&b->out, '}');
}

/* Limits of one kind, by the devices' numbers. */
static void put_throttles(struct oci_build *b, const char *key, enum throttle_kind kind)
{
    bool any = false;
    for (size_t i = 0; i < b->facts->n_throttles; i++) {
        const struct oci_throttle *t = &b->facts->throttles[i];
        if (t->kind != kind)
            continue;
        if (!any)
            jsonout_open(&b->out, key, '[');
        any = true;
        jsonout_open(&b->out, NULL, '{');
        jsonout_int(&b->out, "major", t->major);
        jsonout_int(&b->out, "minor", t->minor);
        jsonout_u64(&b->out, kind == THROTTLE_WEIGHT ? "weight" : "rate", t->rate);
        jsonout_close(&b->out, '}');
    }
    if (any)
        jsonout_close(&b->out, ']');
}

/* The io controller; a weight needs the bfq scheduler, which the runtime finds out. */
static void put_blkio(struct oci_build *b)
{
    static const char *const keys[] = {
        [THROTTLE_WEIGHT] = "weightDevice",
        [THROTTLE_READ_BPS] = "throttleReadBpsDevice",
        [THROTTLE_WRITE_BPS] = "throttleWriteBpsDevice",
        [THROTTLE_READ_IOPS] = "throttleReadIOPSDevice",
        [THROTTLE_WRITE_IOPS] = "throttleWriteIOPSDevice",
    };
    int64_t weight = b->spec->res.blkio_weight;
    bool devices = false;
    for (int kind = 0; kind < THROTTLE_KINDS; kind++)
        devices = devices || spec_throttles(&b->spec->res, (enum throttle_kind)kind)->count > 0;
    const char *flags =
        devices ? "--blkio-weight, --blkio-weight-device, --device-read-bps and its kin" : "--blkio-weight";
    if (!usable(b, "io", flags, weight > 0 || devices))
        return;
    jsonout_open(&b->out, "blockIO", '{');
    if (weight > 0)
        jsonout_int(&b->out, "weight", weight);
    for (int kind = 0; kind < THROTTLE_KINDS; kind++)
        put_throttles(b, keys[kind], (enum throttle_kind)kind);
    jsonout_close(&b->out, '}');
}

/* A runtime in a user namespace may load no device filter, and makes no device nodes: those of the host are bound. */
static void tell_device_rules(struct oci_build *b)
{
    if (b->spec->device_cgroup_rules.count && b->notices)
        jsonout_fail(&b->out,
                     strv_addf(b->notices,
                               "--device-cgroup-rule: not applied, since in a user namespace no device nodes can "
                               "be made, and the permissions of those that --device binds decide"));
}

/* --cgroup-conf: files of the container's cgroup, which runtimes write as they are told (resources.unified). */
static struct err *put_unified(struct oci_build *b)
{
    const struct strv *conf = &b->spec->cgroup_conf;
    const struct oci_facts *f = b->facts;
    if (!conf->count)
        return NULL;
    if (is_disabled(b->spec) || !f->cgroup_v2 || !f->cgroup_writable)
        return b->notices ? tell_unusable(b, "", "--cgroup-conf") : NULL;
    jsonout_open(&b->out, "unified", '{');
    for (size_t i = 0; i < conf->count; i++) {
        AUTO_FREE char *key = NULL;
        const char *eq = strchr(conf->items[i], '='); /* there: container_spec_check() */
        TRY(mem_strndup(conf->items[i], (size_t)(eq - conf->items[i]), &key));
        jsonout_str(&b->out, key, eq + 1);
    }
    jsonout_close(&b->out, '}');
    return NULL;
}

/* The object is written even when empty: runc wants one. */
struct err *oci_put_resources(struct oci_build *b, const char *key)
{
    jsonout_open(&b->out, key, '{');
    put_memory(b);
    put_cpu(b);
    put_pids(b);
    put_blkio(b);
    tell_device_rules(b);
    TRY(put_unified(b));
    jsonout_close(&b->out, '}');
    return NULL;
}

struct err *oci_generate_resources(const struct container_spec *spec, const struct oci_facts *facts,
                                   struct strv *ret_notices, char **ret_json)
{
    struct oci_build b = {.spec = spec, .facts = facts, .notices = ret_notices};
    struct err *e = oci_put_resources(&b, NULL);
    if (!e)
        e = jsonout_finish(&b.out, ret_json);
    jsonout_done(&b.out);
    return e;
}
