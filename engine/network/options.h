/* What --network means for a network of the container's own. Computes only. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "slirp/config.h"

enum network_ports {
    NETWORK_PORTS_SPLICE, /* coracle-slirp carries connections itself: splice, and Podman's name for its own,
                           * rootlesskit
                           */
    NETWORK_PORTS_SLIRP,  /* libslirp's forwarding: slirp, slirp4netns */
};

struct network_options {
    struct slirp_config config;
    enum network_ports ports;
    char *outbound, *outbound6; /* address or interface that what leaves is bound to; NULL: the host's choice */
};
void network_options_done(struct network_options *o);
#define AUTO_NETWORK_OPTIONS __attribute__((cleanup(network_options_done)))

/* Does `value` ("slirp4netns:mtu=1500", "podman") mean this network, and not one that was created? */
bool network_options_known(const char *value);
/* `value` is what --network was given: NULL, "slirp4netns:mtu=1500,cidr=…", "private" … Names for the same thing:
 * slirp, slirp4netns, private, pasta, bridge, default, podman. ERR_INVALID with Podman's messages; ERR_NOT_FOUND: no
 * such network. `ip`, `ip6` and `mac` are --ip, --ip6 and --mac-address, or NULL. */
struct err *network_options_parse(const char *value, const char *ip, const char *ip6, const char *mac,
                                  struct network_options *ret) ERR_RESULT;
