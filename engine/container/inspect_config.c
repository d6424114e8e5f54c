/* The Config object of `container inspect`. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/signame.h"
#include "engine/container/inspect.h"

static struct err *put_command(json_t *o, const struct inspection *in)
{
    const struct container_spec *spec = &in->c->spec;
    AUTO_FREE char *entrypoint = NULL;
    const struct strv *ep = spec->entrypoint_set ? &spec->entrypoint : &in->config.entrypoint;
    const struct strv *cmd = spec->command.count || spec->entrypoint_set ? &spec->command : &in->config.cmd;
    TRY(json_put_strv(o, "Cmd", cmd));
    if (!cmd->count)
        TRY(json_put(o, "Cmd", json_null()));
    TRY(strv_join(ep, " ", &entrypoint));
    return json_put_str(o, "Entrypoint", entrypoint);
}

static struct err *put_annotations(json_t *o, const struct inspection *in)
{
    json_t *annotations = json_object_get(in->oci, "annotations");
    return json_put(o, "Annotations", annotations ? json_incref(annotations) : json_object());
}

static struct err *put_stop(json_t *o, const struct inspection *in)
{
    const struct container_spec *spec = &in->c->spec;
    const char *name = spec->stop_signal ? spec->stop_signal : in->config.stop_signal;
    int sig = SIGTERM;
    if (name && *name)
        TRY(signame_parse(name, &sig));
    TRY(json_put_int(o, "StopSignal", sig));
    TRY(inspect_put_healthcheck(o, in));
    if (spec->create_command.count)
        TRY(json_put_strv(o, "CreateCommand", &spec->create_command));
    TRY(json_put_str(o, "Umask", spec->umask ? spec->umask : "0022"));
    TRY(json_put_int(o, "Timeout", spec->timeout));
    TRY(json_put_int(o, "StopTimeout", spec->stop_timeout < 0 ? 10 : spec->stop_timeout));
    TRY(json_put_bool(o, "Passwd", true));
    return json_put_str(o, "sdNotifyMode", spec->sdnotify ? spec->sdnotify : "container");
}

static struct err *put_volumes(json_t *o, const struct inspection *in)
{
    if (!in->config.volumes.count)
        return json_put(o, "Volumes", json_null());
    json_t *v, *empty;
    TRY(json_put_obj(o, "Volumes", &v));
    for (size_t i = 0; i < in->config.volumes.count; i++)
        TRY(json_put_obj(v, in->config.volumes.items[i], &empty));
    return NULL;
}

static struct err *merged_labels(const struct inspection *in, struct strv *ret)
{
    TRY(strv_copy(&in->config.labels, ret));
    for (size_t i = 0; i < in->c->spec.labels.count; i++)
        TRY(strv_env_set(ret, in->c->spec.labels.items[i]));
    return NULL;
}

static struct err *put_names(json_t *o, const struct inspection *in)
{
    const struct container_spec *spec = &in->c->spec;
    const char *user = spec->user ? spec->user : in->config.user;
    json_t *hostname = json_object_get(in->oci, "hostname");
    TRY(json_put_str(o, "Hostname", hostname ? json_string_value(hostname) : ""));
    TRY(json_put_str(o, "Domainname", ""));
    TRY(json_put_str(o, "User", user));
    TRY(json_put_bool(o, "AttachStdin", false));
    TRY(json_put_bool(o, "AttachStdout", false));
    TRY(json_put_bool(o, "AttachStderr", false));
    TRY(json_put_bool(o, "Tty", spec->tty));
    TRY(json_put_bool(o, "OpenStdin", spec->interactive));
    return json_put_bool(o, "StdinOnce", false);
}

static struct err *build(const struct inspection *in, json_t *o)
{
    AUTO_STRV struct strv labels = STRV_INIT;
    json_t *env = inspect_oci(in, "process", "env"), *cwd = inspect_oci(in, "process", "cwd");
    TRY(put_names(o, in));
    TRY(json_put(o, "Env", env ? json_incref(env) : json_array()));
    TRY(put_command(o, in));
    TRY(json_put_str(o, "Image", in->c->image_name));
    TRY(put_volumes(o, in));
    TRY(json_put_str(o, "WorkingDir", cwd ? json_string_value(cwd) : "/"));
    TRY(json_put(o, "OnBuild", json_null()));
    TRY(merged_labels(in, &labels));
    TRY(inspect_put_pairs(o, "Labels", &labels));
    TRY(put_annotations(o, in));
    return put_stop(o, in);
}

struct err *inspect_config(const struct inspection *in, json_t **ret)
{
    AUTO_JSON json_t *o = json_object();
    if (!o)
        return err_oom();
    TRY(build(in, o));
    *ret = TAKE_PTR(o);
    return NULL;
}
