/* --subuidname, --subgidname: ranges of /etc/subuid and /etc/subgid that belong to a name become the container's map.
 *
 * The ids in those files are the host's; a container's map leads to the session's, which is made of ranges of the
 * user's own. So the names that serve are those whose ranges lie within what the session maps: the user's own, and
 * those that root's session has been given. */
#include <string.h>

#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/engine.h"
#include "rootless/session.h"
#include "userns/subid.h"

/* The host's ids `first` to first + count - 1, from container id *ct on. */
static struct err *add_range(const struct idmap *session, uint32_t first, uint32_t count, uint32_t *ct,
                             struct idmap *ret)
{
    while (count) {
        const struct idmap_range *found = NULL;
        for (size_t i = 0; i < session->count && !found; i++) {
            const struct idmap_range *r = &session->ranges[i];
            if (first >= r->host && first - r->host < r->count)
                found = r;
        }
        if (!found)
            return ERR_NEW(ERR_DENIED, "id %u is not among those that this user's containers can have", first);
        uint32_t offset = first - found->host, left = found->count - offset, n = count < left ? count : left;
        TRY(idmap_add(ret, *ct, found->ct + offset, n));
        *ct += n;
        first += n;
        count -= n;
    }
    return NULL;
}

static struct err *map_of(const struct idmap *session, const struct subid_set *ids, const char *name, const char *file,
                          struct idmap *ret)
{
    uint32_t ct = 0;
    if (!ids->count)
        return ERR_NEW(ERR_NOT_FOUND, "no sub%cid ranges found for user \"%s\" in %s", file[strlen("/etc/sub")], name,
                       file);
    for (size_t i = 0; i < ids->count; i++)
        TRY_WRAP(add_range(session, ids->spans[i].start, ids->spans[i].count, &ct, ret), "ranges of \"%s\" in %s", name,
                 file);
    return NULL;
}

static struct err *read_names(const char *uid_name, const char *gid_name, struct subid_ranges *ret_uids,
                              struct subid_ranges *ret_gids)
{
    const struct subid_owner uid_owner = {.name = uid_name, .uid = (uid_t)-1};
    const struct subid_owner gid_owner = {.name = gid_name, .uid = (uid_t)-1};
    TRY(subid_read_files(&uid_owner, ret_uids));
    return subid_read_files(&gid_owner, ret_gids);
}

/* One name stands for both, where only one was given. */
struct err *create_settle_subids(struct engine *e, struct container_spec *spec)
{
    const char *uid_name = spec->subuid_name ? spec->subuid_name : spec->subgid_name;
    const char *gid_name = spec->subgid_name ? spec->subgid_name : spec->subuid_name;
    AUTO_SUBID_RANGES struct subid_ranges uids = {0}, gids = {0};
    if (!uid_name)
        return NULL;
    if (spec->uid_map.count || spec->gid_map.count)
        return ERR_NEW(ERR_INVALID, "--subuidname and --subgidname cannot be combined with --uidmap or --gidmap");
    TRY(read_names(uid_name, gid_name, &uids, &gids));
    const struct session *session = engine_session(e);
    TRY(map_of(&session->uid_map, &uids.uids, uid_name, "/etc/subuid", &spec->uid_map));
    return map_of(&session->gid_map, &gids.gids, gid_name, "/etc/subgid", &spec->gid_map);
}
