#include "engine/registry/conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/registry/places.h"
#include "engine/registry/toml.h"

#define SYSTEM_FILE "/etc/containers/registries.conf"
#define SYSTEM_DIR SYSTEM_FILE ".d"

void registry_conf_freep(struct registry_conf **conf)
{
    struct registry_conf *c = *conf;
    *conf = NULL;
    if (!c)
        return;
    json_decref(c->registries);
    json_decref(c->aliases);
    json_decref(c->alias_files);
    strv_done(&c->search);
    strv_done(&c->helpers);
    mem_freep(&c->files);
    mem_freep(&c);
}

/* --- what a file says */

static struct err *check_type(const json_t *v, const char *key, json_type wanted, const char *file)
{
    bool right = wanted == JSON_TRUE ? json_is_boolean(v) : json_typeof(v) == wanted;
    return right ? NULL : ERR_NEW(ERR_INVALID, "%s: %s has the wrong type", file, key);
}

static struct err *check_table(json_t *table, bool is_mirror, const char *file)
{
    static const struct {
        const char *key;
        json_type type;
        bool mirror;
    } known[] = {{"prefix", JSON_STRING, false},         {"location", JSON_STRING, true},
                 {"insecure", JSON_TRUE, true},          {"blocked", JSON_TRUE, false},
                 {"mirror", JSON_ARRAY, false},          {"mirror-by-digest-only", JSON_TRUE, false},
                 {"pull-from-mirror", JSON_STRING, true}};
    const char *key;
    json_t *v;
    if (!json_is_object(table))
        return ERR_NEW(ERR_INVALID, "%s: [[registry]] must be a table", file);
    json_object_foreach (table, key, v) {
        size_t i = 0;
        while (i < ARRAY_LEN(known) && (strcmp(known[i].key, key) != 0 || (is_mirror && !known[i].mirror)))
            i++;
        if (i < ARRAY_LEN(known))
            TRY(check_type(v, key, known[i].type, file));
        else
            log_debug("%s: unknown key %s", file, key);
    }
    if (!json_string_value(json_object_get(table, "location")) && !json_string_value(json_object_get(table, "prefix")))
        return ERR_NEW(ERR_INVALID, "%s: a registry needs a location or a prefix", file);
    return NULL;
}

static const char *prefix_of(const json_t *entry)
{
    const char *prefix = json_string_value(json_object_get(entry, "prefix"));
    return prefix && prefix[0] ? prefix : json_string_value(json_object_get(entry, "location"));
}

static struct err *add_registry(struct registry_conf *c, json_t *entry, const char *file)
{
    size_t i;
    json_t *old, *mirror;
    TRY(check_table(entry, false, file));
    json_array_foreach (json_object_get(entry, "mirror"), i, mirror) {
        TRY(check_table(mirror, true, file));
    }
    json_array_foreach (c->registries, i, old) {
        if (strcmp(prefix_of(old), prefix_of(entry)) == 0)
            return json_array_set(c->registries, i, entry) ? err_oom() : NULL;
    }
    return json_array_append(c->registries, entry) ? err_oom() : NULL;
}

static struct err *add_mode(struct registry_conf *c, const json_t *root, const char *file)
{
    static const char *const modes[] = {"enforcing", "permissive", "disabled"};
    const char *text = NULL;
    TRY(json_get_str(root, "short-name-mode", file, &text));
    for (size_t i = 0; text && i < ARRAY_LEN(modes); i++) {
        if (strcmp(modes[i], text) == 0) {
            c->mode = (enum short_name_mode)i;
            return NULL;
        }
    }
    return text ? ERR_NEW(ERR_INVALID, "%s: short-name-mode is \"%s\", not enforcing, permissive or disabled", file,
                          text)
                : NULL;
}

static struct err *add_aliases(struct registry_conf *c, const json_t *root, const char *file)
{
    json_t *aliases = NULL, *v;
    const char *name;
    TRY(json_get_obj(root, "aliases", file, &aliases));
    json_object_foreach (aliases, name, v) {
        TRY(check_type(v, name, JSON_STRING, file));
        if (json_object_set(c->aliases, name, v))
            return err_oom();
        TRY(json_put_str(c->alias_files, name, file));
    }
    return NULL;
}

static struct err *add_file(struct registry_conf *c, const json_t *root, const char *file)
{
    json_t *list = NULL, *entry;
    size_t i;
    if (json_object_get(root, "registries"))
        return ERR_NEW(ERR_UNSUPPORTED, "%s: version 1 of the format ([registries.search] …) is not supported", file);
    TRY(json_get_arr(root, "registry", file, &list));
    json_array_foreach (list, i, entry) {
        TRY(add_registry(c, entry, file));
    }
    if (json_object_get(root, "unqualified-search-registries")) {
        TRY(json_get_strv(root, "unqualified-search-registries", file, &c->search));
        TRY(mem_replace(&c->files, file));
    }
    if (json_object_get(root, "credential-helpers"))
        TRY(json_get_strv(root, "credential-helpers", file, &c->helpers));
    TRY(add_mode(c, root, file));
    return add_aliases(c, root, file);
}

static struct err *conf_new(struct registry_conf **ret)
{
    struct registry_conf *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_oom();
    c->registries = json_array();
    c->aliases = json_object();
    c->alias_files = json_object();
    if (!c->registries || !c->aliases || !c->alias_files) {
        registry_conf_freep(&c);
        return err_oom();
    }
    *ret = c;
    return NULL;
}

struct err *registry_conf_add(struct registry_conf **conf, const char *text, size_t len, const char *file)
{
    AUTO_JSON json_t *root = NULL;
    if (!*conf)
        TRY(conf_new(conf));
    TRY(toml_parse(text, len, file, &root));
    (*conf)->any = true;
    if (!(*conf)->files)
        TRY(mem_strdup(file, &(*conf)->files));
    return add_file(*conf, root, file);
}

/* --- where the files are */

static struct err *add_path(struct registry_conf **c, const char *path)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    if (path)
        TRY(places_read(path, TOML_MAX_BYTES, &text, &len));
    return text ? registry_conf_add(c, text, len, path) : NULL;
}

static struct err *add_dir(struct registry_conf **c, const char *dir)
{
    AUTO_STRV struct strv files = STRV_INIT;
    if (dir)
        TRY(places_list(dir, ".conf", &files));
    for (size_t i = 0; i < files.count; i++)
        TRY(add_path(c, files.items[i]));
    return NULL;
}

static struct err *load_files(struct registry_conf *c)
{
    AUTO_FREE char *user_file = NULL, *user_dir = NULL;
    const char *named = getenv("CONTAINERS_REGISTRIES_CONF");
    if (!named || !named[0])
        named = getenv("REGISTRIES_CONFIG_PATH");
    TRY(places_user_config("registries.conf", &user_file));
    TRY(places_user_config("registries.conf.d", &user_dir));
    if (named && named[0])
        return add_path(&c, named);
    TRY(add_path(&c, user_file));
    if (!c->any)
        TRY(add_path(&c, SYSTEM_FILE));
    TRY(add_dir(&c, SYSTEM_DIR));
    return add_dir(&c, user_dir);
}

struct err *registry_conf_load(struct registry_conf **ret)
{
    AUTO_REGISTRY_CONF struct registry_conf *c = NULL;
    TRY(conf_new(&c));
    TRY(load_files(c));
    TRY(alias_load(c)); /* what the user chose once counts more than what files say */
    *ret = TAKE_PTR(c);
    return NULL;
}

/* --- questions */

/* How much of `name` a prefix covers: whole components, a tag, or with "*." in front any subdomain. 0: does not fit. */
static size_t covers(const char *prefix, const char *name)
{
    size_t len = strlen(prefix);
    if (prefix[0] == '*' && prefix[1] == '.') {
        size_t host = strcspn(name, "/");
        len--; /* ".example.com" */
        return host > len && memcmp(name + host - len, prefix + 1, len) == 0 ? host : 0;
    }
    return strncmp(prefix, name, len) == 0 && (!name[len] || strchr("/:@", name[len])) ? len : 0;
}

const json_t *conf_entry(const struct registry_conf *c, const char *name, size_t *ret_len)
{
    const json_t *best = NULL;
    json_t *entry;
    size_t i, best_prefix = 0;
    json_array_foreach (c->registries, i, entry) {
        const char *prefix = prefix_of(entry);
        size_t len = covers(prefix, name);
        if (len && strlen(prefix) > best_prefix) {
            best = entry;
            best_prefix = strlen(prefix);
            *ret_len = len;
        }
    }
    return best;
}
