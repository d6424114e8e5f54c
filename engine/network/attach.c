#include "engine/network/attach.h"

#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "slirp/config.h"

#define ATTACH_MAX 32        /* networks of one container */
#define ATTACH_NAME_MAX 253u /* RFC 1035, 2.3.4: of a name, without the last dot */

void network_attach_done(struct network_attach *a)
{
    char **strings[] = {&a->network, &a->ifname, &a->ip, &a->ip6, &a->mac};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        mem_freep(strings[i]);
    strv_done(&a->aliases);
}

void network_attach_list_done(struct network_attach_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        network_attach_done(&l->items[i]);
    mem_freep(&l->items);
    *l = (struct network_attach_list){0};
}

/* --- one option */

static struct err *set_once(char **slot, const char *what, const char *text)
{
    if (*slot && strcmp(*slot, text) != 0)
        return ERR_NEW(ERR_INVALID, "%s %s and %s cannot be set for one network", what, *slot, text);
    return mem_replace(slot, text);
}

struct err *network_attach_set_ip(struct network_attach *a, const char *text)
{
    struct ip_addr ip;
    if (!ip_parse(text, &ip))
        return ERR_NEW(ERR_INVALID, "invalid ip address \"%s\"", text);
    return set_once(ip.family == AF_INET6 ? &a->ip6 : &a->ip, "the addresses", ip_text(&ip).s);
}

struct err *network_attach_set_mac(struct network_attach *a, const char *text)
{
    struct slirp_config c = {0};
    struct err *e = slirp_config_set_mac(&c, text);
    if (e) {
        err_drop(e);
        return ERR_NEW(ERR_INVALID, "address %s: invalid MAC address", text);
    }
    AUTO_FREE char *mac = NULL;
    TRY(mem_asprintf(&mac, "%02x:%02x:%02x:%02x:%02x:%02x", c.mac[0], c.mac[1], c.mac[2], c.mac[3], c.mac[4],
                     c.mac[5]));
    return set_once(&a->mac, "the MAC addresses", mac);
}

struct err *network_attach_set_ifname(struct network_attach *a, const char *text)
{
    struct slirp_config c = {0};
    if (!*text)
        return ERR_NEW(ERR_INVALID, "interface_name cannot be empty");
    TRY(slirp_config_set_ifname(&c, text));
    if (strcmp(text, "lo") == 0)
        return ERR_NEW(ERR_INVALID, "interface_name lo is the loopback device's");
    return set_once(&a->ifname, "the interface names", text);
}

/* A name that the resolver answers and that may stand in /etc/hosts: letters, digits, '-', '_' and dots between. */
static bool is_host_name(const char *text)
{
    size_t len = strlen(text);
    if (!len || len > ATTACH_NAME_MAX || text[0] == '.' || text[len - 1] == '.' || strstr(text, ".."))
        return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

struct err *network_attach_add_alias(struct network_attach *a, const char *text)
{
    if (!*text)
        return ERR_NEW(ERR_INVALID, "alias cannot be empty");
    if (!is_host_name(text))
        return ERR_NEW(ERR_INVALID, "alias \"%s\" cannot be a host's name", text);
    if (strv_contains(&a->aliases, text))
        return NULL;
    if (a->aliases.count >= ATTACH_ALIASES_MAX)
        return ERR_NEW(ERR_INVALID, "more than %d aliases", ATTACH_ALIASES_MAX);
    return strv_add(&a->aliases, text);
}

/* --- --network */

static struct err *set_option(struct network_attach *a, const char *option)
{
    static const struct {
        const char *name;
        struct err *(*set)(struct network_attach *, const char *);
    } known[] = {
        {"alias", network_attach_add_alias}, {"interface_name", network_attach_set_ifname},
        {"ip", network_attach_set_ip},       {"ip6", network_attach_set_ip},
        {"mac", network_attach_set_mac},
    };
    size_t len = strcspn(option, "=");
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strlen(known[i].name) == len && strncmp(known[i].name, option, len) == 0)
            return known[i].set(a, option[len] ? option + len + 1 : "");
    return ERR_NEW(ERR_INVALID, "unknown bridge network option: %.*s", (int)len, option);
}

/* *ret_a: the new element, or NULL where the network is in the list already. */
static struct err *add(struct network_attach_list *l, const char *name, struct network_attach **ret_a)
{
    *ret_a = NULL;
    if (!*name)
        return ERR_NEW(ERR_INVALID, "network name cannot be empty");
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i].network, name) == 0)
            return NULL;
    TRY(mem_grow(&l->items, l->count, &l->cap, sizeof(*l->items), ATTACH_MAX));
    struct network_attach *a = &l->items[l->count];
    *a = (struct network_attach){0};
    TRY(mem_strdup(name, &a->network));
    l->count++;
    *ret_a = a;
    return NULL;
}

static struct err *add_names(const char *value, struct network_attach_list *l)
{
    AUTO_STRV struct strv names = STRV_INIT;
    struct network_attach *a;
    TRY(strv_split(value, ',', &names));
    for (size_t i = 0; i < names.count; i++)
        TRY(add(l, names.items[i], &a));
    return NULL;
}

struct err *network_attach_parse(const char *value, struct network_attach_list *l)
{
    const char *colon = strchr(value, ':');
    AUTO_FREE char *name = NULL;
    AUTO_STRV struct strv options = STRV_INIT;
    AUTO_NETWORK_ATTACH struct network_attach second = {0};
    struct network_attach *a;
    if (!colon)
        return add_names(value, l);
    TRY(mem_strndup(value, (size_t)(colon - value), &name));
    TRY(add(l, name, &a));
    if (!colon[1])
        return NULL;
    TRY(strv_split(colon + 1, ',', &options));
    for (size_t i = 0; i < options.count; i++)
        TRY_WRAP(set_option(a ? a : &second, options.items[i]), "invalid option for network %s", name);
    return NULL;
}

struct err *network_attach_text(const struct network_attach *a, char **ret)
{
    const struct {
        const char *key, *value;
    } options[] = {{"ip", a->ip}, {"ip6", a->ip6}, {"mac", a->mac}, {"interface_name", a->ifname}};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    char separator = ':';
    TRY(strbuf_puts(&sb, a->network));
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (!options[i].value)
            continue;
        TRY(strbuf_printf(&sb, "%c%s=%s", separator, options[i].key, options[i].value));
        separator = ',';
    }
    for (size_t i = 0; i < a->aliases.count; i++) {
        TRY(strbuf_printf(&sb, "%calias=%s", separator, a->aliases.items[i]));
        separator = ',';
    }
    return strbuf_take(&sb, ret);
}
