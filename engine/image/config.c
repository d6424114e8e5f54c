/* What a container needs of an image's config. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/image/internal.h"

void image_config_done(struct image_config *c)
{
    strv_done(&c->env);
    strv_done(&c->cmd);
    strv_done(&c->entrypoint);
    strv_done(&c->volumes);
    strv_done(&c->exposed_ports);
    strv_done(&c->shell);
    strv_done(&c->labels);
    mem_freep(&c->user);
    mem_freep(&c->workdir);
    mem_freep(&c->stop_signal);
    mem_freep(&c->healthcheck);
}

/* Keys of an object member: how the config writes sets. */
static struct err *get_keys(const json_t *obj, const char *name, struct strv *ret)
{
    json_t *set = NULL;
    TRY(json_get_obj(obj, name, "config", &set));
    const char *key;
    json_t *value;
    json_object_foreach (set, key, value)
        TRY(strv_add(ret, key));
    return NULL;
}

/* A string; empty means not set, as all builders write it. */
static struct err *get_text(const json_t *obj, const char *name, char **ret)
{
    const char *s = NULL;
    TRY(json_get_str(obj, name, "config", &s));
    return s && s[0] ? mem_strdup(s, ret) : NULL;
}

static struct err *fill(const struct manifest_config *parsed, struct image_config *c)
{
    json_t *settings = NULL, *healthcheck = NULL;
    TRY(json_get_obj(parsed->root, "config", "config", &settings));
    if (!settings)
        return NULL;
    TRY(json_get_strv(settings, "Env", "config", &c->env));
    TRY(json_get_strv(settings, "Cmd", "config", &c->cmd));
    TRY(json_get_strv(settings, "Entrypoint", "config", &c->entrypoint));
    TRY(json_get_strv(settings, "Shell", "config", &c->shell));
    TRY(get_keys(settings, "Volumes", &c->volumes));
    TRY(get_keys(settings, "ExposedPorts", &c->exposed_ports));
    TRY(get_text(settings, "User", &c->user));
    TRY(get_text(settings, "WorkingDir", &c->workdir));
    TRY(get_text(settings, "StopSignal", &c->stop_signal));
    const char *key;
    json_t *value;
    json_object_foreach (parsed->labels, key, value)
        TRY(strv_addf(&c->labels, "%s=%s", key, json_string_value(value)));
    TRY(json_get_obj(settings, "Healthcheck", "config", &healthcheck));
    return healthcheck ? json_text(healthcheck, &c->healthcheck) : NULL;
}

struct err *image_read_config(struct engine *e, const struct image *i, struct image_config *ret)
{
    AUTO_MANIFEST_CONFIG struct manifest_config parsed = {0};
    struct image_config c = {0};
    if (i->is_list) {
        *ret = c;
        return NULL;
    }
    TRY(image_parse_config(e, i, &parsed));
    struct err *error = fill(&parsed, &c);
    if (error) {
        image_config_done(&c);
        return ERR_WRAP(error, "image %.12s", i->id);
    }
    *ret = c;
    return NULL;
}
