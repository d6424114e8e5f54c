#include "engine/registry/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/registry/base64.h"
#include "engine/registry/places.h"

#define AUTH_MAX_BYTES ((size_t)4 << 20)
#define DOCKER_LEGACY_KEY "https://index.docker.io/v1/"

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
    if (!json_is_object(entry))
        return ERR_NEW(ERR_INVALID, "%s: the entry of %s is no object", file, key);
    TRY(json_get_str(entry, "auth", file, &auth));
    TRY(json_get_str(entry, "identitytoken", file, &identity));
    if (identity && identity[0])
        TRY(mem_strdup(identity, &ret->identity));
    if (!auth || !auth[0])
        return NULL;
    TRY_WRAP(base64_decode(auth, &pair), "%s: the entry of %s", file, key);
    TRY_WRAP(auth_parse_creds(pair, ret), "%s: the entry of %s", file, key);
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

static struct err *check_helpers(const json_t *root, const char *file, const char *name)
{
    const char *key;
    json_t *v, *helpers = json_object_get(root, "credHelpers");
    json_object_foreach (helpers, key, v) {
        if (key_covers(key, name))
            return ERR_NEW(ERR_UNSUPPORTED, "%s: the credential helper %s of %s: credential helpers are not built yet",
                           file, json_string_value(v) ? json_string_value(v) : "", key);
    }
    return NULL;
}

struct err *auth_find_in(const char *text, size_t len, const char *file, const char *name, struct auth *ret)
{
    AUTO_JSON json_t *root = NULL;
    json_t *auths = NULL, *v;
    const json_t *best = NULL;
    const char *key, *best_key = NULL;
    size_t best_len = 0;
    TRY(json_parse(text, len, file, &root));
    TRY(json_get_obj(root, "auths", file, &auths));
    json_object_foreach (auths, key, v) {
        size_t covered = key_covers(key, name);
        if (covered > best_len) {
            best = v;
            best_key = key;
            best_len = covered;
        }
    }
    return best ? entry_auth(best, file, best_key, ret) : check_helpers(root, file, name);
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

/* --authfile, else $REGISTRY_AUTH_FILE; NULL for neither. */
static const char *named_file(const char *authfile)
{
    if (authfile && authfile[0])
        return authfile;
    const char *env = getenv("REGISTRY_AUTH_FILE");
    return env && env[0] ? env : NULL;
}

static struct err *runtime_file(char **ret)
{
    const char *dir = getenv("XDG_RUNTIME_DIR");
    return dir && dir[0] ? mem_asprintf(ret, "%s/containers/auth.json", dir) : NULL;
}

struct err *auth_find(const char *authfile, const char *name, struct auth *ret)
{
    AUTO_FREE char *runtime = NULL, *config = NULL, *docker = NULL;
    const char *named = named_file(authfile);
    if (named) {
        if (authfile && access(authfile, F_OK) < 0)
            return ERR_SYS(errno, "checking authfile: stat %s", authfile);
        return try_file(named, name, ret);
    }
    TRY(runtime_file(&runtime));
    TRY(places_user_config("auth.json", &config));
    TRY(places_home(".docker/config.json", &docker));
    TRY(try_file(runtime, name, ret));
    TRY(try_file(config, name, ret));
    return try_file(docker, name, ret);
}

/* --- writing */

struct err *auth_path(const char *authfile, char **ret)
{
    const char *named = named_file(authfile);
    if (named)
        return mem_strdup(named, ret);
    TRY(runtime_file(ret));
    if (!*ret)
        TRY(places_user_config("auth.json", ret));
    return *ret ? NULL : ERR_NEW(ERR_NOT_FOUND, "no place for auth.json: neither XDG_RUNTIME_DIR nor HOME is set");
}

static struct err *read_root(const char *path, json_t **ret)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    TRY(places_read(path, AUTH_MAX_BYTES, &text, &len));
    if (text && len)
        return json_parse(text, len, path, ret);
    *ret = json_object();
    return *ret ? NULL : err_oom();
}

static struct err *write_root(const char *path, const json_t *root)
{
    AUTO_FREE char *text = NULL, *dir = NULL;
    TRY(json_text_indented(root, 8, &text));
    TRY(mem_strdup(path, &dir));
    char *slash = strrchr(dir, '/');
    if (slash && slash > dir) {
        *slash = '\0';
        TRY(file_mkdirs(dir, 0700));
    }
    return file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_SYNC);
}

struct err *auth_store(const char *authfile, const char *name, const char *user, const char *password)
{
    AUTO_FREE char *path = NULL, *pair = NULL, *encoded = NULL;
    AUTO_JSON json_t *root = NULL;
    json_t *auths = NULL, *entry;
    TRY(auth_path(authfile, &path));
    TRY(read_root(path, &root));
    TRY(json_get_obj(root, "auths", path, &auths));
    if (!auths)
        TRY(json_put_obj(root, "auths", &auths));
    TRY(mem_asprintf(&pair, "%s:%s", user, password));
    TRY(base64_encode(pair, strlen(pair), &encoded));
    (void)json_object_del(auths, name);
    TRY(json_put_obj(auths, name, &entry));
    TRY(json_put_str(entry, "auth", encoded));
    return ERR_WRAP(write_root(path, root), "write %s", path);
}

struct err *auth_remove(const char *authfile, const char *name, bool *ret_found)
{
    AUTO_FREE char *path = NULL;
    AUTO_JSON json_t *root = NULL;
    json_t *auths = NULL;
    TRY(auth_path(authfile, &path));
    TRY(read_root(path, &root));
    TRY(json_get_obj(root, "auths", path, &auths));
    *ret_found = auths && json_object_del(auths, name) == 0;
    return *ret_found ? ERR_WRAP(write_root(path, root), "write %s", path) : NULL;
}

struct err *auth_remove_all(const char *authfile)
{
    AUTO_FREE char *path = NULL;
    AUTO_JSON json_t *root = NULL;
    json_t *auths;
    TRY(auth_path(authfile, &path));
    TRY(read_root(path, &root));
    (void)json_object_del(root, "auths");
    TRY(json_put_obj(root, "auths", &auths));
    return ERR_WRAP(write_root(path, root), "write %s", path);
}
