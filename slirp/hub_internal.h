/* What the files of a hub share. */
#pragma once

#include <stdbool.h>

#include "base/loop.h"
#include "slirp/hub_control.h"
#include "slirp/netlink.h"
#include "slirp/resolv_watch.h"

#define HUB_BRIDGE "br0" /* names in the network's own namespace, which nobody sees */
#define HUB_UPLINK "uplink"
#define HUB_VETH_DIGITS 12 /* of a container's id, behind "v" */

struct hub_seat;

struct hub {
    struct loop *loop;
    int dir_fd, listen_fd;
    int netns_fd;
    int half_sock; /* to the confined half */
    struct netlink nl;
    unsigned bridge;
    bool gateway;           /* the uplink has one (gateway.h), at … */
    uint8_t gateway_mac[6]; /* … this link address */
    struct slirp_config config;
    char *resolv; /* the network's own resolvers; "": those of the host, which are watched */
    struct resolv_watch watch;
    struct loop_source *watch_src;
    struct loop_source *end_timer;
    bool ended; /* nobody can find us any more */
    struct hub_seat *seats;
    uint32_t last_id;
};

/* hub.c */
/* The last seat may have gone. */
struct err *hub_check_end(struct hub *h) ERR_RESULT;
/* To the confined half. An error ends the hub: that half is gone, or no longer reads. */
struct err *hub_tell(struct hub *h, uint32_t type, const void *data, size_t len) ERR_RESULT;
/* The network's own resolvers are others now; `text` is copied. */
struct err *hub_set_resolv(struct hub *h, const char *text) ERR_RESULT;

/* hub_seat.c */
/* A connection: a seat that nobody sits in yet. Taken in every case. */
struct err *hub_seat_add(struct hub *h, int take_sock) ERR_RESULT;
/* Without a word to anybody. */
void hub_seats_free(struct hub *h);

/* hub_link.c */
/* The bridge, made or found, with the uplink as its port. */
struct err *hub_link_bridge(struct hub *h) ERR_RESULT;
/* The veth of a container, made or found as an earlier hub left it, and what its far end is to have. `inside` speaks of
 * the container's namespace. */
struct err *hub_link_join(struct hub *h, const struct hub_join *j, int netns_fd, struct netlink *inside) ERR_RESULT;
struct err *hub_link_leave(struct hub *h, const struct hub_join *j) ERR_RESULT;

/* hub_confine.c */
/* Once set up: CAP_NET_ADMIN and a list of system calls are left. */
struct err *hub_confine(void) ERR_RESULT;
