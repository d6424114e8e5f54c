#include "slirp/api_request.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define API_WHAT "request"
#define API_PORT_MAX 65535

static const struct api_proto {
    const char *name;
    enum slirp_proto proto;
    int family; /* 0: that of the address, IPv4 without one */
} api_protos[] = {
    {"tcp", SLIRP_TCP, 0},        {"udp", SLIRP_UDP, 0},         {"tcp4", SLIRP_TCP, AF_INET},
    {"udp4", SLIRP_UDP, AF_INET}, {"tcp6", SLIRP_TCP, AF_INET6}, {"udp6", SLIRP_UDP, AF_INET6},
};

static struct err *api_address(const json_t *args, const char *key, int family, union slirp_addr *ret)
{
    const char *text = NULL;
    union slirp_addr a;
    memset(&a, 0, sizeof(a));
    TRY(json_get_str(args, key, API_WHAT, &text));
    if (!text || !*text)
        text = family == AF_INET6 ? "::" : "0.0.0.0";
    if (family != AF_INET6 && inet_pton(AF_INET, text, &a.in.sin_addr) == 1)
        a.sa.sa_family = AF_INET;
    else if (family != AF_INET && inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1)
        a.sa.sa_family = AF_INET6;
    else
        return ERR_NEW(ERR_INVALID, "%s is not an address%s", key, family ? " of that protocol's version" : "");
    *ret = a;
    return NULL;
}

static struct err *api_port(const json_t *args, const char *key, union slirp_addr *addr)
{
    int64_t port = 0;
    TRY(json_get_int(args, key, API_WHAT, &port));
    if (port < 1 || port > API_PORT_MAX)
        return ERR_NEW(ERR_INVALID, "%s has to be 1 to %d", key, API_PORT_MAX);
    addr->in.sin_port = htons((uint16_t)port); /* at the same place in both families */
    return NULL;
}

static struct err *api_parse_add(const json_t *args, struct slirp_port *ret)
{
    const char *name = NULL;
    const struct api_proto *proto = NULL;
    struct slirp_port port;
    memset(&port, 0, sizeof(port));
    TRY(json_get_str(args, "proto", API_WHAT, &name));
    for (size_t i = 0; name && i < ARRAY_LEN(api_protos); i++) {
        if (!strcmp(api_protos[i].name, name))
            proto = &api_protos[i];
    }
    if (!proto)
        return ERR_NEW(ERR_INVALID, "proto has to be tcp, udp, tcp4, udp4, tcp6 or udp6");
    port.proto = proto->proto;
    TRY(api_address(args, "host_addr", proto->family, &port.host));
    TRY(api_port(args, "host_port", &port.host));
    TRY(api_address(args, "guest_addr", port.host.sa.sa_family, &port.guest));
    TRY(api_port(args, "guest_port", &port.guest));
    *ret = port;
    return NULL;
}

struct err *api_request_parse(const char *text, size_t len, struct api_request *ret)
{
    AUTO_JSON json_t *j = NULL;
    const char *verb = NULL;
    json_t *args = NULL;
    struct api_request r;
    memset(&r, 0, sizeof(r));
    TRY(json_parse(text, len, API_WHAT, &j));
    if (!json_is_object(j))
        return ERR_NEW(ERR_INVALID, "a request is an object");
    TRY(json_get_str(j, "execute", API_WHAT, &verb));
    TRY(json_get_obj(j, "arguments", API_WHAT, &args));
    if (!verb)
        return ERR_NEW(ERR_INVALID, "\"execute\" is missing");
    if (!strcmp(verb, "list_hostfwd")) {
        r.verb = API_LIST;
    } else if (!args) {
        return ERR_NEW(ERR_INVALID, "\"arguments\" are missing");
    } else if (!strcmp(verb, "add_hostfwd")) {
        r.verb = API_ADD;
        TRY(api_parse_add(args, &r.port));
    } else if (!strcmp(verb, "remove_hostfwd")) {
        int64_t id = 0;
        TRY(json_get_int(args, "id", API_WHAT, &id));
        if (id < 1 || id > UINT32_MAX)
            return ERR_NEW(ERR_INVALID, "\"id\" is missing or cannot be");
        r.verb = API_REMOVE;
        r.port.id = (uint32_t)id;
    } else {
        return ERR_NEW(ERR_INVALID, "unknown \"execute\": add_hostfwd, list_hostfwd and remove_hostfwd exist");
    }
    *ret = r;
    return NULL;
}

/* An object with an object below `key`, which is returned in *ret_inner, borrowed. */
static struct err *api_answer(const char *key, json_t **ret, json_t **ret_inner)
{
    AUTO_JSON json_t *j = json_object();
    if (!j)
        return err_oom();
    TRY(json_put_obj(j, key, ret_inner));
    *ret = TAKE_PTR(j);
    return NULL;
}

struct err *api_answer_id(uint32_t id, char **ret)
{
    AUTO_JSON json_t *j = NULL;
    json_t *inner;
    TRY(api_answer("return", &j, &inner));
    TRY(json_put_int(inner, "id", id));
    return json_text(j, ret);
}

struct err *api_answer_empty(char **ret)
{
    AUTO_JSON json_t *j = NULL;
    json_t *inner;
    TRY(api_answer("return", &j, &inner));
    return json_text(j, ret);
}

struct err *api_answer_error(const char *desc, char **ret)
{
    AUTO_JSON json_t *j = NULL;
    json_t *inner;
    TRY(api_answer("error", &j, &inner));
    TRY(json_put_str(inner, "desc", desc));
    return json_text(j, ret);
}

static struct err *api_put_end(json_t *entry, const union slirp_addr *a, const char *addr_key, const char *port_key)
{
    char text[INET6_ADDRSTRLEN] = "";
    const void *raw = a->sa.sa_family == AF_INET ? (const void *)&a->in.sin_addr : (const void *)&a->in6.sin6_addr;
    (void)inet_ntop(a->sa.sa_family, raw, text, sizeof(text));
    TRY(json_put_str(entry, addr_key, text));
    return json_put_int(entry, port_key, ntohs(a->in.sin_port));
}

static struct err *api_put_entry(json_t *entries, const struct slirp_port *p)
{
    json_t *entry;
    bool v6 = p->host.sa.sa_family == AF_INET6;
    TRY(json_push_obj(entries, &entry));
    TRY(json_put_int(entry, "id", p->id));
    TRY(json_put_str(entry, "proto", p->proto == SLIRP_UDP ? (v6 ? "udp6" : "udp") : v6 ? "tcp6" : "tcp"));
    TRY(api_put_end(entry, &p->host, "host_addr", "host_port"));
    return api_put_end(entry, &p->guest, "guest_addr", "guest_port");
}

struct err *api_answer_list(const struct slirp_port *ports, size_t n, char **ret)
{
    AUTO_JSON json_t *j = NULL;
    json_t *inner, *entries;
    TRY(api_answer("return", &j, &inner));
    TRY(json_put_arr(inner, "entries", &entries));
    for (size_t i = 0; i < n; i++)
        TRY(api_put_entry(entries, &ports[i]));
    return json_text(j, ret);
}
