/* Images that are needed: here, embedded (<datadir>/images/<name>.tar, loaded when they are first asked for), or in a
 * registry. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/self.h"
#include "engine/image/internal.h"
#include "engine/image/outside.h"
#include "engine/image/platform.h"
#include "engine/image/reference.h"

static const struct {
    const char *full_name, *file;
} embedded[] = {
    {"localhost/coracle/busybox:latest", "busybox.tar"},
    {"localhost/coracle/hello:latest", "hello.tar"},
};

/* Directory of this program's file. */
static struct err *own_directory(char **ret)
{
    TRY(self_path(ret));
    *strrchr(*ret, '/') = '\0';
    return NULL;
}

/* <base>/<dir>/<file>, if it is there. */
static struct err *try_place(const char *base, const char *dir, const char *file, char **ret)
{
    AUTO_FREE char *path = NULL;
    if (!base || !base[0] || *ret)
        return NULL;
    TRY(mem_asprintf(&path, "%s/%s/%s", base, dir, file));
    if (access(path, R_OK) == 0)
        *ret = TAKE_PTR(path);
    return NULL;
}

/* $CORACLE_DATADIR, beside the program, where the build makes them, the installed place. *ret stays NULL when it is
 * nowhere. */
static struct err *find_file(const char *file, char **ret)
{
    AUTO_FREE char *own = NULL;
    err_drop(own_directory(&own)); /* no /proc */
    TRY(try_place(getenv("CORACLE_DATADIR"), "images", file, ret));
    TRY(try_place(own, "images", file, ret));
    TRY(try_place(own, "engine/image/embedded", file, ret));
    return try_place(CORACLE_DATADIR, "images", file, ret);
}

/* The file of an embedded image by any of its names, or NULL. */
static struct err *embedded_file(const char *name, const char **ret)
{
    AUTO_STRV struct strv candidates = STRV_INIT;
    *ret = NULL;
    struct err *e = reference_candidates(name, &candidates);
    if (e && err_kind(e) == ERR_INVALID) {
        err_drop(e);
        return NULL;
    }
    TRY(e);
    for (size_t i = 0; i < ARRAY_LEN(embedded); i++)
        if (strv_contains(&candidates, embedded[i].full_name))
            *ret = embedded[i].file;
    return NULL;
}

static struct err *load_embedded(struct engine *e, const char *name, const char *file)
{
    AUTO_FREE char *path = NULL;
    AUTO_STRV struct strv names = STRV_INIT;
    TRY(find_file(file, &path));
    if (!path)
        return ERR_NEW(ERR_NOT_FOUND,
                       "%s: the image comes with coracle, but its file images/%s is not installed "
                       "(looked in $CORACLE_DATADIR, beside the program, in %s)",
                       name, file, CORACLE_DATADIR);
    const struct image_load_opts opts = {.path = path, .fd = -1};
    return image_load(e, &opts, &names);
}

static struct err *check_policy(const char *policy)
{
    static const char *const known[] = {"missing", "never", "always", "newer", "ifnewer", "true", "false"};
    for (size_t i = 0; policy && policy[0] && i < ARRAY_LEN(known); i++)
        if (strcmp(policy, known[i]) == 0)
            return NULL;
    if (!policy || !policy[0])
        return NULL;
    return ERR_NEW(ERR_INVALID, "unknown pull policy '%s': there are always, missing, never, newer", policy);
}

static struct err *check_platform(const struct image *i, const char *name, const struct image_platform *wanted)
{
    if (!wanted || (!wanted->os && !wanted->arch))
        return NULL;
    AUTO_PLATFORM struct image_platform resolved = {0};
    TRY(platform_resolve(wanted, &resolved));
    if (platform_match(&resolved, i->os, i->arch, i->variant) > 0)
        return NULL;
    return ERR_NEW(ERR_NOT_FOUND, "%s: the image here is for %s, not for %s", name,
                   platform_text(i->os, i->arch, i->variant).s,
                   platform_text(resolved.os, resolved.arch, resolved.variant).s);
}

/* From its registry; *ret is the image. */
static struct err *pull(struct engine *e, const char *name, const char *policy, const struct image_platform *platform,
                        struct image **ret)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    const struct engine_opts *eo = engine_options(e);
    const struct image_pull_opts opts = {
        .registry = eo->registry,
        .platform = platform,
        .policy = policy,
        .choose = eo->choose,
        .progress = eo->progress,
        .progress_arg = eo->progress_arg,
        .bars = eo->bars,
    };
    TRY(image_pull(e, name, &opts, &ids));
    image_freep(ret);
    return image_fetch(engine_store(e), ids.items[0], ret);
}

static bool is_policy(const char *policy, const char *name)
{
    return policy && strcmp(policy, name) == 0;
}

/* A manifest list made here: pulling its name would be guessing. */
static bool is_list(struct engine *e, const char *name)
{
    AUTO_FREE char *id = NULL;
    AUTO_IMAGE struct image *i = NULL;
    AUTO_ERR struct err *error = image_find_id(engine_store(e), name, &id, NULL);
    if (!error)
        error = image_fetch(engine_store(e), id, &i);
    return !error && i->is_list;
}

struct err *image_ensure(struct engine *e, const char *name, const char *policy, const struct image_platform *platform,
                         struct image **ret)
{
    AUTO_IMAGE struct image *i = NULL;
    const char *file = NULL;
    TRY(check_policy(policy));
    bool never = is_policy(policy, "never") || is_policy(policy, "false");
    bool always = is_policy(policy, "always") || is_policy(policy, "true");
    bool newer = is_policy(policy, "newer") || is_policy(policy, "ifnewer");
    struct err *error = image_find_for(e, name, platform, &i);
    if (outside_is_name(name)) { /* no registry has it */
        TRY(error);
        always = newer = false;
    }
    if (error && err_kind(error) == ERR_NOT_FOUND && !never && !is_list(e, name)) {
        err_drop(error);
        TRY(embedded_file(name, &file));
        if (!file) {
            TRY(pull(e, name, newer || always ? "always" : "missing", platform, &i));
        } else {
            TRY(load_embedded(e, name, file));
            TRY(image_find(e, name, &i));
        }
    } else if (!error && (always || newer)) {
        /* What comes with coracle is as new as it gets. */
        TRY(embedded_file(name, &file));
        if (!file)
            TRY(pull(e, name, newer ? "newer" : "always", platform, &i));
    } else {
        TRY(error);
    }
    TRY(check_platform(i, name, platform));
    *ret = TAKE_PTR(i);
    return NULL;
}
