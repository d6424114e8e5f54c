/* login's and logout's side of auth.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/registry/auth_internal.h"
#include "engine/registry/base64.h"
#include "engine/registry/keyring.h"
#include "engine/registry/places.h"

/* One change of a file. */
struct edit {
    const struct auth_places *places;
    const char *name, *user, *password; /* name NULL: everything */
    char *where;                        /* set when a helper took it */
    bool found;
};

/* Apply `fn` to the file under the lock of its directory: two logins at once lose nothing. A link is followed, so that
 * what it leads to is replaced. */
static struct err *change(const char *given_path, struct err *(*fn)(json_t *root, const char *path, struct edit *e),
                          struct edit *edit)
{
    AUTO_FREE char *path = realpath(given_path, NULL), *text = NULL;
    AUTO_JSON json_t *root = NULL;
    AUTO_FD int lock = -1;
    if (!path)
        TRY(mem_strdup(given_path, &path));
    TRY(places_lock(path, 0700, &lock));
    TRY(places_read_json(path, AUTH_MAX_BYTES, &root));
    TRY(fn(root, path, edit));
    TRY(json_text_indented(root, 8, &text));
    return ERR_WRAP(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_SYNC), "write %s", path);
}

/* As the file has it: Docker's own registry has an old name there, and repositories have none at all. */
static struct err *file_key(const struct edit *e, const char **ret)
{
    bool docker = e->places->docker_file && e->places->docker_file[0];
    if (docker && strchr(e->name, '/'))
        return ERR_NEW(ERR_INVALID,
                       "%s: Docker's configuration has credentials for registries only, not for repositories", e->name);
    *ret = docker && strcmp(e->name, "docker.io") == 0 ? DOCKER_LEGACY_KEY : e->name;
    return NULL;
}

static struct err *auths_of(json_t *root, const char *path, json_t **ret)
{
    TRY(json_get_obj(root, "auths", path, ret));
    return *ret ? NULL : json_put_obj(root, "auths", ret);
}

/* --- store */

static struct err *store_by(const char *helper, struct edit *e)
{
    const char *server = strcmp(e->name, "docker.io") == 0 ? DOCKER_LEGACY_KEY : e->name;
    TRY(keyring_store(helper, server, e->user, e->password));
    return mem_asprintf(&e->where, "credential helper: %s", helper);
}

static struct err *store_in_file(json_t *root, const char *path, struct edit *e)
{
    AUTO_FREE char *pair = NULL, *encoded = NULL;
    json_t *auths = NULL, *entry;
    const char *key = NULL;
    bool for_all = false;
    const char *helper = auth_helper_of(root, e->name, &for_all);
    if (helper && helper[0])
        return store_by(helper, e);
    TRY(file_key(e, &key));
    TRY(auths_of(root, path, &auths));
    TRY(mem_asprintf(&pair, "%s:%s", e->user, e->password));
    TRY(base64_encode(pair, strlen(pair), &encoded));
    (void)json_object_del(auths, key);
    TRY(json_put_obj(auths, key, &entry));
    return json_put_str(entry, "auth", encoded);
}

static struct err *store_files(struct edit *e)
{
    AUTO_FREE char *path = NULL;
    TRY(auth_path(e->places, &path));
    TRY(change(path, store_in_file, e));
    if (!e->where)
        e->where = TAKE_PTR(path);
    return NULL;
}

/* How many helpers registries.conf names; without any there are the files. */
static size_t count_helpers(const struct auth_places *places)
{
    return places->helpers && places->helpers->count ? places->helpers->count : 1;
}

static const char *helper_at(const struct auth_places *places, size_t i)
{
    const char *name = places->helpers && places->helpers->count ? places->helpers->items[i] : AUTH_FILE_HELPER;
    return strcmp(name, AUTH_FILE_HELPER) == 0 ? NULL : name;
}

struct err *auth_store(const struct auth_places *places, const char *name, const char *user, const char *password,
                       char **ret_where)
{
    struct edit e = {.places = places, .name = name, .user = user, .password = password};
    struct err *last = NULL;
    for (size_t i = 0; i < count_helpers(places); i++) { /* the first that takes it */
        const char *helper = helper_at(places, i);
        err_drop(last);
        last = helper ? store_by(helper, &e) : store_files(&e);
        if (!last)
            break;
    }
    TRY(last);
    *ret_where = e.where;
    return NULL;
}

/* --- remove */

static struct err *erase_by(const char *helper, const char *name, struct edit *e)
{
    const char *server = strcmp(name, "docker.io") == 0 ? DOCKER_LEGACY_KEY : name;
    bool found = false;
    TRY(keyring_erase(helper, server, &found));
    e->found |= found;
    return NULL;
}

static struct err *remove_from_file(json_t *root, const char *path, struct edit *e)
{
    json_t *auths = NULL;
    const char *key = NULL;
    bool for_all = false;
    const char *helper = auth_helper_of(root, e->name, &for_all);
    if (helper && helper[0])
        TRY(erase_by(helper, e->name, e));
    TRY(file_key(e, &key));
    TRY(auths_of(root, path, &auths));
    e->found |= json_object_del(auths, key) == 0;
    return NULL;
}

static struct err *erase_all_by(const char *helper, struct edit *e)
{
    AUTO_STRV struct strv servers = STRV_INIT;
    TRY(keyring_list(helper, &servers));
    for (size_t i = 0; i < servers.count; i++)
        TRY(erase_by(helper, servers.items[i], e));
    return NULL;
}

static struct err *empty_file(json_t *root, const char *path, struct edit *e)
{
    json_t *helpers = NULL, *auths, *v;
    const char *server, *store = NULL;
    TRY(json_get_obj(root, "credHelpers", path, &helpers));
    TRY(json_get_str(root, "credsStore", path, &store));
    json_object_foreach (helpers, server, v) {
        if (json_is_string(v))
            TRY(erase_by(json_string_value(v), server, e));
    }
    if (store && store[0])
        TRY(erase_all_by(store, e));
    (void)json_object_del(root, "auths");
    return json_put_obj(root, "auths", &auths);
}

static struct err *remove_everywhere(struct edit *e)
{
    AUTO_FREE char *path = NULL;
    TRY(auth_path(e->places, &path));
    for (size_t i = 0; i < count_helpers(e->places); i++) {
        const char *helper = helper_at(e->places, i);
        if (helper && e->name)
            TRY(erase_by(helper, e->name, e));
        else if (helper)
            TRY(erase_all_by(helper, e));
        else
            TRY(change(path, e->name ? remove_from_file : empty_file, e));
    }
    return NULL;
}

struct err *auth_remove(const struct auth_places *places, const char *name, bool *ret_found)
{
    struct edit e = {.places = places, .name = name};
    TRY(remove_everywhere(&e));
    *ret_found = e.found;
    return NULL;
}

struct err *auth_remove_all(const struct auth_places *places)
{
    struct edit e = {.places = places};
    return remove_everywhere(&e);
}
