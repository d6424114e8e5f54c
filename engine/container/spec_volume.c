/* -v and --tmpfs: podman-run(1), "--volume" and "--tmpfs". */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "engine/container/mountopt.h"
#include "engine/container/spec_internal.h"

/* Equal strings, or neither there. */
static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_list(const struct strv *a, const struct strv *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

/* Where a mount came from (from_image) does not matter. */
bool spec_mount_equal(const struct mount_spec *a, const struct mount_spec *b)
{
    return a->type == b->type && same(a->source, b->source) && same(a->target, b->target) &&
           same_list(&a->options, &b->options) && a->read_only == b->read_only && a->no_copy == b->no_copy &&
           a->tmpcopyup == b->tmpcopyup && a->chown == b->chown && a->overlay == b->overlay &&
           same(a->subpath, b->subpath) && same(a->idmap, b->idmap) && same(a->volume_driver, b->volume_driver) &&
           same_list(&a->volume_options, &b->volume_options);
}

struct err *spec_take_mount_once(struct container_spec *s, struct mount_spec *take_m)
{
    for (size_t i = 0; i < s->n_mounts; i++) {
        /* A second --tmpfs on the same place replaces the first: scripts append flags to a list of defaults. */
        struct mount_spec *m = &s->mounts[i];
        bool newer = m->type == MOUNT_TMPFS && take_m->type == MOUNT_TMPFS && same(m->target, take_m->target);
        if (spec_mount_equal(m, take_m) || newer) {
            spec_mount_done(m);
            *m = *take_m;
            *take_m = (struct mount_spec){0};
            return NULL;
        }
    }
    return spec_take_mount(s, take_m);
}

/* Clean, so that "/a" and "/a/./" are found to be the same place. */
struct err *spec_check_target(const char *path, char **ret_clean)
{
    if (path[0] == '\0')
        return ERR_NEW(ERR_INVALID, "container directory cannot be empty");
    if (path[0] != '/')
        return ERR_NEW(ERR_INVALID, "invalid container path \"%s\", must be an absolute path", path);
    AUTO_FREE char *clean = NULL;
    TRY(path_clean(path, &clean));
    if (strcmp(clean, "/") == 0)
        return ERR_NEW(ERR_INVALID, "invalid container path \"%s\", the root directory cannot be mounted over", path);
    *ret_clean = TAKE_PTR(clean);
    return NULL;
}

/* Split at colons; "\:" is a colon of the name. */
static struct err *split_colons(const char *value, struct strv *ret)
{
    AUTO_FREE char *part = mem_alloc(strlen(value) + 1);
    if (!part)
        return err_oom();
    size_t n = 0;
    for (const char *p = value;; p++) {
        if (*p == '\\' && p[1] == ':') {
            part[n++] = *++p;
        } else if (*p == ':' || *p == '\0') {
            part[n] = '\0';
            n = 0;
            TRY(strv_add(ret, part));
            if (*p == '\0')
                return NULL;
        } else {
            part[n++] = *p;
        }
    }
}

/* How many entries begin with the prefix. */
static size_t count_prefix(const struct strv *v, const char *prefix)
{
    size_t n = 0;
    for (size_t i = 0; i < v->count; i++)
        n += strncmp(v->items[i], prefix, strlen(prefix)) == 0;
    return n;
}

/* O goes alone, with U, or with both directories of an overlay that lasts. */
static struct err *check_overlay(const struct strv *options)
{
    bool upper = count_prefix(options, "upperdir=") > 0, work = count_prefix(options, "workdir=") > 0;
    if (!strv_contains(options, "O")) {
        if (upper || work)
            return ERR_NEW(ERR_INVALID, "`upperdir` and `workdir` can only be used with 'O'");
        return NULL;
    }
    if (upper != work)
        return ERR_NEW(ERR_INVALID, "must set both `upperdir` and `workdir`");
    size_t known = 1 + (upper ? 2u : 0u) + (strv_contains(options, "U") ? 1u : 0u);
    if (options->count > known)
        return ERR_NEW(ERR_INVALID, "can't use 'O' with other options");
    return NULL;
}

/* As Docker and Podman decide: a volume's name begins with neither. */
static bool is_host_path(const char *source)
{
    return source[0] == '/' || source[0] == '.';
}

/* Fills type and source. */
static struct err *set_source(struct mount_spec *m, const char *source)
{
    if (is_host_path(source)) {
        m->type = MOUNT_BIND;
        return path_absolute(source, &m->source);
    }
    m->type = MOUNT_VOLUME;
    if (source[0] != '\0')
        TRY_WRAP(spec_check_name(source), "creating named volume \"%s\": running volume create option", source);
    return mem_strdup(source, &m->source);
}

/* [source:]target[:options] */
struct err *spec_add_volume(struct container_spec *s, const char *value)
{
    AUTO_STRV struct strv parts = STRV_INIT, options = STRV_INIT;
    TRY(split_colons(value, &parts));
    if (parts.count > 3)
        return ERR_NEW(ERR_INVALID, "%s: incorrect volume format, should be [host-dir:]ctr-dir[:option]", value);
    if (parts.count > 2) {
        TRY(strv_split(parts.items[2], ',', &options));
        TRY(mountopt_check(&options));
    }
    const char *source = parts.count > 1 ? parts.items[0] : "";
    if (parts.count > 1 && source[0] == '\0')
        return ERR_NEW(ERR_INVALID, "host directory cannot be empty");

    AUTO_MOUNT struct mount_spec m = {0};
    TRY(spec_check_target(parts.items[parts.count > 1], &m.target));
    TRY(check_overlay(&options));
    TRY(set_source(&m, source));
    TRY(mountopt_finish(&options, &m));
    return spec_take_mount_once(s, &m);
}

/* target[:options]; everything behind the first colon is options. */
struct err *spec_add_tmpfs(struct container_spec *s, const char *value)
{
    AUTO_MOUNT struct mount_spec m = {.type = MOUNT_TMPFS};
    AUTO_STRV struct strv options = STRV_INIT;
    const char *colon = strchr(value, ':');
    AUTO_FREE char *target = NULL;
    TRY(mem_strndup(value, colon ? (size_t)(colon - value) : strlen(value), &target));
    TRY(spec_check_target(target, &m.target));
    if (colon && colon[1])
        TRY(strv_split(colon + 1, ',', &options));
    TRY(mountopt_finish(&options, &m));
    return spec_take_mount_once(s, &m);
}
