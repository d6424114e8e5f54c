#include "rootless/doctor.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "rootless/doctor_internal.h"
#include "rootless/rung.h"

static const struct {
    const char *need;
    doctor_probe_fn probe;
} doctor_probes[] = {
    {"user namespaces", doctor_probe_userns},
    {"security settings", doctor_probe_security},
    {"id ranges", doctor_probe_ranges},
    {"newuidmap and newgidmap", doctor_probe_idmap_helpers},
    {"data directory", doctor_probe_data_dir},
    {"session directory", doctor_probe_session_dir},
    {"overlay", doctor_probe_overlay},
    {"FUSE", doctor_probe_fuse},
    {"TUN", doctor_probe_tun},
    {"network namespaces", doctor_probe_rungs},
    {"network", doctor_probe_slirp},
    {"namespaces", doctor_probe_rungs},
    {"proc", doctor_probe_rungs},
    {"sysfs", doctor_probe_rungs},
    {"sysctls", doctor_probe_rungs},
    {"seccomp", doctor_probe_rungs},
    {"cgroups", doctor_probe_cgroups},
    {"limits", doctor_probe_limits},
    {"kernel interfaces", doctor_probe_kernel},
    {"OCI runtime", doctor_probe_runtimes},
};

static void doctor_item_done(struct doctor_item *i)
{
    free(i->probed);
    free(i->found);
    free(i->meaning);
    free(i->fix);
    free(i->file);
}

void doctor_report_done(struct doctor_report *r)
{
    for (size_t i = 0; i < r->count; i++)
        doctor_item_done(&r->items[i]);
    free(r->items);
    *r = (struct doctor_report){0};
}

const char *doctor_state_name(enum doctor_state state)
{
    static const char *const names[] = {
        [DOCTOR_OK] = "ok", [DOCTOR_DEGRADED] = "degraded", [DOCTOR_MISSING] = "missing"};
    return names[state];
}

static struct err *doctor_fill_empty(char **slot)
{
    return *slot ? NULL : mem_strdup("", slot);
}

/* A probe that fails is a finding, not the end of the examination. */
static struct err *doctor_examine(const struct doctor_opts *opts, doctor_probe_fn probe, struct doctor_item *item)
{
    struct err *e = probe(opts, item);
    if (e && err_kind(e) == ERR_NO_MEMORY)
        return e;
    if (e) {
        item->state = DOCTOR_MISSING;
        free(item->found);
        item->found = NULL;
        struct err *oom = mem_strdup(err_text(e), &item->found);
        err_drop(e);
        TRY(oom);
    }
    TRY(doctor_fill_empty(&item->probed));
    TRY(doctor_fill_empty(&item->found));
    TRY(doctor_fill_empty(&item->meaning));
    TRY(doctor_fill_empty(&item->file));
    if (item->state == DOCTOR_MISSING)
        item->rung = 0;
    else if (!item->rung)
        item->rung = item->state == DOCTOR_OK || ladder_height(item->ladder) < 2 ? 1 : 2;
    return doctor_fill_empty(&item->fix);
}

struct err *doctor_run(const struct doctor_opts *given, struct doctor_report *ret)
{
    struct rungs rungs;
    struct doctor_opts filled = *given;
    const struct doctor_opts *opts = &filled;
    filled.rungs = &rungs;
    TRY(rungs_probe(doctor_enter, &rungs));
    struct doctor_report r = {.items = mem_zalloc(sizeof(*r.items) * ARRAY_LEN(doctor_probes))};
    if (!r.items)
        return err_oom();
    struct err *e = NULL;
    for (size_t i = 0; !e && i < ARRAY_LEN(doctor_probes); i++) {
        if (doctor_probes[i].probe == doctor_probe_overlay && !opts->storage_probe)
            continue;
        struct doctor_item *item = &r.items[r.count++];
        item->need = doctor_probes[i].need;
        item->ladder = ladder_find(item->need);
        e = doctor_examine(opts, doctor_probes[i].probe, item);
    }
    if (e) {
        doctor_report_done(&r);
        return e;
    }
    *ret = r;
    return NULL;
}

unsigned doctor_verdict(const struct doctor_report *r)
{
    unsigned broken = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].state == DOCTOR_MISSING && r->items[i].ladder)
            broken |= (unsigned)r->items[i].ladder->breaks;
    return broken;
}

static struct err *put_works(json_t *top, unsigned broken)
{
    json_t *works = NULL;
    TRY(json_put_obj(top, "works", &works));
    TRY(json_put_bool(works, "run", !(broken & LADDER_RUN)));
    TRY(json_put_bool(works, "build", !(broken & LADDER_BUILD)));
    return json_put_bool(works, "publish", !(broken & LADDER_PORTS));
}

/* Where it stands on its ladder. */
static struct err *put_rung(json_t *o, const struct doctor_item *item)
{
    const struct ladder *l = item->ladder;
    if (!l)
        return NULL;
    const struct ladder_rung none = {.use = "", .lost = l->end};
    const struct ladder_rung *r = item->rung ? &l->rungs[item->rung - 1] : &none;
    TRY(json_put_int(o, "rung", (int64_t)item->rung));
    TRY(json_put_str(o, "use", r->use));
    return json_put_str(o, "lost", r->lost ? r->lost : "");
}

struct err *doctor_json(const struct doctor_report *r, char **ret)
{
    AUTO_JSON json_t *top = json_object();
    json_t *needs = NULL;
    if (!top)
        return err_oom();
    TRY(put_works(top, doctor_verdict(r)));
    TRY(json_put_arr(top, "needs", &needs));
    for (size_t i = 0; i < r->count; i++) {
        const struct doctor_item *item = &r->items[i];
        json_t *o = NULL;
        TRY(json_push_obj(needs, &o));
        TRY(json_put_str(o, "need", item->need));
        TRY(json_put_str(o, "state", doctor_state_name(item->state)));
        TRY(json_put_str(o, "probed", item->probed));
        TRY(json_put_str(o, "found", item->found));
        TRY(json_put_str(o, "meaning", item->meaning));
        TRY(json_put_str(o, "fix", item->fix));
        TRY(json_put_str(o, "file", item->file));
        TRY(put_rung(o, item));
    }
    return json_text_indented(top, 4, ret);
}
