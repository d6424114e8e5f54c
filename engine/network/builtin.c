/* The default network, `podman`, as listings show it. It is what each container has by itself (options.h): the same
 * addresses in every container, and nobody else there. */
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/network/internal.h"
#include "slirp/config.h"

/* As Podman: the SHA-256 of its name. */
static const char builtin_id[] = "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9";

bool network_is_builtin_id(const char *prefix)
{
    return strncmp(builtin_id, prefix, strlen(prefix)) == 0;
}

static void set_subnets(struct network *n)
{
    struct slirp_config c;
    struct network_subnet *v4 = &n->subnets[0], *v6 = &n->subnets[1];
    slirp_config_default(&c);
    v4->net.first.family = v4->gateway.family = AF_INET;
    v6->net.first.family = v6->gateway.family = AF_INET6;
    v4->net.prefix_len = c.prefix_len;
    v6->net.prefix_len = 64;
    memcpy(v4->net.first.b, &c.network, 4);
    memcpy(v4->gateway.b, &c.gateway, 4);
    memcpy(v6->net.first.b, &c.network6, 16);
    memcpy(v6->gateway.b, &c.gateway6, 16);
    n->n_subnets = 2;
}

struct err *network_builtin(struct network **ret)
{
    struct network *n = mem_zalloc(sizeof(*n));
    if (!n)
        return err_oom();
    n->builtin = true;
    n->ipv6 = true;
    n->created_nsec = timefmt_now(); /* as Podman, which makes it up as well */
    set_subnets(n);
    struct err *e = mem_strdup(builtin_id, &n->id);
    if (!e)
        e = mem_strdup(NETWORK_DEFAULT, &n->name);
    if (!e)
        e = mem_strdup("bridge", &n->driver);
    if (!e)
        e = mem_strdup("podman0", &n->interface);
    if (e) {
        network_free(n);
        return e;
    }
    *ret = n;
    return NULL;
}
