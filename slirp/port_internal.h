/* What the files of published ports share. */
#pragma once

#include <stdbool.h>

#include "slirp/port.h"
#include "slirp/port_pool.h"
#include "slirp/port_source.h"
#include "slirp/splice.h"

struct port_dial;
struct port_flows;

struct port_entry {
    struct port_entry *next;
    struct port *port;
    struct slirp_port spec;
    int fd; /* TCP: listening; UDP: bound */
    struct loop_source *src;
};

struct port {
    struct loop *loop;
    const struct slirp_config *config;
    const struct gateway *gateway; /* makes sockets for TCP; NULL: none */
    struct port_pool *pool;        /* NULL: no maker yet */
    struct port_entry *entries;
    size_t count;

    struct splice_set *pairs;
    struct port_dial *dials; /* connections to the guest under way */
    size_t n_dials;
    size_t connections_max;
    struct loop_source *resume; /* timer; listening sockets rest while there is no room */
    bool resting;

    struct port_flows *flows;
};

/* port_tcp.c */
struct err *port_tcp_accept(struct loop_source *src, int fd, uint32_t events, void *entry) ERR_RESULT;
/* A pair was closed: room for the next. */
void port_tcp_room(void *port);
void port_tcp_done(struct port *p);

/* port_udp.c */
struct err *port_udp_new(struct port *p, struct port_flows **ret) ERR_RESULT;
void port_udp_free(struct port_flows *f);
struct err *port_udp_receive(struct loop_source *src, int fd, uint32_t events, void *entry) ERR_RESULT;
/* The callback of the pool. */
void port_udp_socket(uint64_t id, int take_fd, int errnum, void *port);
/* Its port is no longer published. */
void port_udp_close(struct port *p, const struct port_entry *entry);
/* All of them: their sockets belong to a maker that is gone. */
void port_udp_clear(struct port_flows *f);
