#include "engine/image/policy.h"

#include <unistd.h>

#include "base/mem.h"
#include "engine/registry/places.h"

#define SYSTEM_FILE "/etc/containers/policy.json"

void policy_done(struct policy *p)
{
    mem_freep(&p->file);
    json_unrefp(&p->root);
}

struct err *policy_find_file(char **ret)
{
    AUTO_FREE char *path = NULL;
    TRY(places_user_config("policy.json", &path));
    if (!path || access(path, F_OK) < 0)
        TRY(mem_replace(&path, SYSTEM_FILE));
    if (access(path, F_OK) == 0)
        *ret = TAKE_PTR(path);
    return NULL;
}

struct err *policy_load(const char *file, struct policy *ret)
{
    AUTO_FREE char *path = NULL, *text = NULL;
    size_t len = 0;
    if (file && file[0])
        TRY(mem_strdup(file, &path));
    else
        TRY(policy_find_file(&path));
    if (!path)
        return NULL;
    TRY_WRAP(places_read(path, POLICY_MAX_BYTES, &text, &len), "signature policy");
    if (!text)
        return ERR_NEW(ERR_NOT_FOUND, "open %s: no such file or directory", path);
    return policy_parse(text, len, path, ret);
}

json_t *policy_requirements(const struct policy *p, const char *transport, const struct strv *scopes)
{
    const json_t *known = json_object_get(json_object_get(p->root, "transports"), transport);
    json_t *found = NULL;
    for (size_t i = 0; i < scopes->count && !found; i++)
        found = json_object_get(known, scopes->items[i]);
    if (!found)
        found = json_object_get(known, "");
    return found ? found : json_object_get(p->root, "default");
}
