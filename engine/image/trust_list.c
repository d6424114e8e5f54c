#include "engine/image/trust_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/image/lookaside.h"
#include "engine/image/policy.h"
#include "engine/image/scope.h"
#include "engine/registry/base64.h"
#include "engine/registry/places.h"
#include "engine/trust/trust.h"

#define ROWS_MAX ((size_t)1 << 16)

struct listing {
    struct trust *trust;
    json_t *registries_d;
    struct trust_row *rows;
    size_t count, cap;
    char *private_dir;
};

static void row_done(struct trust_row *r)
{
    char **const slots[] = {&r->transport, &r->name, &r->repo_name, &r->type, &r->gpg_id, &r->store, &r->problem};
    for (size_t i = 0; i < ARRAY_LEN(slots); i++)
        mem_freep(slots[i]);
}

void trust_rows_free(struct trust_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        row_done(&rows[i]);
    mem_freep(&rows);
}

/* --- who signs */

static struct err *ids_of_text(struct listing *l, const char *text, size_t len, struct strv *ids)
{
    return trust_key_ids(l->trust, text, len, ids);
}

static struct err *ids_of(struct listing *l, const struct policy_requirement *r, struct strv *ids)
{
    for (size_t i = 0; i < r->key_paths.count; i++) {
        AUTO_FREE char *text = NULL;
        size_t len = 0;
        TRY(places_read(r->key_paths.items[i], TRUST_KEY_MAX_BYTES, &text, &len));
        if (!text)
            return ERR_NEW(ERR_NOT_FOUND, "open %s: no such file or directory", r->key_paths.items[i]);
        TRY(ids_of_text(l, text, len, ids));
    }
    for (size_t i = 0; i < r->key_data.count; i++) {
        AUTO_FREE char *text = NULL;
        size_t len = 0;
        TRY(base64_decode_bytes(r->key_data.items[i], &text, &len));
        TRY(ids_of_text(l, text, len, ids));
    }
    return NULL;
}

static struct err *fill_type(struct listing *l, const json_t *requirement, struct trust_row *row)
{
    AUTO_REQUIREMENT struct policy_requirement r = {0};
    AUTO_STRV struct strv ids = STRV_INIT;
    TRY(policy_requirement_parse(requirement, &r));
    const char *type = json_string_value(json_object_get(requirement, "type"));
    if (r.type == POLICY_SIGSTORE_SIGNED)
        TRY(mem_strdup("N/A", &row->gpg_id));
    if (r.type == POLICY_SIGNED_BY) {
        AUTO_ERR struct err *e = ids_of(l, &r, &ids);
        if (e)
            TRY(mem_strdup(err_text(e), &row->problem));
        else
            TRY(strv_join(&ids, ", ", &row->gpg_id));
        type = "signed";
    } else if (strcmp(type, "insecureAcceptAnything") == 0) {
        type = "accept";
    }
    return mem_strdup(type, &row->type);
}

/* --- rows */

static struct err *find_store(const struct listing *l, const char *scope, char **ret)
{
    AUTO_STRV struct strv scopes = STRV_INIT;
    if (scope && scope[0])
        TRY(scope_list_docker(scope, &scopes));
    return mem_strdup(lookaside_find(l->registries_d, &scopes, false), ret);
}

static struct err *add_row(struct listing *l, const char *transport, const char *scope, const json_t *requirement)
{
    struct trust_row row = {0};
    bool is_default = !scope;
    struct err *e = mem_grow(&l->rows, l->count, &l->cap, sizeof *l->rows, ROWS_MAX);
    if (!e)
        e = mem_strdup(transport, &row.transport);
    if (!e)
        e = mem_strdup(is_default ? "* (default)" : scope, &row.name);
    if (!e)
        e = mem_strdup(is_default ? "default" : scope, &row.repo_name);
    if (!e)
        e = fill_type(l, requirement, &row);
    if (!e)
        e = find_store(l, scope, &row.store);
    if (e)
        row_done(&row);
    else
        l->rows[l->count++] = row;
    return e;
}

static struct err *add_list(struct listing *l, const char *transport, const char *scope, const json_t *list)
{
    size_t i;
    json_t *one;
    json_array_foreach (list, i, one)
        TRY(add_row(l, transport, scope, one));
    return NULL;
}

static struct err *sorted_keys(json_t *obj, struct strv *ret)
{
    const char *key;
    json_t *value;
    json_object_foreach (obj, key, value)
        TRY(strv_add(ret, key));
    strv_sort(ret);
    return NULL;
}

static struct err *add_rows(struct listing *l, const struct policy *p)
{
    AUTO_STRV struct strv transports = STRV_INIT;
    json_t *all = json_object_get(p->root, "transports");
    TRY(add_list(l, "all", NULL, json_object_get(p->root, "default")));
    TRY(sorted_keys(all, &transports));
    for (size_t i = 0; i < transports.count; i++) {
        AUTO_STRV struct strv scopes = STRV_INIT;
        const char *transport = transports.items[i];
        json_t *of = json_object_get(all, transport);
        TRY(sorted_keys(of, &scopes));
        for (size_t k = 0; k < scopes.count; k++)
            TRY(add_list(l, strcmp(transport, "docker") == 0 ? "repository" : transport, scopes.items[k],
                         json_object_get(of, scopes.items[k])));
    }
    return NULL;
}

/* gpg looks at keys in a directory of its own. */
static struct err *make_private_dir(char **ret)
{
    const char *tmp = getenv("TMPDIR");
    AUTO_FREE char *path = NULL;
    AUTO_FREE char *own = NULL;
    TRY(places_own("tmp", &own));
    if (own)
        TRY(file_mkdirs(own, 0700));
    TRY(mem_asprintf(&path, "%s/coracle-trust.XXXXXX", own ? own : tmp && tmp[0] == '/' ? tmp : "/tmp"));
    if (!mkdtemp(path))
        return ERR_SYS(errno, "create %s", path);
    *ret = TAKE_PTR(path);
    return NULL;
}

static struct err *list(struct listing *l, const char *policy_file, const char *registries_dir)
{
    AUTO_POLICY struct policy p = {0};
    AUTO_FREE char *text = NULL;
    AUTO_STRV struct strv files = STRV_INIT;
    TRY(policy_load(policy_file, &p));
    if (!p.root)
        return ERR_NEW(ERR_NOT_FOUND, "there is no policy.json, so everything is accepted");
    TRY(lookaside_conf_files(registries_dir, &files));
    TRY(json_text(p.root, &text));
    bool keys = strstr(text, "\"signedBy\"") != NULL; /* or something that only looks so: no harm */
    if (keys)
        TRY(make_private_dir(&l->private_dir));
    const struct trust_opts opts = {.private_dir = l->private_dir};
    if (keys || files.count)
        TRY(trust_start(&opts, &l->trust));
    TRY_WRAP(lookaside_conf(l->trust, registries_dir, &l->registries_d), "reading registries.d");
    return add_rows(l, &p);
}

struct err *trust_list(const char *policy_file, const char *registries_dir, struct trust_row **ret, size_t *ret_count)
{
    struct listing l = {0};
    struct err *e = list(&l, policy_file, registries_dir);
    trust_stopp(&l.trust);
    json_unrefp(&l.registries_d);
    if (l.private_dir)
        err_drop(file_remove_tree(AT_FDCWD, l.private_dir));
    mem_freep(&l.private_dir);
    if (e) {
        trust_rows_free(l.rows, l.count);
        return e;
    }
    *ret = l.rows;
    *ret_count = l.count;
    return NULL;
}

struct err *trust_raw(const char *policy_file, char **ret)
{
    AUTO_FREE char *path = NULL;
    size_t len = 0;
    if (policy_file)
        TRY(mem_strdup(policy_file, &path));
    else
        TRY(policy_find_file(&path));
    if (path)
        TRY(places_read(path, POLICY_MAX_BYTES, ret, &len));
    return *ret ? NULL : ERR_NEW(ERR_NOT_FOUND, "open %s: no such file or directory", path ? path : "policy.json");
}

/* --- changing it */

static struct err *make_requirements(const char *type, const struct strv *keys, json_t **ret)
{
    AUTO_JSON json_t *made = json_array();
    json_t *one;
    bool gpg = strcmp(type, "signedBy") == 0;
    for (size_t i = 0; i < keys->count; i++) {
        TRY(json_push_obj(made, &one));
        TRY(json_put_str(one, "type", type));
        if (gpg)
            TRY(json_put_str(one, "keyType", "GPGKeys"));
        TRY(json_put_str(one, "keyPath", keys->items[i]));
    }
    if (keys->count == 0) {
        TRY(json_push_obj(made, &one));
        TRY(json_put_str(one, "type", strcmp(type, "accept") == 0 ? "insecureAcceptAnything" : "reject"));
    }
    *ret = TAKE_PTR(made);
    return NULL;
}

static struct err *check_keys(const char *type, const struct strv *keys)
{
    static const char *const types[] = {"accept", "reject", "signedBy", "sigstoreSigned"};
    size_t i = 0;
    while (i < ARRAY_LEN(types) && strcmp(types[i], type) != 0)
        i++;
    if (i == ARRAY_LEN(types))
        return ERR_NEW(ERR_INVALID, "invalid choice: %s (choose from 'accept', 'reject', 'signedBy', 'sigstoreSigned')",
                       type);
    if (i < 2 && keys->count)
        return ERR_NEW(ERR_INVALID, "%zu public keys unexpectedly provided for trust type %s", keys->count, type);
    if (i >= 2 && keys->count == 0)
        return ERR_NEW(ERR_INVALID, "at least one public key must be defined for type '%s'", type);
    return NULL;
}

/* Ordinary users have a file of their own, which begins as the system's. */
static struct err *find_target(const char *policy_file, char **ret_path, struct policy *p)
{
    AUTO_FREE char *own = NULL, *slash = NULL;
    if (policy_file && !file_exists(AT_FDCWD, policy_file))
        return mem_strdup(policy_file, ret_path);
    TRY(policy_load(policy_file, p));
    if (p->file && access(p->file, W_OK) == 0)
        return mem_strdup(p->file, ret_path);
    TRY(places_user_config("policy.json", &own));
    if (policy_file || !own)
        return ERR_SYS(EACCES, "write %s", p->file ? p->file : "policy.json");
    TRY(mem_strdup(own, &slash));
    *strrchr(slash, '/') = '\0';
    TRY(file_mkdirs(slash, 0755));
    *ret_path = TAKE_PTR(own);
    return NULL;
}

static struct err *put_scope(json_t *root, const char *scope, json_t *list)
{
    json_t *transports = json_object_get(root, "transports"), *docker;
    if (strcmp(scope, "default") == 0)
        return json_put(root, "default", json_incref(list));
    if (!transports)
        TRY(json_put_obj(root, "transports", &transports));
    docker = json_object_get(transports, "docker");
    if (!docker)
        TRY(json_put_obj(transports, "docker", &docker));
    return json_put(docker, scope, json_incref(list));
}

struct err *trust_set(const char *policy_file, const char *scope, const char *type, const struct strv *keys)
{
    AUTO_POLICY struct policy p = {0}, checked = {0};
    AUTO_FREE char *path = NULL, *text = NULL;
    AUTO_JSON json_t *list = NULL, *accept = NULL;
    const struct strv none = STRV_INIT;
    TRY(check_keys(type, keys));
    TRY(find_target(policy_file, &path, &p));
    TRY(make_requirements(type, keys, &list));
    if (!p.root) {
        p.root = json_object();
        TRY(make_requirements("accept", &none, &accept));
        TRY(json_put(p.root, "default", json_incref(accept)));
    }
    TRY(put_scope(p.root, scope, list));
    TRY(json_text_indented(p.root, 4, &text));
    TRY(policy_parse(text, strlen(text), path, &checked));
    return ERR_WRAP(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, FILE_SYNC), "write %s", path);
}
