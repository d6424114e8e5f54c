/* Static routes of a network, which each of its containers gets: `network create --route`. Computes only. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "engine/network/subnet.h"

#define ROUTE_METRIC 100u /* of one that says nothing: netavark's */

struct route {
    struct subnet to;
    struct ip_addr gateway;
    uint32_t metric;
};

/* "10.21.0.0/24,10.19.12.250" or with ",METRIC" behind: as given, and as it is kept. ERR_INVALID in Podman's words. */
struct err *route_parse(const char *text, struct route *ret) ERR_RESULT;
/* The opposite, without the metric if it is ROUTE_METRIC. Heap. */
struct err *route_text(const struct route *r, char **ret) ERR_RESULT;
