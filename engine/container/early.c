/* Which containers' monitors can be started before the containers are made: see struct engine_start. */
#include <string.h>

#include "engine/container/container.h"
#include "engine/engine.h"

/* A network with options, or for a user namespace of its own, is for the start to begin. */
static bool is_default_network(const struct container_spec *s)
{
    bool own = s->network.mode == NS_DEFAULT || s->network.mode == NS_PRIVATE;
    bool session = s->userns.mode == NS_DEFAULT || s->userns.mode == NS_HOST;
    return own && session && !s->uid_map.count && !s->gid_map.count && !s->ip && !s->ip6 && !s->mac_address &&
           !(s->network.arg && strchr(s->network.arg, ':'));
}

/* A monitor that is to inherit descriptors starts when all of them are there. */
bool container_starts_early(const struct container_spec *s, struct engine_start *ret)
{
    *ret = (struct engine_start){
        .tty = s->tty,
        .interactive = s->interactive,
        .cgroup_parent = s->cgroup_parent,
        .cgroups_disabled = s->cgroups && strcmp(s->cgroups, "disabled") == 0,
        .network = is_default_network(s),
    };
    return !s->preserve_fds && !(s->log_driver && strcmp(s->log_driver, "passthrough") == 0);
}
