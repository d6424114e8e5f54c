#include "engine/image/policy.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/registry/places.h"

#define SYSTEM_FILE "/etc/containers/policy.json"
#define POLICY_MAX_BYTES ((size_t)1 << 20)

/* How much of the name a scope covers: the whole name, a repository, a namespace, a host, "*.domain"; 0: does not. */
static size_t covers(const char *scope, const char *name)
{
    size_t len = strlen(scope);
    if (scope[0] == '*' && scope[1] == '.') {
        size_t host = strcspn(name, "/:");
        return host > len - 1 && memcmp(name + host - (len - 1), scope + 1, len - 1) == 0 ? len - 1 : 0;
    }
    return strncmp(scope, name, len) == 0 && (!name[len] || strchr("/:@", name[len])) ? len : 0;
}

/* The requirements of the most specific scope. */
static const json_t *requirements(const json_t *root, const char *name)
{
    json_t *scopes = json_object_get(json_object_get(root, "transports"), "docker"), *v;
    const json_t *best = json_object_get(scopes, "");
    size_t best_len = 0;
    const char *scope;
    json_object_foreach (scopes, scope, v) {
        size_t len = scope[0] ? covers(scope, name) : 0;
        if (len > best_len) {
            best = v;
            best_len = len;
        }
    }
    return best ? best : json_object_get(root, "default");
}

struct err *policy_check_text(const char *text, size_t len, const char *file, const char *full_name)
{
    AUTO_JSON json_t *root = NULL;
    json_t *one;
    size_t i;
    TRY(json_parse(text, len, file, &root));
    const json_t *list = requirements(root, full_name);
    if (!json_is_array(list) || json_array_size(list) == 0)
        return ERR_NEW(ERR_INVALID, "%s: no requirements for %s, and no default", file, full_name);
    json_array_foreach (list, i, one) {
        const char *type = json_string_value(json_object_get(one, "type"));
        if (!type)
            return ERR_NEW(ERR_INVALID, "%s: a requirement without a type", file);
        if (strcmp(type, "reject") == 0)
            return ERR_NEW(ERR_DENIED, "Source image rejected: Running image docker://%s is rejected by policy (%s)",
                           full_name, file);
        if (strcmp(type, "insecureAcceptAnything") != 0)
            return ERR_NEW(ERR_UNSUPPORTED,
                           "%s wants %s for %s: verifying signatures is not built yet, so it is refused", file, type,
                           full_name);
    }
    return NULL;
}

struct err *policy_check(const char *full_name)
{
    AUTO_FREE char *path = NULL, *text = NULL;
    size_t len = 0;
    TRY(places_user_config("policy.json", &path));
    if (path)
        TRY(places_read(path, POLICY_MAX_BYTES, &text, &len));
    if (!text) {
        TRY(mem_replace(&path, SYSTEM_FILE));
        TRY(places_read(path, POLICY_MAX_BYTES, &text, &len));
    }
    return text ? policy_check_text(text, len, path, full_name) : NULL;
}
