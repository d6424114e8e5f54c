/* OCI hooks from directories of JSON files (oci-hooks(5), version 1.0.0): which apply, and the "hooks" object of
 * config.json. Only directories that were named count: a user's containers don't run what the machine's owner wrote for
 * root's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/container/start.h"
#include "engine/engine.h"

#define HOOK_FILES_MAX 1024

static const char *const stages[] = {"prestart",       "createRuntime", "createContainer",
                                     "startContainer", "poststart",     "poststop"};

static struct err *pattern_matches(const char *file, const char *pattern, const char *text, bool *ret)
{
    regex_t re;
    if (!pattern || regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return ERR_NEW(ERR_INVALID, "hook %s: invalid regular expression", file);
    *ret = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    return NULL;
}

/* One "key=value" annotation against {"key pattern": "value pattern"}; all entries must find one. */
static struct err *annotations_match(const struct start *s, const char *file, json_t *want, bool *ret)
{
    const char *key;
    json_t *value;
    *ret = true;
    json_object_foreach (want, key, value) {
        bool found = false;
        for (size_t i = 0; i < s->c->spec.annotations.count && !found; i++) {
            AUTO_FREE char *name = NULL;
            const char *a = s->c->spec.annotations.items[i], *eq = strchr(a, '=');
            bool name_matches, value_matches;
            TRY(mem_strndup(a, eq ? (size_t)(eq - a) : strlen(a), &name));
            TRY(pattern_matches(file, key, name, &name_matches));
            TRY(pattern_matches(file, json_string_value(value), eq ? eq + 1 : "", &value_matches));
            found = name_matches && value_matches;
        }
        *ret = *ret && found;
    }
    return NULL;
}

static struct err *commands_match(const char *file, json_t *want, const char *command, bool *ret)
{
    size_t i;
    json_t *pattern;
    *ret = json_array_size(want) == 0;
    json_array_foreach (want, i, pattern) {
        bool one;
        TRY(pattern_matches(file, json_string_value(pattern), command, &one));
        *ret = *ret || one;
    }
    return NULL;
}

static bool has_bind_mounts(const struct start *s)
{
    for (size_t i = 0; i < s->c->spec.n_mounts; i++)
        if (s->c->spec.mounts[i].type == MOUNT_BIND)
            return true;
    return false;
}

/* All conditions that are given must hold; without any, the hook never runs. */
static struct err *applies(const struct start *s, const char *file, json_t *when, const char *command, bool *ret)
{
    bool annotations = true, commands = true, wants_binds = has_bind_mounts(s), always = true;
    bool given = json_object_size(when) > 0;
    TRY(json_get_bool(when, "always", file, &always));
    TRY(json_get_bool(when, "hasBindMounts", file, &wants_binds));
    TRY(annotations_match(s, file, json_object_get(when, "annotations"), &annotations));
    TRY(commands_match(file, json_object_get(when, "commands"), command, &commands));
    *ret = given && always && annotations && commands && wants_binds == has_bind_mounts(s);
    return NULL;
}

static struct err *add_hook(struct start *s, const char *file, json_t *hook, json_t *where, json_t *hooks)
{
    size_t i;
    json_t *stage, *list;
    const char *path = json_string_value(json_object_get(hook, "path"));
    if (!path || path[0] != '/')
        return ERR_NEW(ERR_INVALID, "hook %s: the path of its program must be absolute", file);
    if (!json_object_get(hook, "env")) { /* nothing of the user's environment reaches a hook that didn't ask for it */
        json_t *env;
        TRY(json_put_arr(hook, "env", &env));
        TRY(json_push(env, json_string("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")));
    }
    json_array_foreach (where, i, stage) {
        bool known = false;
        for (size_t j = 0; j < ARRAY_LEN(stages) && json_is_string(stage); j++)
            known |= strcmp(stages[j], json_string_value(stage)) == 0;
        if (!known)
            return ERR_NEW(ERR_INVALID, "hook %s: unknown stage", file);
        list = json_object_get(hooks, json_string_value(stage));
        if (!list)
            TRY(json_put_arr(hooks, json_string_value(stage), &list));
        TRY(json_push(list, json_incref(hook)));
        if (strcmp(json_string_value(stage), "poststop") == 0)
            s->plan.run_delete = true;
    }
    return NULL;
}

static struct err *read_hook(struct start *s, int dirfd, const char *file, const char *command, json_t *hooks)
{
    AUTO_JSON json_t *doc = NULL;
    const char *version = NULL;
    bool wanted;
    TRY_WRAP(json_read(dirfd, file, file, &doc), "hook %s", file);
    TRY(json_get_str(doc, "version", file, &version));
    if (!version || strcmp(version, "1.0.0") != 0)
        return ERR_NEW(ERR_INVALID, "hook %s: unrecognized hook version: \"%s\"", file, version ? version : "");
    TRY(applies(s, file, json_object_get(doc, "when"), command, &wanted));
    return wanted ? add_hook(s, file, json_object_get(doc, "hook"), json_object_get(doc, "stages"), hooks) : NULL;
}

/* The .json files of a directory, in the order of their names. */
static struct err *list_files(const char *dir, struct strv *ret)
{
    DIR *d = opendir(dir);
    struct err *err = NULL;
    if (!d)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "read hooks directory %s", dir);
    for (struct dirent *de; !err && (de = readdir(d));) {
        size_t n = strlen(de->d_name);
        if (n > 5 && strcmp(de->d_name + n - 5, ".json") == 0 && ret->count < HOOK_FILES_MAX)
            err = strv_add(ret, de->d_name);
    }
    closedir(d);
    strv_sort(ret);
    return err;
}

static struct err *read_directory(struct start *s, const char *dir, const char *command, json_t *hooks)
{
    AUTO_STRV struct strv files = STRV_INIT;
    TRY(list_files(dir, &files));
    for (size_t i = 0; i < files.count; i++) {
        AUTO_FREE char *path = NULL;
        TRY(mem_asprintf(&path, "%s/%s", dir, files.items[i]));
        TRY(read_hook(s, AT_FDCWD, path, command, hooks));
    }
    return NULL;
}

struct err *start_settle_hooks(struct start *s)
{
    const struct strv *dirs = &engine_options(s->e)->hooks_dirs;
    AUTO_JSON json_t *hooks = json_object();
    AUTO_STRV struct strv command = STRV_INIT;
    AUTO_FREE char *text = NULL;
    if (!hooks)
        return err_oom();
    if (!dirs->count)
        return NULL;
    TRY(oci_command(&s->c->spec, &s->config, &command));
    for (size_t i = 0; i < dirs->count; i++)
        TRY(read_directory(s, dirs->items[i], command.count ? command.items[0] : "", hooks));
    if (!json_object_size(hooks))
        return NULL;
    TRY(json_text(hooks, &text));
    return start_keep(s, &s->facts.hooks_json, "%s", text);
}
