#include "engine/conf/conf.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/registry/places.h"
#include "engine/registry/toml.h"

#define SHARE_DIR "/usr/share/containers/"
#define ETC_DIR "/etc/containers/"
#define MODULES "containers.conf.modules"

struct conf {
    json_t *values; /* table → key → value */
    json_t *files;  /* table → key → file that has set it */
    json_t *append; /* table → key → true: what comes goes behind what is there */
};

void conf_free(struct conf *c)
{
    if (!c)
        return;
    json_unrefp(&c->values);
    json_unrefp(&c->files);
    json_unrefp(&c->append);
    mem_freep(&c);
}

void conf_freep(struct conf **c)
{
    conf_free(*c);
    *c = NULL;
}

static struct err *conf_new(struct conf **ret)
{
    AUTO_CONF struct conf *c = mem_zalloc(sizeof(*c));
    if (!c)
        return err_oom();
    c->values = json_object();
    c->files = json_object();
    c->append = json_object();
    if (!c->values || !c->files || !c->append)
        return err_oom();
    *ret = TAKE_PTR(c);
    return NULL;
}

/* The object `name` below `obj`, made when it is not there. */
static struct err *table_in(json_t *obj, const char *name, json_t **ret)
{
    *ret = json_object_get(obj, name);
    return *ret ? NULL : json_put_obj(obj, name, ret);
}

/* --- one value over another */

/* Takes {append=…} out of a list. *ret: 1, 0, or -1 where it says nothing. */
static struct err *take_append(json_t *list, const char *file, const char *key, int *ret)
{
    *ret = -1;
    for (size_t i = json_array_size(list); i-- > 0;) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_object(item) || !json_object_get(item, "append"))
            continue;
        const json_t *value = json_object_get(item, "append");
        if (!json_is_boolean(value) || json_object_size(item) != 1)
            return ERR_NEW(ERR_INVALID, "%s: %s: {append=true} or {append=false} is meant by an entry with \"append\"",
                           file, key);
        *ret = json_is_true(value);
        if (json_array_remove(list, i) < 0)
            return err_oom();
    }
    return NULL;
}

static struct err *set_list(json_t *table, json_t *appends, const char *key, json_t *list, const char *file)
{
    int append;
    json_t *old = json_object_get(table, key);
    TRY(take_append(list, file, key, &append));
    if (append >= 0)
        TRY(json_put_bool(appends, key, append));
    if (!json_is_true(json_object_get(appends, key)) || !json_is_array(old))
        return json_put(table, key, json_incref(list));
    return json_array_extend(old, list) < 0 ? err_oom() : NULL;
}

static struct err *set_table(json_t *table, const char *key, json_t *members)
{
    json_t *old = json_object_get(table, key);
    if (!json_is_object(old))
        return json_put(table, key, json_incref(members));
    return json_object_update(old, members) < 0 ? err_oom() : NULL;
}

static struct err *add_table(struct conf *c, const char *name, json_t *table, const char *file)
{
    json_t *values, *files, *appends, *value;
    const char *key;
    TRY(table_in(c->values, name, &values));
    TRY(table_in(c->files, name, &files));
    TRY(table_in(c->append, name, &appends));
    json_object_foreach (table, key, value) {
        TRY(json_put_str(files, key, file));
        if (json_is_array(value))
            TRY(set_list(values, appends, key, value, file));
        else if (json_is_object(value))
            TRY(set_table(values, key, value));
        else
            TRY(json_put(values, key, json_incref(value)));
    }
    return NULL;
}

struct err *conf_add(struct conf **conf, const char *text, size_t len, const char *file)
{
    AUTO_JSON json_t *root = NULL;
    json_t *table;
    const char *name;
    if (!*conf)
        TRY(conf_new(conf));
    TRY(toml_parse(text, len, file, &root));
    json_object_foreach (root, name, table) {
        if (!json_is_object(table))
            return ERR_NEW(ERR_INVALID, "%s: %s: not a table: settings stand below [containers], [engine] …", file,
                           name);
        TRY(add_table(*conf, name, table, file));
    }
    return NULL;
}

/* --- where the files are */

static struct err *add_path(struct conf **c, const char *path, bool must_exist)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    struct err *e = places_read(path, TOML_MAX_BYTES, &text, &len);
    if (e && err_kind(e) == ERR_DENIED && !must_exist) {
        err_drop(e);
        e = NULL;
    }
    TRY(e);
    if (!text && must_exist)
        return ERR_NEW(ERR_NOT_FOUND, "open %s: no such file or directory", path);
    return text ? conf_add(c, text, len, path) : NULL;
}

/* FILE and FILE.d. */
static struct err *add_place(struct conf **c, const char *file)
{
    AUTO_STRV struct strv files = STRV_INIT;
    AUTO_FREE char *dir = NULL;
    if (!file)
        return NULL;
    TRY(mem_asprintf(&dir, "%s.d", file));
    TRY(add_path(c, file, false));
    TRY(places_list(dir, ".conf", &files));
    for (size_t i = 0; i < files.count; i++)
        TRY(add_path(c, files.items[i], false));
    return NULL;
}

static struct err *add_module(struct conf **c, const char *name)
{
    AUTO_FREE char *user = NULL;
    const char *const dirs[] = {ETC_DIR MODULES, SHARE_DIR MODULES};
    if (name[0] == '/')
        return add_path(c, name, true);
    TRY(places_user_config(MODULES, &user));
    for (size_t i = 0; i < ARRAY_LEN(dirs) + 1; i++) {
        AUTO_FREE char *path = NULL;
        const char *dir = i ? dirs[i - 1] : user;
        if (!dir)
            continue;
        TRY(mem_asprintf(&path, "%s/%s", dir, name));
        if (access(path, F_OK) == 0)
            return add_path(c, path, true);
    }
    return ERR_NEW(ERR_NOT_FOUND,
                   "could not resolve module \"%s\": it is not below %s%s" ETC_DIR MODULES " or " SHARE_DIR MODULES,
                   name, user ? user : "", user ? ", " : "");
}

struct err *conf_load(const struct strv *modules, struct conf **ret)
{
    AUTO_CONF struct conf *c = NULL;
    AUTO_FREE char *user = NULL;
    const char *instead = getenv("CONTAINERS_CONF"), *over = getenv("CONTAINERS_CONF_OVERRIDE");
    TRY(conf_new(&c));
    if (instead && *instead) {
        TRY(add_path(&c, instead, true));
    } else {
        TRY(places_user_config("containers.conf", &user));
        TRY(add_path(&c, SHARE_DIR "containers.conf", false));
        TRY(add_place(&c, ETC_DIR "containers.conf"));
        TRY(add_place(&c, user));
    }
    for (size_t i = 0; modules && i < modules->count; i++)
        TRY(add_module(&c, modules->items[i]));
    if (over && *over)
        TRY(add_path(&c, over, true));
    *ret = TAKE_PTR(c);
    return NULL;
}

/* --- questions */

const json_t *conf_get(const struct conf *c, const char *table, const char *key)
{
    return json_object_get(json_object_get(c->values, table), key);
}

const char *conf_file(const struct conf *c, const char *table, const char *key)
{
    const char *file = json_string_value(json_object_get(json_object_get(c->files, table), key));
    return file ? file : "";
}
