/* A new pod: its row, and with it in one transaction that of its infra container. */
#include <string.h>

#include "base/ident.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/container/oci.h"
#include "engine/engine.h"
#include "engine/pod/pod.h"
#include "engine/store/store.h"

static struct err *settle_name(struct engine *e, const char *name, struct pod_row *p)
{
    if (!name || !*name)
        return container_random_name(e, &p->name);
    TRY_WRAP(spec_check_name(name), "running pod create option");
    return mem_strdup(name, &p->name);
}

/* --userns gives the pod a user namespace, and what else is shared must belong to that. */
static struct err *settle_share(const struct pod_create_opts *o, struct pod_row *p)
{
    const char *share = o->share ? o->share : "";
    bool own = container_spec_asks_userns(o->spec);
    return mem_asprintf(&p->share, "%s%s%s", share, own && *share ? "," : "", own ? "user" : "");
}

/* Their cgroups would not be below the one that is their root. Podman's words. */
static struct err *check_cgroup(const struct pod_row *p)
{
    if (!p->share_parent || !pod_row_shares(p, "cgroup"))
        return NULL;
    return ERR_NEW(ERR_INVALID, "cannot define the pod as the cgroup parent at the same time as joining the infra "
                                "container's cgroupNS: invalid argument");
}

static struct err *fill_row(struct engine *e, const struct pod_create_opts *o, struct pod_row *p)
{
    struct ident id;
    TRY(ident_random(&id));
    TRY(mem_strdup(id.s, &p->id));
    TRY(settle_name(e, o->name, p));
    p->created_nsec = timefmt_now();
    TRY(settle_share(o, p));
    p->share_parent = !o->no_share_parent && !o->no_infra;
    p->stop_with_last = o->stop_with_last;
    TRY(check_cgroup(p));
    TRY(mem_strdup(o->restart ? o->restart : "", &p->restart));
    TRY(mem_strdup(o->cgroup_parent ? o->cgroup_parent : "", &p->cgroup_parent));
    TRY(strv_copy(&o->labels, &p->labels));
    TRY(strv_copy(&o->create_command, &p->create_command));
    p->infra = !o->no_infra;
    return container_spec_to_json(o->spec, &p->spec);
}

/* The program that holds the namespaces needs no rights, no files and no writable place. */
static struct err *make_pause(struct container_spec *s)
{
    s->pause = true;
    s->read_only = s->no_read_only_tmpfs = true;
    s->systemd = SYSTEMD_FALSE;
    strv_clear(&s->cap_add);
    if (!strv_contains(&s->cap_drop, "all"))
        TRY(strv_add(&s->cap_drop, "all"));
    if (s->entrypoint_set)
        return NULL;
    s->entrypoint_set = true;
    return strv_add(&s->entrypoint, OCI_PAUSE_PATH);
}

/* Mounts and devices are for the others: its start passes over them. */
static struct err *settle_infra(struct container_spec *s, const struct pod_row *p)
{
    if (!s->name)
        TRY(mem_asprintf(&s->name, "%.12s-infra", p->id));
    if (!s->hostname && s->uts.mode != NS_HOST)
        TRY(mem_strdup(p->name, &s->hostname));
    if (*p->cgroup_parent)
        TRY(mem_replace(&s->cgroup_parent, p->cgroup_parent));
    if (!pod_row_shares(p, "net") && s->network.mode == NS_DEFAULT && !s->publish.count)
        s->network.mode = NS_NONE;
    TRY(strv_copy(&p->create_command, &s->create_command));
    s->new_pod = p;
    return s->image ? NULL : make_pause(s);
}

static struct err *create_with_infra(struct engine *e, const struct pod_row *p)
{
    struct container_spec spec;
    struct container *infra = NULL;
    TRY(container_spec_from_json(p->spec, strlen(p->spec), &spec)); /* a copy */
    struct err *err = settle_infra(&spec, p);
    if (!err)
        err = container_create(e, &spec, &infra);
    container_free(infra);
    container_spec_done(&spec);
    return err;
}

static struct err *create_alone(struct engine *e, const struct pod_row *p)
{
    AUTO_TX struct store_tx_guard tx = {engine_store(e)};
    TRY(store_begin(engine_store(e), STORE_WRITE, false));
    TRY(pod_row_insert(e, p));
    return store_commit(engine_store(e));
}

struct err *pod_create(struct engine *e, const struct pod_create_opts *opts, char **ret_id)
{
    AUTO_POD_ROW struct pod_row p = {0};
    TRY(fill_row(e, opts, &p));
    TRY(opts->no_infra ? create_alone(e, &p) : create_with_infra(e, &p));
    *ret_id = TAKE_PTR(p.id);
    return NULL;
}
