/* What coracle-monitor (or whoever starts `coracle-slirp --engine FD`) and coracle-slirp say to each other: base/msg
 * messages over SOCK_SEQPACKET, structs and text native-endian, as both are processes of one user and one build.
 *
 * The client sends SLIRP_START at once; coracle-slirp answers SLIRP_READY, when the namespace is configured, or
 * SLIRP_FAILED and ends. Frames are served from some milliseconds after READY; until then they wait. Requests sent
 * meanwhile wait too. Each request gets one answer, in order. coracle-slirp ends when the connection ends.
 *
 * Programs use client.h rather than these. Needs base/ alone.
 */
#pragma once

#include <netinet/in.h>
#include <stdint.h>

#include "slirp/config.h"

#define SLIRP_CONTROL_VERSION 2u
#define SLIRP_CONTROL_PORTS_MAX 512 /* in one SLIRP_PORTS */

enum slirp_msg {
    SLIRP_START = 1,   /* client →: struct slirp_start, then dns_len bytes of text in resolv.conf's form; fds in this
                          order,   as flags say: the network namespace, the user namespace that owns it */
    SLIRP_READY,       /* →  client: fd: the network namespace */
    SLIRP_FAILED,      /* →  client: err_encode()d error */
    SLIRP_OK,          /* →  client */
    SLIRP_RESOLV,      /* hub, resolv_watch.h →: text in resolv.conf's form as it is now; no answer */
    SLIRP_PORT_ADD,    /* client →: struct slirp_port; fd: the bound socket (TCP: listening), if it has one;
                          answer SLIRP_OK or SLIRP_FAILED */
    SLIRP_PORT_REMOVE, /* client →: struct slirp_port (proto, host); answer SLIRP_OK or SLIRP_FAILED */
    SLIRP_PORT_MAKER,  /* client →: fd: the connection to a maker of sockets (port_maker.h), before a port with a
                          socket; answer SLIRP_OK or SLIRP_FAILED */
    SLIRP_PORT_LIST,   /* client →; answer SLIRP_PORTS */
    SLIRP_PORTS,       /* →  client: struct slirp_port[] */
    SLIRP_NAMES,       /* hub →: struct dns_names_entry, text (dns_names.h): a container's names; no answer */
    SLIRP_NAMES_GONE,  /* hub →: uint32, the entry's id; no answer */
    SLIRP_MSG_MAX,
};

enum slirp_start_flags {
    SLIRP_START_NETNS = 1 << 0,  /* use the namespace that comes as a descriptor; else make one */
    SLIRP_START_USERNS = 1 << 1, /* join this user namespace before touching it */
    SLIRP_START_WATCH = 1 << 2,  /* watch the host's resolv.conf ourselves (a second small process) */
    SLIRP_START_PORTS = 1 << 3,  /* published ports alone: no interface, no resolver; SLIRP_READY brings nothing */
};

struct slirp_start {
    uint32_t version; /* SLIRP_CONTROL_VERSION */
    uint32_t flags;
    struct slirp_config config;
    uint32_t dns_len;   /* 0: the host's /etc/resolv.conf is read instead */
    uint32_t log_level; /* enum log_level */
};

/* An address with port; family AF_INET or AF_INET6. */
union slirp_addr {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

enum slirp_proto { SLIRP_TCP, SLIRP_UDP, SLIRP_PROTO_MAX };

struct slirp_port {
    uint32_t proto; /* enum slirp_proto */
    uint32_t id;    /* of the API; 0 when the engine made it */
    union slirp_addr host;
    union slirp_addr guest; /* address 0: the guest's own */
};
