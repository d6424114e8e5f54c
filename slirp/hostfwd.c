#include "slirp/hostfwd.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "slirp/port_bind.h"

#define HOSTFWD_MAX ((size_t)65536)

void hostfwd_done(struct hostfwd *h)
{
    free(h->ports);
    *h = (struct hostfwd){.stack = NULL};
}

static bool hostfwd_family_good(const union slirp_addr *a)
{
    return a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6;
}

/* The port's number is at the same place in both families. */
static bool hostfwd_same(const struct slirp_port *a, const struct slirp_port *b)
{
    if (a->proto != b->proto || a->host.sa.sa_family != b->host.sa.sa_family ||
        a->host.in.sin_port != b->host.in.sin_port)
        return false;
    if (a->host.sa.sa_family == AF_INET)
        return a->host.in.sin_addr.s_addr == b->host.in.sin_addr.s_addr;
    return !memcmp(&a->host.in6.sin6_addr, &b->host.in6.sin6_addr, sizeof(struct in6_addr));
}

static struct err *hostfwd_open(struct hostfwd *h, const struct slirp_port *port)
{
    struct slirp_port own = *port;
    int fd = -1;
    if (!h->port || port->proto != SLIRP_TCP)
        return stack_forward(h->stack, port);
    TRY_WRAP(port_bind(&own, false, &fd), "forward host port %u", ntohs(port->host.in.sin_port));
    return port_add(h->port, &own, fd);
}

static struct err *hostfwd_close(struct hostfwd *h, const struct slirp_port *port)
{
    return h->port && port->proto == SLIRP_TCP ? port_remove(h->port, port) : stack_unforward(h->stack, port);
}

struct err *hostfwd_add(struct hostfwd *h, const struct slirp_port *port, uint32_t *ret_id)
{
    if (port->proto >= SLIRP_PROTO_MAX || !hostfwd_family_good(&port->host) || !hostfwd_family_good(&port->guest) ||
        !port->host.in.sin_port || !port->guest.in.sin_port)
        return ERR_NEW(ERR_INVALID, "a port to forward needs a protocol, and an address and a number at both ends");
    TRY(mem_grow(&h->ports, h->n, &h->cap, sizeof(*h->ports), HOSTFWD_MAX));
    struct slirp_port added = *port;
    added.id = h->next_id + 1;
    TRY(hostfwd_open(h, &added));
    struct slirp_port *p = &h->ports[h->n++];
    *p = added;
    h->next_id++;
    if (ret_id)
        *ret_id = p->id;
    return NULL;
}

static struct err *hostfwd_remove_at(struct hostfwd *h, size_t i)
{
    TRY(hostfwd_close(h, &h->ports[i]));
    memmove(&h->ports[i], &h->ports[i + 1], (h->n - i - 1) * sizeof(*h->ports));
    h->n--;
    return NULL;
}

struct err *hostfwd_remove(struct hostfwd *h, const struct slirp_port *port)
{
    for (size_t i = 0; i < h->n; i++) {
        if (hostfwd_same(&h->ports[i], port))
            return hostfwd_remove_at(h, i);
    }
    return ERR_NEW(ERR_NOT_FOUND, "no such port is forwarded");
}

struct err *hostfwd_remove_id(struct hostfwd *h, uint32_t id)
{
    for (size_t i = 0; i < h->n; i++) {
        if (h->ports[i].id == id)
            return hostfwd_remove_at(h, i);
    }
    return ERR_NEW(ERR_NOT_FOUND, "no port is forwarded under id %u", id);
}
