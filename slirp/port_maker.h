/* The maker: a small process inside a container's network namespace that makes sockets there, and hands them out.
 *
 * Once in the namespace nobody gets back to the host's without rights on the host, and coracle-slirp needs sockets of
 * both: so a process of its own stays there. It knows nothing of connections. It keeps CAP_NET_ADMIN and CAP_NET_RAW in
 * the namespace alone, and what system calls are left to it make sockets and routes.
 *
 * A socket can have the address of a remote client because it is transparent (IP_TRANSPARENT, ip(7)) and what the
 * server sends back finds the way to it instead of the uplink:
 *   TCP   our sockets carry a mark, the server's sockets take it over from the SYN (tcp_fwmark_accept, ip-sysctl.rst),
 *         and a rule sends marked packets to a table in which everything is local. Where the sysctl cannot be written:
 *         a rule by the port of the server.
 *   UDP   a rule by the port of the server leads to a table in which the addresses of present clients are local: all
 *         else that the server sends from that port goes out as ever.
 *
 * Messages (base/msg) over SOCK_SEQPACKET, in order; the maker ends with its connection.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "slirp/control.h"

#define PORT_MAKER_MARK 0x636f7261u
#define PORT_MAKER_TABLE_TCP 25455u /* routing tables of the container's namespace; no other names for them */
#define PORT_MAKER_TABLE_UDP 25456u

enum port_maker_msg {
    PORT_MAKER_READY = 1, /* → slirp: struct port_maker_ready, once the namespace is prepared; or … */
    PORT_MAKER_FAILED,    /* → slirp: err_encode()d error: nothing will come */
    PORT_MAKER_TCP,       /* ↔: struct port_maker_batch; fds: the sockets, MSG_FDS_MAX at most in a message */
    PORT_MAKER_UDP,       /* ↔: struct port_maker_flow; fd: bound to the client, connected to the guest */
    PORT_MAKER_UDP_END,   /* slirp →: struct port_maker_flow: its socket is closed; no answer */
    PORT_MAKER_OPEN,      /* slirp →: struct port_maker_port: published from now on; no answer */
    PORT_MAKER_CLOSE,     /* slirp →: struct port_maker_port; no answer */
};

struct port_maker_ready {
    uint32_t ipv6; /* sockets of AF_INET6 can be made */
};

struct port_maker_batch {
    uint32_t family;
    uint32_t count; /* asked for; in an answer: that came with this message, 0 with an error */
    int32_t errnum;
};

struct port_maker_flow {
    uint64_t id; /* the asker's */
    union slirp_addr source, guest;
    int32_t errnum; /* of an answer */
    uint32_t pad;
};

struct port_maker_port {
    uint32_t proto; /* enum slirp_proto */
    uint32_t port;  /* of the guest, host order */
};

/* Fork a maker for the namespace `netns_fd`. *ret_sock is for port_set_maker(), in whatever process. The caller needs
 * rights (CAP_SYS_ADMIN) over the namespace, and stays the parent; the maker ends when `*ret_sock` is closed. Whether
 * it could prepare the namespace is its first message. The caller has one thread. */
struct err *port_maker_start(int netns_fd, pid_t *ret_pid, int *ret_sock) ERR_RESULT;
