#include "engine/monitor/netplan.h"

#include <string.h>

#include "base/mem.h"

struct err *netplan_encode_join(const struct monitor_join *j, const char *names, const char *resolv, struct strbuf *ret)
{
    struct monitor_join head = *j;
    size_t names_len = strlen(names), resolv_len = strlen(resolv);
    if (names_len > HUB_NAMES_MAX || resolv_len > SLIRP_DNS_TEXT_MAX)
        return ERR_NEW(ERR_INVALID, "a network with %zu bytes of names and %zu of resolvers", names_len, resolv_len);
    head.join.names_len = (uint32_t)names_len;
    head.join.resolv_len = (uint32_t)resolv_len;
    TRY(strbuf_add(ret, &head, sizeof(head)));
    TRY(strbuf_add(ret, names, names_len));
    return strbuf_add(ret, resolv, resolv_len);
}

static bool is_hex(const char *text, size_t max)
{
    size_t n = strspn(text, "0123456789abcdef");
    return n && n <= max && !text[n];
}

struct err *netplan_decode_join(const void *data, size_t len, struct monitor_join *ret, char **ret_names,
                                char **ret_resolv)
{
    struct monitor_join j;
    AUTO_FREE char *names = NULL;
    if (len < sizeof(j))
        return ERR_NEW(ERR_CORRUPT, "a network of %zu bytes", len);
    memcpy(&j, data, sizeof(j));
    if (!memchr(j.network, 0, sizeof(j.network)) || !is_hex(j.network, HUB_ID_MAX))
        return ERR_NEW(ERR_CORRUPT, "a network with a malformed id");
    TRY(hub_join_check(&j.join));
    if (len - sizeof(j) != (size_t)j.join.names_len + j.join.resolv_len)
        return ERR_NEW(ERR_CORRUPT, "a network with malformed text");
    const char *text = (const char *)data + sizeof(j);
    TRY(mem_strndup(text, j.join.names_len, &names));
    TRY(mem_strndup(text + j.join.names_len, j.join.resolv_len, ret_resolv));
    *ret = j;
    *ret_names = TAKE_PTR(names);
    return NULL;
}
