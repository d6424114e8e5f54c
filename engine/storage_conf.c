#include "engine/storage_conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/registry/places.h"
#include "engine/registry/toml.h"

#define CONF_NAME "storage.conf"
#define CONF_OPTIONS "storage.options"
#define CONF_STORE "overlay.additionalimagestore="

void storage_conf_done(struct storage_conf *c)
{
    mem_freep(&c->file);
    mem_freep(&c->driver);
    strv_done(&c->options);
}

/* Those of [storage.options] that drivers share, and those of [storage.options.overlay]. */
static bool is_option(const char *key)
{
    static const char *const names[] = {
        "mount_program",       "mountopt",      "size",       "inodes",          "force_mask",
        "ignore_chown_errors", "use_composefs", "imagestore", "skip_mount_home",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], key) == 0)
            return true;
    return false;
}

static struct err *add_stores(struct storage_conf *c, const char *table, const json_t *v)
{
    if (!json_is_array(v))
        return ERR_NEW(ERR_INVALID, "%s: %s.additionalimagestores is no list", c->file, table);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const char *path = json_string_value(json_array_get(v, i));
        if (!path)
            return ERR_NEW(ERR_INVALID, "%s: %s.additionalimagestores is no list of paths", c->file, table);
        TRY(strv_addf(&c->options, CONF_STORE "%s", path));
    }
    return NULL;
}

/* Strings and truth values; later ones replace earlier ones when they are set. */
static struct err *add_option(struct storage_conf *c, const char *table, const char *key, const json_t *v)
{
    if (json_is_object(v))
        return NULL; /* another driver's table, or the next one */
    if (strcmp(key, "additionalimagestores") == 0)
        return add_stores(c, table, v);
    if (!is_option(key)) {
        log_debug("%s: %s.%s has no meaning here", c->file, table, key);
        return NULL;
    }
    if (!json_is_string(v) && !json_is_boolean(v))
        return ERR_NEW(ERR_INVALID, "%s: %s.%s has the wrong type", c->file, table, key);
    const char *text = json_is_string(v) ? json_string_value(v) : json_is_true(v) ? "true" : "false";
    return *text ? strv_addf(&c->options, "overlay.%s=%s", key, text) : NULL;
}

static struct err *add_table(struct storage_conf *c, const char *name, const json_t *table)
{
    const char *key;
    json_t *v;
    if (table && !json_is_object(table))
        return ERR_NEW(ERR_INVALID, "%s: %s is no table", c->file, name);
    json_object_foreach ((json_t *)(uintptr_t)table, key, v)
        TRY(add_option(c, name, key, v));
    return NULL;
}

static struct err *take_document(struct storage_conf *c, const json_t *root)
{
    const json_t *storage = json_object_get(root, "storage"), *driver = json_object_get(storage, "driver");
    const json_t *options = json_object_get(storage, "options");
    if (storage && !json_is_object(storage))
        return ERR_NEW(ERR_INVALID, "%s: storage is no table", c->file);
    if (driver && !json_is_string(driver))
        return ERR_NEW(ERR_INVALID, "%s: storage.driver has the wrong type", c->file);
    if (driver && *json_string_value(driver))
        TRY(mem_replace(&c->driver, json_string_value(driver)));
    TRY(add_table(c, CONF_OPTIONS, options));
    return add_table(c, CONF_OPTIONS ".overlay", json_object_get(options, "overlay"));
}

/* Sets c->file when it is there. */
static struct err *read_file(struct storage_conf *c, const char *path)
{
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *root = NULL;
    size_t len = 0;
    TRY(places_read(path, TOML_MAX_BYTES, &text, &len));
    if (!text)
        return NULL;
    TRY(mem_replace(&c->file, path));
    TRY(toml_parse(text, len, path, &root));
    return take_document(c, root);
}

void storage_conf_keep_stores(struct storage_conf *c)
{
    for (size_t i = c->options.count; i-- > 0;)
        if (strncmp(c->options.items[i], CONF_STORE, strlen(CONF_STORE)) != 0)
            strv_remove(&c->options, i);
}

struct err *storage_conf_read(bool is_root, bool system, struct storage_conf *ret)
{
    static const char *const systems[] = {"/etc/containers/" CONF_NAME, "/usr/share/containers/" CONF_NAME};
    const char *named = getenv("CONTAINERS_STORAGE_CONF");
    AUTO_FREE char *own = NULL;
    if (named && *named) {
        TRY(read_file(ret, named));
        return ret->file ? NULL : ERR_NEW(ERR_NOT_FOUND, "CONTAINERS_STORAGE_CONF=%s: no such file", named);
    }
    if (!is_root)
        TRY(places_user_config(CONF_NAME, &own));
    if (own)
        TRY(read_file(ret, own));
    if (ret->file || (!is_root && !system))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(systems) && !ret->file; i++)
        TRY(read_file(ret, systems[i]));
    /* What an administrator says about drivers is about root's; what he shares is for all. */
    if (!is_root)
        storage_conf_keep_stores(ret);
    return NULL;
}
