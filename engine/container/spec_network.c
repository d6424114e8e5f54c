/* --network, as often as it is given; Podman's rules for what goes together and its words. */
#include <string.h>

#include "base/mem.h"
#include "engine/container/spec_internal.h"
#include "engine/network/attach.h"
#include "engine/network/options.h"

/* As Podman calls what was chosen first. */
static const char *mode_name(const struct ns_spec *n)
{
    switch (n->mode) {
    case NS_HOST:
        return "host";
    case NS_NONE:
        return "none";
    case NS_CONTAINER:
        return "container";
    case NS_PATH:
        return "ns";
    case NS_BRIDGE:
        return "bridge";
    case NS_DEFAULT:
    case NS_PRIVATE:
    case NS_SHAREABLE:
    case NS_KEEP_ID:
    case NS_NOMAP:
    case NS_AUTO:
    case NS_POD:
    default:
        return n->arg ? n->arg : "private";
    }
}

/* Is it the name of a mode, rather than of a network? Its length, or 0. */
static size_t mode_length(const char *value)
{
    static const char *const modes[] = {"host", "none", "container", "ns", "private", "default", "pod"};
    size_t len = strcspn(value, ":");
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strlen(modes[i]) == len && strncmp(modes[i], value, len) == 0)
            return len;
    return network_options_known(value) ? len : 0;
}

static bool is_given(const struct container_spec *s)
{
    return s->network.mode != NS_DEFAULT || s->networks.count;
}

/* Texts of what the value names, so that a mistake in it is told with the flag. */
static struct err *add_named(struct container_spec *s, const char *value)
{
    AUTO_NETWORK_ATTACH_LIST struct network_attach_list list = {0};
    for (size_t i = 0; i < s->networks.count; i++)
        TRY(network_attach_parse(s->networks.items[i], &list));
    TRY(network_attach_parse(value, &list));
    for (size_t i = s->networks.count; i < list.count; i++) {
        AUTO_FREE char *text = NULL;
        TRY(network_attach_text(&list.items[i], &text));
        TRY(strv_add(&s->networks, text));
    }
    s->network.mode = NS_BRIDGE;
    return mem_replace(&s->network.arg, NULL);
}

struct err *spec_add_network(struct container_spec *s, const char *value)
{
    size_t mode = mode_length(value);
    if (is_given(s) && s->network.mode != NS_BRIDGE)
        return ERR_NEW(ERR_INVALID,
                       "cannot set multiple networks without bridge network mode, selected mode %.*s: invalid argument",
                       (int)strcspn(mode_name(&s->network), ":"), mode_name(&s->network));
    if (is_given(s) && mode)
        return ERR_NEW(ERR_INVALID,
                       "can only set extra network names, selected mode %.*s conflicts with bridge: invalid argument",
                       (int)mode, value);
    if (mode || !*value)
        return spec_set_ns(s, "network", value);
    return add_named(s, value);
}
