#include "engine/trust/registries_d.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/trust/yaml_json.h"

#define ORIGIN " file" /* a key that no file can have: YAML would have to quote it, and then it is unknown */

static struct err *check_member(const char *key, const json_t *value, const char *where, const char *file)
{
    static const char *const urls[] = {"lookaside", "lookaside-staging", "sigstore", "sigstore-staging"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        if (strcmp(key, urls[i]) != 0)
            continue;
        if (json_is_string(value) || json_is_null(value))
            return NULL;
        return ERR_NEW(ERR_INVALID, "%s: %s: %s is not a text", file, where, key);
    }
    if (strcmp(key, "use-sigstore-attachments") != 0)
        log_debug("%s: %s: unknown key %s", file, where, key);
    else if (!json_is_boolean(value) && !json_is_null(value))
        return ERR_NEW(ERR_INVALID, "%s: %s: %s is neither true nor false", file, where, key);
    return NULL;
}

/* Takes the section. A null one says nothing. */
static struct err *add_section(json_t *into, const char *scope, json_t *section, const char *where, const char *file)
{
    const char *key;
    json_t *value;
    const json_t *before = json_object_get(into, scope);
    if (before)
        return ERR_NEW(ERR_INVALID, "\"%s\" is defined both in %s and in %s", where,
                       json_string_value(json_object_get(before, ORIGIN)), file);
    if (!json_is_object(section))
        return ERR_NEW(ERR_INVALID, "%s: %s is not a mapping", file, where);
    json_object_foreach (section, key, value)
        TRY(check_member(key, value, where, file));
    TRY(json_put(into, scope, json_incref(section)));
    return json_put_str(section, ORIGIN, file);
}

static struct err *add_scopes(json_t *merged, json_t *scopes, const char *file)
{
    const char *scope;
    json_t *section, *into = json_object_get(merged, "docker");
    if (json_is_null(scopes))
        return NULL;
    if (!json_is_object(scopes))
        return ERR_NEW(ERR_INVALID, "%s: docker is not a mapping", file);
    if (!into)
        TRY(json_put_obj(merged, "docker", &into));
    json_object_foreach (scopes, scope, section)
        TRY(add_section(into, scope, section, scope, file));
    return NULL;
}

struct err *registries_d_add(json_t **merged, const char *text, size_t len, const char *file)
{
    AUTO_JSON json_t *root = NULL;
    const char *key;
    json_t *value;
    TRY(yaml_json_parse(text, len, file, &root));
    if (!*merged)
        *merged = json_object();
    if (!*merged)
        return err_oom();
    if (json_is_null(root))
        return NULL;
    if (!json_is_object(root))
        return ERR_NEW(ERR_INVALID, "%s: the file is not a mapping", file);
    json_object_foreach (root, key, value) {
        if (strcmp(key, "default-docker") == 0)
            TRY(json_is_null(value) ? NULL : add_section(*merged, key, value, key, file));
        else if (strcmp(key, "docker") == 0)
            TRY(add_scopes(*merged, value, file));
        else
            log_debug("%s: unknown key %s", file, key);
    }
    return NULL;
}

void registries_d_finish(json_t *merged)
{
    const char *scope;
    json_t *section;
    (void)json_object_del(json_object_get(merged, "default-docker"), ORIGIN);
    json_object_foreach (json_object_get(merged, "docker"), scope, section)
        (void)json_object_del(section, ORIGIN);
}
