#include "engine/network/free_port.h"

#include <arpa/inet.h>

#include "base/fd.h"
#include "base/mem.h"
#include "slirp/port_bind.h"

#define FREE_PORT_TRIES 64

static bool is_wanted(const struct publish_list *l, const struct publish *p, uint16_t host_port)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct publish *q = &l->items[i];
        if (q->proto == p->proto && q->host_port && host_port >= q->host_port && host_port < q->host_port + q->count)
            return true;
    }
    return false;
}

/* *ret_fd holds the port meanwhile. */
static struct err *choose(const struct publish_list *l, struct publish *p, int *ret_fd)
{
    for (int i = 0; i < FREE_PORT_TRIES; i++) {
        struct slirp_port port;
        AUTO_FD int fd = -1;
        TRY(publish_address(p, &port));
        TRY(port_bind(&port, true, &fd));
        uint16_t found = ntohs(port.host.in.sin_port);
        if (is_wanted(l, p, found)) /* another -p names it */
            continue;
        p->host_port = found;
        *ret_fd = TAKE_FD(fd);
        return NULL;
    }
    return ERR_NEW(ERR_IN_USE, "failed to find an open port to expose container port %u with protocol %s", p->ct_port,
                   publish_proto_name(p->proto));
}

struct err *free_port_choose(struct publish_list *l)
{
    struct err *e = NULL;
    int *held = mem_alloc(l->count * sizeof(*held));
    size_t n = 0;
    if (!held)
        return err_oom();
    for (size_t i = 0; !e && i < l->count; i++) {
        if (l->items[i].host_port)
            continue;
        e = choose(l, &l->items[i], &held[n]);
        n += e ? 0 : 1;
    }
    while (n)
        (void)fd_close(held[--n]);
    mem_freep(&held);
    return e;
}
