/* container clone: from a container back to a specification that a new one can be made of. */
#include <string.h>

#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/container/pod_row.h"
#include "engine/engine.h"
#include "engine/network/network.h"

#define SUFFIX "-clone"
#define TRIES_MAX 100000

/* The networks that it is on now, rather than those that it was made with. Addresses are its own: the clone gets
 * others. */
static struct err *put_networks(struct engine *e, const struct container *c, struct container_spec *spec)
{
    AUTO_NETWORK_PLACES struct network_place_list places = {0};
    TRY(network_places(e, c->id, &places));
    for (size_t i = 0; i < places.count; i++) {
        AUTO_FREE char *text = NULL;
        const struct network_attach *want = &places.items[i].want;
        const struct network_attach a = {
            .network = places.items[i].network, .ifname = want->ifname, .aliases = want->aliases};
        TRY(network_attach_text(&a, &text));
        TRY(strv_add(&spec->networks, text));
    }
    return NULL;
}

struct err *container_clone_spec(struct engine *e, struct container *c, const char *image, struct container_spec *ret)
{
    if (c->is_infra)
        return ERR_NEW(ERR_INVALID, "container %s is the infra container of pod %s and cannot be cloned apart from it",
                       c->id, c->pod_id);
    TRY(container_load_spec(e, c));
    TRY(container_spec_from_json(c->spec_json, strlen(c->spec_json), ret));
    const char *source = image ? image : c->image_id;
    mem_freep(&ret->name);
    mem_freep(&ret->cidfile); /* files of that container */
    mem_freep(&ret->pidfile);
    if (!ret->rootfs)
        TRY(mem_replace(&ret->image, source));
    return ret->network.mode == NS_BRIDGE ? put_networks(e, c, ret) : NULL;
}

/* What it shares with its old pod it shares with the new one: by what that shares, or by its own word. */
struct err *container_clone_to_pod(struct engine *e, const char *pod, bool same_shares, struct container_spec *s)
{
    struct ns_spec *const all[] = {&s->pid, &s->ipc, &s->uts, &s->network, &s->cgroupns, &s->userns};
    AUTO_POD_ROW struct pod_row old = {0};
    if (s->pod)
        TRY(pod_row_find(e, s->pod, &old));
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i]->mode != NS_CONTAINER || !old.infra_id || strcmp(all[i]->arg, old.infra_id) != 0)
            continue;
        all[i]->mode = same_shares ? NS_POD : NS_DEFAULT;
        TRY(mem_replace(&all[i]->arg, NULL));
    }
    s->keeps_id = s->pod_stop = false;
    TRY(mem_replace(&s->pod_cgroup, NULL));
    return mem_replace(&s->pod, pod);
}

/* Length of a name up to the end of "-clone", where only digits follow; 0: it is no clone's. */
static size_t clone_stem(const char *name)
{
    const char *at = strstr(name, SUFFIX);
    if (!at)
        return 0;
    const char *rest = at + strlen(SUFFIX);
    return rest[strspn(rest, "0123456789")] == '\0' ? (size_t)(rest - name) : 0;
}

struct err *container_clone_name(struct engine *e, const char *name, char **ret)
{
    size_t stem = clone_stem(name);
    bool taken = stem > 0;
    AUTO_FREE char *base = NULL;
    TRY(stem ? mem_strndup(name, stem, &base) : mem_asprintf(&base, "%s" SUFFIX, name));
    if (!taken)
        TRY(container_name_taken(e, base, &taken));
    if (!taken) {
        *ret = TAKE_PTR(base);
        return NULL;
    }
    for (int i = 1; i < TRIES_MAX; i++) {
        AUTO_FREE char *next = NULL;
        TRY(mem_asprintf(&next, "%s%d", base, i));
        TRY(container_name_taken(e, next, &taken));
        if (!taken) {
            *ret = TAKE_PTR(next);
            return NULL;
        }
    }
    return ERR_NEW(ERR_EXISTS, "container %s has too many clones: give a name", name);
}
