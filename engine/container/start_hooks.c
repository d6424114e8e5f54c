/* OCI hooks from directories of JSON files (oci-hooks(5), version 1.0.0): which apply, and the "hooks" object of
 * config.json. */
#include <ctype.h>
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
#define PRECREATE "precreate" /* start_precreate.c */

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

/* All conditions that are given must hold; without any, the hook never runs. What is false holds never. */
static struct err *applies(const struct start *s, const char *file, json_t *when, const char *command, bool *ret)
{
    bool annotations = true, commands = true, binds = has_bind_mounts(s), wants_binds = true, always = true;
    bool given = json_object_size(when) > 0;
    TRY(json_get_bool(when, "always", file, &always));
    TRY(json_get_bool(when, "hasBindMounts", file, &wants_binds));
    if (!json_object_get(when, "hasBindMounts"))
        binds = true;
    TRY(annotations_match(s, file, json_object_get(when, "annotations"), &annotations));
    TRY(commands_match(file, json_object_get(when, "commands"), command, &commands));
    *ret = given && always && annotations && commands && wants_binds && binds;
    return NULL;
}

/* Nothing of the user's environment reaches a hook that didn't ask for it, and nothing of the image's. */
struct err *start_add_hook(struct start *s, const char *stage, json_t *hook)
{
    json_t *list, *env;
    bool precreate = strcmp(stage, PRECREATE) == 0;
    json_t **all = precreate ? &s->precreate : &s->hooks;
    if (!*all && !(*all = precreate ? json_array() : json_object()))
        return err_oom();
    if (!json_object_get(hook, "env")) {
        TRY(json_put_arr(hook, "env", &env));
        TRY(json_push(env, json_string("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")));
    }
    if (precreate)
        return json_push(s->precreate, json_incref(hook));
    list = json_object_get(s->hooks, stage);
    if (!list)
        TRY(json_put_arr(s->hooks, stage, &list));
    TRY(json_push(list, json_incref(hook)));
    if (strcmp(stage, "poststop") == 0)
        s->plan.run_delete = true;
    return NULL;
}

static struct err *add_hook(struct start *s, const char *file, json_t *hook, json_t *where)
{
    size_t i;
    json_t *stage;
    const char *path = json_string_value(json_object_get(hook, "path"));
    if (!path || path[0] != '/')
        return ERR_NEW(ERR_INVALID, "hook %s: the path of its program must be absolute", file);
    if (!json_array_size(where))
        return ERR_NEW(ERR_INVALID, "hook %s: no stages", file);
    json_array_foreach (where, i, stage) {
        const char *name = json_string_value(stage);
        if (!name || (!oci_is_hook_stage(name) && strcmp(name, PRECREATE) != 0))
            return ERR_NEW(ERR_INVALID, "hook %s: unknown stage", file);
        TRY(start_add_hook(s, name, hook));
    }
    return NULL;
}

static struct err *read_hook(struct start *s, const char *file, const char *command)
{
    AUTO_JSON json_t *doc = NULL;
    const char *version = NULL;
    bool wanted;
    TRY_WRAP(json_read(AT_FDCWD, file, file, &doc), "hook %s", file);
    TRY(json_get_str(doc, "version", file, &version));
    if (!version || strcmp(version, "1.0.0") != 0)
        return ERR_NEW(ERR_INVALID, "hook %s: unrecognized hook version: \"%s\"", file, version ? version : "");
    TRY(applies(s, file, json_object_get(doc, "when"), command, &wanted));
    return wanted ? add_hook(s, file, json_object_get(doc, "hook"), json_object_get(doc, "stages")) : NULL;
}

/* The .json files of a directory, as "name//path" with the name in lower case, which is what they are sorted by. One of
 * a later directory takes the place of one with its name. */
static struct err *list_files(const char *dir, struct strv *ret)
{
    DIR *d = opendir(dir);
    struct err *err = NULL;
    if (!d)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "read hooks directory %s", dir);
    for (struct dirent *de; !err && (de = readdir(d));) {
        size_t n = strlen(de->d_name);
        if (n <= 5 || strcmp(de->d_name + n - 5, ".json") != 0 || ret->count >= HOOK_FILES_MAX)
            continue;
        AUTO_FREE char *entry = NULL;
        err = mem_asprintf(&entry, "%s//%s/%s", de->d_name, dir, de->d_name);
        for (char *p = entry; !err && p < entry + n; p++)
            *p = (char)tolower((unsigned char)*p);
        for (size_t i = ret->count; !err && i > 0; i--)
            if (strncmp(ret->items[i - 1], entry, n + 2) == 0)
                strv_remove(ret, i - 1);
        if (!err)
            err = strv_add(ret, entry);
    }
    closedir(d);
    return err;
}

/* Without a word of the user or of containers.conf: oci-hooks(5), "Directories". */
static struct err *list_all(const struct strv *dirs, struct strv *ret)
{
    static const char *const usual[] = {"/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d"};
    for (size_t i = 0; i < (dirs->count ? dirs->count : ARRAY_LEN(usual)); i++)
        TRY(list_files(dirs->count ? dirs->items[i] : usual[i], ret));
    strv_sort(ret);
    return NULL;
}

struct err *start_settle_hooks(struct start *s)
{
    AUTO_STRV struct strv command = STRV_INIT, files = STRV_INIT;
    AUTO_FREE char *text = NULL;
    TRY(list_all(&engine_options(s->e)->hooks_dirs, &files));
    if (files.count)
        TRY(oci_command(&s->c->spec, &s->config, &command));
    for (size_t i = 0; i < files.count; i++)
        TRY(read_hook(s, strstr(files.items[i], "//") + 2, command.count ? command.items[0] : ""));
    if (!s->hooks)
        return NULL;
    TRY(json_text(s->hooks, &text));
    return start_keep(s, &s->facts.hooks_json, "%s", text);
}
