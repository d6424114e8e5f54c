#include "engine/registry/auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/registry/auth_internal.h"
#include "engine/registry/base64.h"
#include "engine/registry/keyring.h"
#include "engine/registry/places.h"

#define OLD_NAME "/.dockercfg"

void auth_done(struct auth *a)
{
    mem_freep(&a->user);
    mem_freep(&a->password);
    mem_freep(&a->identity);
}

struct err *auth_parse_creds(const char *text, struct auth *ret)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    AUTO_AUTH struct auth a = {0};
    if (len == 0)
        return ERR_NEW(ERR_INVALID, "credentials must be USER:PASSWORD");
    TRY(mem_strndup(text, len, &a.user));
    TRY(mem_strdup(colon ? colon + 1 : "", &a.password));
    *ret = a;
    a = (struct auth){0};
    return NULL;
}

/* --- reading */

static struct err *entry_auth(const json_t *entry, const char *file, const char *key, struct auth *ret)
{
    const char *auth = NULL, *identity = NULL;
    AUTO_FREE char *pair = NULL;
    AUTO_AUTH struct auth a = {0};
    if (!json_is_object(entry))
        return ERR_NEW(ERR_INVALID, "%s: the entry of %s is no object", file, key);
    TRY(json_get_str(entry, "auth", file, &auth));
    TRY(json_get_str(entry, "identitytoken", file, &identity));
    if (identity && identity[0])
        TRY(mem_strdup(identity, &ret->identity));
    if (!auth || !auth[0])
        return NULL;
    TRY_WRAP(base64_decode(auth, &pair), "%s: the entry of %s", file, key);
    TRY_WRAP(auth_parse_creds(pair, &a), "%s: the entry of %s", file, key);
    ret->user = TAKE_PTR(a.user); /* beside an identity token, which is the better of the two */
    ret->password = TAKE_PTR(a.password);
    return NULL;
}

/* Docker writes urls as keys. */
static void plain_key(const char *key, const char **ret, size_t *ret_len)
{
    if (strncmp(key, "https://", 8) == 0)
        key += 8;
    else if (strncmp(key, "http://", 7) == 0)
        key += 7;
    else {
        *ret = key;
        *ret_len = strlen(key);
        return;
    }
    *ret = key;
    *ret_len = strcspn(key, "/");
}

static size_t key_covers(const char *key, const char *name)
{
    const char *plain;
    size_t len;
    if (strcmp(key, DOCKER_LEGACY_KEY) == 0)
        key = "docker.io";
    plain_key(key, &plain, &len);
    return len && strncmp(plain, name, len) == 0 && (!name[len] || name[len] == '/') ? len : 0;
}

/* Docker's name for its own registry. */
static const char *server_of(const char *host)
{
    return strcmp(host, "docker.io") == 0 ? DOCKER_LEGACY_KEY : host;
}

const char *auth_helper_of(const json_t *root, const char *name, bool *ret_for_all)
{
    json_t *v, *helpers = json_object_get(root, "credHelpers");
    const char *key, *best = NULL;
    size_t best_len = 0;
    json_object_foreach (helpers, key, v) {
        size_t covered = key_covers(key, name);
        if (covered > best_len && json_is_string(v)) {
            best = json_string_value(v);
            best_len = covered;
        }
    }
    *ret_for_all = !best;
    return best ? best : json_string_value(json_object_get(root, "credsStore"));
}

struct err *auth_ask_helper(const char *helper, const char *name, bool may_miss, struct auth *ret)
{
    AUTO_FREE char *host = NULL;
    TRY(mem_strndup(name, strcspn(name, "/"), &host));
    struct err *e = keyring_get(helper, server_of(host), ret);
    if (e && may_miss && err_kind(e) == ERR_NOT_FOUND) {
        log_debug("%s", err_text(e));
        err_drop(e);
        return NULL;
    }
    return e;
}

/* ~/.dockercfg is what "auths" of later files is. */
static bool is_old_form(const char *file)
{
    size_t len = strlen(file), end = strlen(OLD_NAME);
    return len > end && strcmp(file + len - end, OLD_NAME) == 0;
}

struct err *auth_find_in(const char *text, size_t len, const char *file, const char *name, struct auth *ret)
{
    AUTO_JSON json_t *root = NULL;
    json_t *auths = NULL, *v;
    const json_t *best = NULL;
    const char *key, *best_key = NULL;
    size_t best_len = 0;
    TRY(json_parse(text, len, file, &root));
    /* A credsStore is written by desktop programs into files that outlive them. */
    bool for_all = false;
    const char *helper = auth_helper_of(root, name, &for_all);
    if (helper && helper[0]) {
        TRY_WRAP(auth_ask_helper(helper, name, for_all, ret), "%s", file);
        if (ret->user || ret->identity)
            return NULL;
    }
    TRY(json_get_obj(root, "auths", file, &auths));
    json_object_foreach (is_old_form(file) ? root : auths, key, v) {
        size_t covered = key_covers(key, name);
        if (covered > best_len) {
            best = v;
            best_key = key;
            best_len = covered;
        }
    }
    return best ? entry_auth(best, file, best_key, ret) : NULL;
}

static struct err *try_file(const char *path, const char *name, struct auth *ret)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    if (!path || ret->user || ret->identity)
        return NULL;
    TRY(places_read(path, AUTH_MAX_BYTES, &text, &len));
    return text && len ? auth_find_in(text, len, path, name, ret) : NULL;
}

static struct err *runtime_file(char **ret)
{
    const char *dir = getenv("XDG_RUNTIME_DIR"), *own = getenv("CORACLE_HOME");
    if (own && own[0]) /* where the user's configuration is: places_user_config() */
        return NULL;
    return dir && dir[0] ? mem_asprintf(ret, "%s/containers/auth.json", dir) : NULL;
}

static struct err *docker_file(char **ret)
{
    const char *dir = getenv("DOCKER_CONFIG");
    return dir && dir[0] ? mem_asprintf(ret, "%s/config.json", dir) : places_home(".docker/config.json", ret);
}

const char *auth_named_file(const struct auth_places *places)
{
    if (places->docker_file && places->docker_file[0])
        return places->docker_file;
    if (places->file && places->file[0])
        return places->file;
    const char *env = getenv("REGISTRY_AUTH_FILE");
    return env && env[0] ? env : NULL;
}

struct err *auth_path(const struct auth_places *places, char **ret)
{
    const char *named = auth_named_file(places);
    if (named)
        return mem_strdup(named, ret);
    TRY(runtime_file(ret));
    if (!*ret)
        TRY(places_user_config("auth.json", ret));
    return *ret ? NULL : ERR_NEW(ERR_NOT_FOUND, "no place for auth.json: neither XDG_RUNTIME_DIR nor HOME is set");
}

static struct err *find_in_files(const struct auth_places *places, const char *name, struct auth *ret)
{
    const char *named = auth_named_file(places);
    if (named) {
        if (places->file && access(places->file, F_OK) < 0)
            return ERR_SYS(errno, "checking authfile: stat %s", places->file);
        return try_file(named, name, ret);
    }
    AUTO_FREE char *runtime = NULL, *config = NULL, *docker = NULL, *old = NULL;
    TRY(runtime_file(&runtime));
    TRY(places_user_config("auth.json", &config));
    TRY(docker_file(&docker));
    TRY(places_home(".dockercfg", &old));
    const char *const files[] = {runtime, config, docker, old};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        TRY(try_file(files[i], name, ret));
    return NULL;
}

struct err *auth_find(const struct auth_places *places, const char *name, struct auth *ret)
{
    size_t n = places->helpers ? places->helpers->count : 0;
    if (n == 0)
        return find_in_files(places, name, ret);
    for (size_t i = 0; i < n && !ret->user && !ret->identity; i++) {
        const char *helper = places->helpers->items[i];
        if (strcmp(helper, AUTH_FILE_HELPER) == 0)
            TRY(find_in_files(places, name, ret));
        else
            TRY(auth_ask_helper(helper, name, false, ret));
    }
    return NULL;
}
