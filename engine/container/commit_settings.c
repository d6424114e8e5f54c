/* How an image made from a container shall be run: as the container was. */
#include <string.h>

#include "base/mem.h"
#include "engine/container/commit_internal.h"
#include "engine/image/change.h"
#include "engine/image/commit.h"
#include "engine/network/publish.h"
#include "engine/volume/volume.h"

static struct err *set_text(json_t *settings, const char *key, const char *value)
{
    return value && *value ? json_put_str(settings, key, value) : NULL;
}

/* The image's environment and what was set besides; what coracle adds to every container stays out. */
static struct err *put_env(json_t *settings, const struct container_spec *spec)
{
    AUTO_STRV struct strv env = STRV_INIT;
    TRY(json_get_strv(settings, "Env", "config", &env));
    for (size_t i = 0; i < spec->env.count; i++)
        TRY(strv_env_set(&env, spec->env.items[i]));
    for (size_t i = 0; i < spec->unsetenv.count; i++)
        strv_env_unset(&env, spec->unsetenv.items[i]);
    return env.count ? json_put_strv(settings, "Env", &env) : NULL;
}

/* An entrypoint of one's own takes the image's command away, as at the start of the container. */
static struct err *put_command(json_t *settings, const struct container_spec *spec)
{
    if (spec->entrypoint_set) {
        (void)json_object_del(settings, "Entrypoint");
        (void)json_object_del(settings, "Cmd");
        if (spec->entrypoint.count)
            TRY(json_put_strv(settings, "Entrypoint", &spec->entrypoint));
    }
    return spec->command.count ? json_put_strv(settings, "Cmd", &spec->command) : NULL;
}

static struct err *get_set(json_t *settings, const char *key, json_t **ret)
{
    *ret = NULL;
    TRY(json_get_obj(settings, key, "config", ret));
    return *ret ? NULL : json_put_obj(settings, key, ret);
}

/* "8080:80/tcp", "127.0.0.1:8080-8081:80-81", "53/udp": the container's side, as "80/tcp". */
static struct err *put_port(json_t *set, const char *text)
{
    const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
    AUTO_FREE char *name = NULL;
    TRY(mem_asprintf(&name, "%s%s", port, strchr(port, '/') ? "" : "/tcp"));
    return json_put(set, name, json_object());
}

static struct err *put_ports(json_t *settings, const struct container_spec *spec)
{
    json_t *set;
    if (!spec->publish.count && !spec->expose.count)
        return NULL;
    TRY(get_set(settings, "ExposedPorts", &set));
    for (size_t i = 0; i < spec->publish.count; i++)
        TRY(put_port(set, spec->publish.items[i]));
    for (size_t i = 0; i < spec->expose.count; i++)
        TRY(put_port(set, spec->expose.items[i]));
    return NULL;
}

static struct err *is_anonymous(struct engine *e, const struct mount_spec *m, bool *ret)
{
    struct volume *v;
    *ret = false;
    if (m->type != MOUNT_VOLUME || !m->source)
        return NULL;
    struct err *err = volume_find(e, m->source, &v);
    if (err) { /* removed by force */
        err_drop(err);
        return NULL;
    }
    *ret = v->anonymous;
    volume_free(v);
    return NULL;
}

/* As Podman: nameless volumes always, others when asked for. */
static struct err *put_volumes(struct engine *e, json_t *settings, const struct container_spec *spec, bool all)
{
    for (size_t i = 0; i < spec->n_mounts; i++) {
        const struct mount_spec *m = &spec->mounts[i];
        bool wanted = all && (m->type == MOUNT_VOLUME || m->type == MOUNT_BIND);
        json_t *set;
        if (!wanted)
            TRY(is_anonymous(e, m, &wanted));
        if (!wanted)
            continue;
        TRY(get_set(settings, "Volumes", &set));
        TRY(json_put(set, m->target, json_object()));
    }
    return NULL;
}

static struct err *fill(struct engine *e, const struct container_spec *spec, const struct container_commit_opts *opts,
                        json_t *settings)
{
    TRY(put_env(settings, spec));
    TRY(put_command(settings, spec));
    TRY(set_text(settings, "User", spec->user));
    TRY(set_text(settings, "WorkingDir", spec->workdir));
    TRY(set_text(settings, "StopSignal", spec->stop_signal));
    if (!json_object_get(settings, "WorkingDir"))
        TRY(json_put_str(settings, "WorkingDir", "/"));
    if (spec->labels.count)
        TRY(json_put_pairs(settings, "Labels", &spec->labels)); /* the image's are among them */
    TRY(put_ports(settings, spec));
    TRY(put_volumes(e, settings, spec, opts->include_volumes));
    for (size_t i = 0; i < opts->changes.count; i++)
        TRY(change_apply(settings, opts->changes.items[i]));
    return NULL;
}

struct err *commit_settings(struct engine *e, const struct container *c, const struct image *i,
                            const struct container_commit_opts *opts, json_t **ret)
{
    AUTO_JSON json_t *settings = NULL;
    TRY(image_settings(e, i, &settings));
    TRY(fill(e, &c->spec, opts, settings));
    *ret = TAKE_PTR(settings);
    return NULL;
}
