/* From the flags of run and create to a container_spec: whatever needs the order of several flags, a file, or the host.
 */
#include "cli/create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/preserve.h"
#include "cli/select.h"
#include "engine/container/container.h"
#include "engine/image/platform.h"
#include "engine/secret/secret.h"

#define ENV_FILE_MAX ((size_t)1 << 20)

/* --- environment and labels: files first, then flags, whatever their order on the command line */

static struct err *fill_environment(struct create_opts *o)
{
    for (size_t i = 0; i < o->env_files.count; i++) {
        const char *path = o->env_files.items[i];
        AUTO_FREE char *text = NULL;
        size_t len;
        TRY_WRAP(cli_read_file(path, ENV_FILE_MAX, &text, &len), "parsing env file \"%s\"", path);
        TRY_WRAP(spec_add_env_file(&o->spec, text, len, environ), "parsing env file \"%s\"", path);
    }
    for (size_t i = 0; i < o->env.count; i++)
        TRY(spec_add_env(&o->spec, o->env.items[i], environ));
    return spec_add_host_env(&o->spec, environ);
}

static struct err *add_label_file(struct container_spec *s, const char *path)
{
    AUTO_FREE char *text = NULL;
    AUTO_STRV struct strv lines = STRV_INIT;
    TRY_WRAP(cli_read_file(path, ENV_FILE_MAX, &text, NULL), "unable to process labels");
    TRY(strv_split(text, '\n', &lines));
    for (size_t i = 0; i < lines.count; i++) {
        const char *line = lines.items[i] + strspn(lines.items[i], " \t");
        if (*line && *line != '#')
            TRY(spec_add_label(s, line));
    }
    return NULL;
}

struct err *create_add_labels(struct container_spec *s, const struct strv *files, const struct strv *labels)
{
    for (size_t i = 0; i < files->count; i++)
        TRY(add_label_file(s, files->items[i]));
    for (size_t i = 0; i < labels->count; i++)
        TRY(spec_add_label(s, labels->items[i]));
    return NULL;
}

/* What an engine in there wants. The seccomp profile lets namespaces and mounts through in any case: the capabilities
 * decide, and those of a new user namespace are its maker's. */
static struct err *fill_nestable(struct create_opts *o)
{
    static const char *const devices[] = {"/dev/fuse", "/dev/net/tun"};
    if (!o->nestable)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(devices); i++)
        if (access(devices[i], R_OK | W_OK) == 0)
            TRY(spec_add_device(&o->spec, devices[i]));
    return strv_add(&o->spec.security_opt, "unmask=ALL");
}

/* --pod and what goes with it, in podman's words. */
static struct err *settle_pod(struct create_opts *o)
{
    struct container_spec *s = &o->spec;
    if (o->pod_id_file && s->pod)
        return ERR_NEW(ERR_INVALID, "cannot specify both --pod and --pod-id-file");
    if (o->pod_id_file) {
        mem_freep(&s->pod);
        TRY_WRAP(cli_read_cidfile(o->pod_id_file, &s->pod), "reading pod-id-file");
    }
    if (s->init_ctr && !s->pod)
        return ERR_NEW(ERR_INVALID, "must specify pod value with init-ctr");
    bool own_users = s->userns.mode != NS_DEFAULT || s->uid_map.count || s->gid_map.count;
    bool is_new = s->pod && strncmp(s->pod, "new:", 4) == 0;
    return s->pod && !is_new && own_users ? ERR_NEW(ERR_INVALID, "--userns and --pod cannot be set together") : NULL;
}

/* --- image */

/* --arch, --os and --variant are parts of --platform. */
static struct err *fill_platform(struct create_opts *o)
{
    bool parts = o->arch || o->os || o->variant;
    if (o->platform && parts)
        return ERR_NEW(ERR_INVALID, "--platform option can not be specified with --arch or --os");
    if (o->platform)
        return mem_replace(&o->spec.platform, o->platform);
    if (!parts)
        return NULL;
    /* What is not named is this machine's. */
    AUTO_FREE char *text = NULL;
    AUTO_PLATFORM struct image_platform here = {0};
    TRY(platform_resolve(&(struct image_platform){0}, &here));
    const char *variant = o->variant ? o->variant : o->arch ? NULL : here.variant;
    TRY(mem_asprintf(&text, "%s/%s%s%s", o->os ? o->os : here.os, o->arch ? o->arch : here.arch, variant ? "/" : "",
                     variant ? variant : ""));
    return mem_replace(&o->spec.platform, text);
}

/* --rootfs DIR[:O]: the first argument is a directory, with ":O" under an overlay. */
static struct err *fill_rootfs(struct create_opts *o, const char *arg)
{
    AUTO_FREE char *path = NULL;
    size_t len = strlen(arg);
    if (len > 2 && strcmp(arg + len - 2, ":O") == 0) {
        o->spec.rootfs_overlay = true;
        len -= 2;
    }
    TRY(mem_strndup(arg, len, &path));
    if (access(path, F_OK) < 0)
        return cli_errno(errno, "running container create option: stat", path);
    mem_freep(&o->spec.rootfs);
    o->spec.rootfs = NULL;
    return path_absolute(path, &o->spec.rootfs);
}

/* The monitor writes these files, in another working directory. */
static struct err *make_absolute(char **slot)
{
    if (!*slot)
        return NULL;
    AUTO_FREE char *given = TAKE_PTR(*slot);
    return path_absolute(given, slot);
}

static struct err *check_attach(const struct create_opts *o)
{
    for (size_t i = 0; i < o->attach.count; i++) {
        const char *s = o->attach.items[i];
        if (strcasecmp(s, "stdin") != 0 && strcasecmp(s, "stdout") != 0 && strcasecmp(s, "stderr") != 0)
            return ERR_NEW(ERR_INVALID,
                           "invalid stream \"%s\" for --attach - must be one of stdin, stdout, or stderr: invalid "
                           "argument",
                           s);
    }
    return NULL;
}

/* What only the host can tell about values. */
static struct err *check_host(const struct container_spec *s)
{
    if (s->timezone && strcmp(s->timezone, "local") != 0) {
        AUTO_FREE char *zone = NULL;
        TRY(path_join(&zone, "/usr/share/zoneinfo", s->timezone));
        if (access(zone, F_OK) < 0)
            return cli_errno(errno, "running container create option: stat", zone);
    }
    if (s->pidfile) {
        AUTO_FREE char *dir = NULL;
        TRY(mem_strndup(s->pidfile, (size_t)(path_last(s->pidfile) - s->pidfile), &dir));
        if (access(dir, W_OK | X_OK) < 0)
            return cli_errno(errno, "--pidfile: directory", dir);
    }
    return NULL;
}

static struct err *check_secrets(const struct container_spec *s)
{
    for (size_t i = 0; i < s->secrets.count; i++) {
        AUTO_SECRET_USE struct secret_use use = {0};
        TRY(secret_use_parse(s->secrets.items[i], &use));
    }
    return NULL;
}

struct err *create_finish_spec(struct cli *c, struct create_opts *o)
{
    struct container_spec *s = &o->spec;
    TRY(preserve_count(o->preserve_fds, &s->preserve_fd, &s->preserve_fds));
    TRY(check_attach(o));
    if (s->res.cpus > 0 && (s->res.cpu_quota || s->res.cpu_period))
        return ERR_NEW(ERR_INVALID, "--cpu-%s and --cpus cannot be set together",
                       s->res.cpu_quota ? "quota" : "period");
    if (o->replace && !s->name)
        return ERR_NEW(ERR_INVALID, "cannot replace container without --name being set");
    TRY(fill_environment(o));
    TRY(fill_nestable(o));
    TRY(create_add_labels(s, &o->label_files, &o->labels));
    TRY(settle_pod(o));
    TRY(fill_platform(o));
    TRY(make_absolute(&s->pidfile));
    TRY(make_absolute(&s->cidfile));
    TRY(check_secrets(s));
    TRY(health_flags_apply(c, &o->health, NULL, s));
    if (o->rootfs)
        TRY(fill_rootfs(o, c->args[0]));
    else
        TRY(mem_replace(&s->image, c->args[0]));
    TRY(cli_check_detach_keys(o->detach_keys));
    if (o->detach_keys)
        TRY(mem_replace(&s->detach_keys, o->detach_keys));
    s->no_sig_proxy = o->no_sig_proxy;
    TRY(strv_add_all(&s->command, c->args + 1));
    TRY(strv_add_all(&s->create_command, c->argv));
    TRY(container_spec_check(s));
    return check_host(s);
}

/* --- files and names */

struct err *create_open_cidfile(const char *path, int *ret_fd)
{
    *ret_fd = -1;
    if (!path)
        return NULL;
    *ret_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (*ret_fd >= 0)
        return NULL;
    if (errno == EEXIST)
        return ERR_NEW(ERR_EXISTS, "container id file exists. Ensure another container is not using it or delete %s",
                       path);
    return ERR_SYS(errno, "opening cidfile %s", path);
}

struct err *create_open_pidfile(const char *path, int *ret_fd)
{
    *ret_fd = -1;
    if (!path || geteuid() != 0)
        return NULL;
    *ret_fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    return *ret_fd < 0 ? ERR_SYS(errno, "opening pidfile %s", path) : NULL;
}

struct err *create_write_cidfile(const char *path, int fd, const char *id)
{
    return fd < 0 ? NULL : ERR_WRAP(fd_write_all(fd, id, strlen(id)), "writing cidfile %s", path);
}

struct err *create_replace(struct cli *c, const struct create_opts *o)
{
    struct engine *e;
    bool was;
    if (!o->replace)
        return NULL;
    c->quiet = o->quiet;
    TRY(cli_engine(c, &e));
    TRY(select_remove_named(e, o->spec.name, &was));
    return was ? cli_printf(c, "%s\n", o->spec.name) : NULL;
}
