/* Short names ("debian") to repositories. See containers-registries.conf(5), "unqualified-search-registries" and
 * "short-name-mode". Computes only. */
#include <string.h>

#include "base/mem.h"
#include "engine/registry/conf.h"

#define DOCKER_IO "docker.io"
#define SYSTEM_FILE "/etc/containers/registries.conf"

void short_name_done(struct short_name *s)
{
    strv_done(&s->names);
    mem_freep(&s->why);
}

/* Nothing is configured at all: what everybody means. A configuration without search registries means none. */
static bool is_unconfigured(const struct registry_conf *c)
{
    return c->search.count == 0 && !c->any;
}

struct err *registry_conf_search(const struct registry_conf *c, struct strv *ret)
{
    return is_unconfigured(c) ? strv_add(ret, DOCKER_IO) : strv_add_all(ret, c->search.items);
}

static struct err *search_names(const struct registry_conf *c, const char *name, struct strv *ret)
{
    AUTO_STRV struct strv domains = STRV_INIT;
    TRY(registry_conf_search(c, &domains));
    for (size_t i = 0; i < domains.count; i++) {
        const char *domain = domains.items[i];
        bool library = strcmp(domain, DOCKER_IO) == 0 && name[strcspn(name, "/")] == '\0';
        AUTO_FREE char *path = NULL;
        TRY(mem_strdup(name, &path));
        TRY(strv_addf(ret, "%s/%s%s", domain, library ? "library/" : "", path));
    }
    return NULL;
}

struct err *registry_conf_candidates(const struct registry_conf *c, const char *name, struct strv *ret)
{
    const char *alias = json_string_value(json_object_get(c->aliases, name));
    if (alias && alias[0])
        TRY(strv_add(ret, alias));
    return search_names(c, name, ret);
}

static struct err *resolve(const struct registry_conf *c, const char *name, bool can_ask, struct short_name *s)
{
    const char *alias = json_string_value(json_object_get(c->aliases, name));
    const char *file = json_string_value(json_object_get(c->alias_files, name));
    if (alias && alias[0]) {
        TRY(mem_asprintf(&s->why, "Resolved \"%s\" as an alias (%s)", name, file ? file : ""));
        return strv_add(&s->names, alias);
    }
    TRY(search_names(c, name, &s->names));
    if (s->names.count == 0)
        return ERR_NEW(ERR_NOT_FOUND,
                       "short-name \"%s\" did not resolve to an alias and no unqualified-search registries are defined "
                       "in \"%s\"",
                       name, c->files ? c->files : SYSTEM_FILE);
    if (c->any)
        TRY(mem_asprintf(&s->why, "Resolving \"%s\" using unqualified-search registries (%s)", name, c->files));
    if (s->names.count == 1 || c->mode == SHORT_NAME_DISABLED)
        return NULL;
    s->ambiguous = can_ask;
    if (can_ask || c->mode == SHORT_NAME_PERMISSIVE)
        return NULL;
    AUTO_FREE char *list = NULL;
    TRY(strv_join(&s->names, ", ", &list));
    return ERR_NEW(ERR_INVALID,
                   "short-name resolution enforced but cannot prompt without a TTY: \"%s\" may be one of %s", name,
                   list);
}

struct err *registry_conf_short_name(const struct registry_conf *c, const char *name, bool can_ask,
                                     struct short_name *ret)
{
    AUTO_SHORT_NAME struct short_name s = {0};
    TRY(resolve(c, name, can_ask, &s));
    *ret = s;
    s = (struct short_name){0};
    return NULL;
}
