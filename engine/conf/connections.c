#include "engine/conf/connections.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/conf/conf.h"
#include "engine/registry/places.h"

#define FILE_NAME "podman-connections.json"
#define FILE_MAX ((size_t)1 << 20)
#define CONNECTIONS_MAX ((size_t)4096)

static struct err *file_path(char **ret)
{
    const char *given = getenv("PODMAN_CONNECTIONS_CONF");
    if (given && *given)
        return mem_strdup(given, ret);
    TRY(places_user_config(FILE_NAME, ret));
    return *ret ? NULL : ERR_NEW(ERR_NOT_FOUND, "there is no home directory for " FILE_NAME);
}

/* The member below `obj`, made where it is missing. */
static struct err *member(json_t *obj, const char *key, json_t **ret)
{
    *ret = json_object_get(obj, key);
    return json_is_object(*ret) ? NULL : json_put_obj(obj, key, ret);
}

/* --- reading */

void connections_done(struct connections *c)
{
    json_decref(c->file);
    mem_freep(&c->items);
    *c = (struct connections){0};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct connection *)a)->name, ((const struct connection *)b)->name);
}

static bool has(const struct connections *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->items[i].name, name) == 0)
            return true;
    return false;
}

/* A table of destinations; keys have capitals in JSON, not in TOML. */
static struct err *add_all(struct connections *c, const json_t *table, const char *default_name, bool is_file)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)table, name, value) {
        const char *uri = json_string_value(json_object_get(value, is_file ? "URI" : "uri"));
        const char *identity = json_string_value(json_object_get(value, is_file ? "Identity" : "identity"));
        if (has(c, name))
            continue;
        TRY(mem_grow(&c->items, c->count, &c->cap, sizeof(*c->items), CONNECTIONS_MAX));
        c->items[c->count++] = (struct connection){
            .name = name,
            .uri = uri ? uri : "",
            .identity = identity ? identity : "",
            .is_machine = json_is_true(json_object_get(value, is_file ? "IsMachine" : "is_machine")),
            .is_default = default_name && strcmp(default_name, name) == 0,
            .read_write = is_file,
        };
    }
    return NULL;
}

struct err *connections_read(const struct conf *conf, struct connections *ret)
{
    AUTO_FREE char *path = NULL;
    AUTO_CONNECTIONS struct connections c = {0};
    TRY(file_path(&path));
    TRY(places_read_json(path, FILE_MAX, &c.file));
    const json_t *own = json_object_get(c.file, "Connection");
    const char *name = json_string_value(json_object_get(own, "Default"));
    if (!name || !*name)
        name = json_string_value(conf_get(conf, "engine", "active_service"));
    TRY(add_all(&c, json_object_get(own, "Connections"), name, true));
    TRY(add_all(&c, conf_get(conf, "engine", "service_destinations"), name, false));
    if (c.count)
        qsort(c.items, c.count, sizeof(*c.items), by_name);
    *ret = c;
    c = (struct connections){0};
    return NULL;
}

/* --- changing */

struct change {
    const char *name, *new_name, *uri, *identity;
    bool make_default;
};

/* `fn` gets "Connection" and its "Connections". Two changes at once lose nothing: a lock on the directory. */
static struct err *change(struct err *(*fn)(json_t *own, json_t *all, const struct change *x), const struct change *x)
{
    AUTO_FREE char *path = NULL, *text = NULL;
    AUTO_JSON json_t *root = NULL;
    json_t *own, *all;
    AUTO_FD int lock = -1;
    TRY(file_path(&path));
    TRY(places_lock(path, 0755, &lock));
    TRY(places_read_json(path, FILE_MAX, &root));
    TRY(member(root, "Connection", &own));
    TRY(member(own, "Connections", &all));
    TRY(fn(own, all, x));
    TRY(member(root, "Farm", &all));
    TRY(json_text(root, &text));
    return ERR_WRAP(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_SYNC), "write %s", path);
}

static bool is_default(const json_t *own, const char *name)
{
    const char *now = json_string_value(json_object_get(own, "Default"));
    return now && strcmp(now, name) == 0;
}

static struct err *add(json_t *own, json_t *all, const struct change *x)
{
    AUTO_JSON json_t *entry = json_object();
    bool first = json_object_size(all) == 0;
    TRY(json_put_str(entry, "URI", x->uri));
    if (x->identity)
        TRY(json_put_str(entry, "Identity", x->identity));
    TRY(json_put(all, x->name, json_incref(entry)));
    return first || x->make_default ? json_put_str(own, "Default", x->name) : NULL;
}

struct err *connections_add(const char *name, const char *uri, const char *identity, bool make_default)
{
    return change(add, &(struct change){.name = name, .uri = uri, .identity = identity, .make_default = make_default});
}

static struct err *drop(json_t *own, json_t *all, const struct change *x)
{
    if (!x->name)
        json_object_clear(all);
    else
        (void)json_object_del(all, x->name);
    return !x->name || is_default(own, x->name) ? json_put_str(own, "Default", "") : NULL;
}

struct err *connections_remove(const char *name)
{
    return change(drop, &(struct change){.name = name});
}

static struct err *not_defined(const char *name)
{
    return ERR_NEW(
        ERR_NOT_FOUND,
        "\"%s\" destination is not defined. See \"coracle system connection add ...\" to create a connection", name);
}

static struct err *move(json_t *own, json_t *all, const struct change *x)
{
    json_t *entry = json_object_get(all, x->name);
    if (!entry)
        return not_defined(x->name);
    if (strcmp(x->name, x->new_name) == 0)
        return NULL;
    if (json_object_get(all, x->new_name))
        return ERR_NEW(ERR_EXISTS, "\"%s\" destination is already defined", x->new_name);
    TRY(json_put(all, x->new_name, json_incref(entry)));
    (void)json_object_del(all, x->name);
    return is_default(own, x->name) ? json_put_str(own, "Default", x->new_name) : NULL;
}

struct err *connections_rename(const char *name, const char *new_name)
{
    return change(move, &(struct change){.name = name, .new_name = new_name});
}

static struct err *set_default(json_t *own, json_t *all, const struct change *x)
{
    return json_object_get(all, x->name) ? json_put_str(own, "Default", x->name) : not_defined(x->name);
}

struct err *connections_set_default(const char *name)
{
    return change(set_default, &(struct change){.name = name});
}
