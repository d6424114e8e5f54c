/* Checking a policy. Messages say where in the document: `transports."docker"."host/repo"[0].signedIdentity`. */
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "engine/image/policy.h"
#include "engine/image/policy_fields.h"
#include "engine/registry/base64.h"

void policy_requirement_done(struct policy_requirement *r)
{
    strv_done(&r->key_paths);
    strv_done(&r->key_data);
    strv_done(&r->rekor_paths);
    strv_done(&r->rekor_data);
    mem_freep(&r->missing);
}

/* --- fields */

struct err *policy_only(const json_t *obj, const char *const *keys)
{
    for (void *it = json_object_iter((json_t *)(uintptr_t)obj); it;
         it = json_object_iter_next((json_t *)(uintptr_t)obj, it)) {
        const char *key = json_object_iter_key(it);
        size_t i = 0;
        while (keys[i] && strcmp(keys[i], key) != 0)
            i++;
        if (!keys[i])
            return ERR_NEW(ERR_INVALID, "Unknown key \"%.100s\"", key);
    }
    return NULL;
}

struct err *policy_need_str(const json_t *obj, const char *key, const char **ret)
{
    const json_t *value = json_object_get(obj, key);
    if (!json_is_object(obj))
        return ERR_NEW(ERR_INVALID, "an object is expected");
    if (!value)
        return ERR_NEW(ERR_INVALID, "\"%s\" is missing", key);
    *ret = json_string_value(value);
    return *ret ? NULL : ERR_NEW(ERR_INVALID, "\"%s\" is not a string", key);
}

struct err *policy_texts(const json_t *obj, const char *one, const char *many, struct strv *ret, unsigned *ret_count)
{
    const json_t *single = one ? json_object_get(obj, one) : NULL;
    const json_t *list = many ? json_object_get(obj, many) : NULL;
    size_t i;
    json_t *item;
    if (single && !json_is_string(single))
        return ERR_NEW(ERR_INVALID, "\"%s\" is not a string", one);
    if (single)
        TRY(strv_add(ret, json_string_value(single)));
    if (list && (!json_is_array(list) || json_array_size(list) == 0))
        return ERR_NEW(ERR_INVALID, "\"%s\" is not a list with something in it", many);
    json_array_foreach (list, i, item) {
        if (!json_is_string(item))
            return ERR_NEW(ERR_INVALID, "\"%s\"[%zu] is not a string", many, i);
        TRY(strv_add(ret, json_string_value(item)));
    }
    *ret_count += (single ? 1U : 0U) + (list ? 1U : 0U);
    return NULL;
}

/* --- requirements */

static struct err *check_base64(const struct strv *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        AUTO_FREE char *bytes = NULL;
        size_t len = 0;
        TRY_WRAP(base64_decode_bytes(texts->items[i], &bytes, &len), "keyData");
    }
    return NULL;
}

static struct err *one_of(unsigned count, const char *names)
{
    if (count == 1)
        return NULL;
    return ERR_NEW(ERR_INVALID, "Exactly one of %s must be specified, %s", names,
                   count == 0 ? "none of them present" : "more than one present");
}

static struct err *take_identity(const json_t *obj, struct policy_requirement *r)
{
    const json_t *identity = json_object_get(obj, "signedIdentity");
    if (identity && !json_is_object(identity))
        return ERR_NEW(ERR_INVALID, "\"signedIdentity\" is not an object");
    return ERR_WRAP(identity_parse(identity, &r->identity), "signedIdentity");
}

static struct err *take_signed_by(const json_t *obj, struct policy_requirement *r)
{
    static const char *const keys[] = {"type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity", NULL};
    static const char *const other_types[] = {"signedByGPGKeys", "X509Certificates", "signedByX509CAs"};
    const char *type = NULL;
    unsigned count = 0;
    TRY(policy_only(obj, keys));
    TRY(policy_need_str(obj, "keyType", &type));
    if (strcmp(type, "GPGKeys") != 0) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(other_types); i++)
            known |= strcmp(type, other_types[i]) == 0;
        if (!known)
            return ERR_NEW(ERR_INVALID, "Unrecognized \"keyType\" value \"%.100s\"", type);
        TRY(mem_asprintf(&r->missing, "keyType %s is not implemented", type));
    }
    TRY(policy_texts(obj, "keyPath", "keyPaths", &r->key_paths, &count));
    TRY(policy_texts(obj, "keyData", NULL, &r->key_data, &count));
    TRY(one_of(count, "keyPath, keyPaths and keyData"));
    TRY(check_base64(&r->key_data));
    return take_identity(obj, r);
}

/* Short-lived certificates: known, so that a policy with them can be read for other images; nothing passes by them. */
static struct err *check_fulcio(const json_t *fulcio, struct policy_requirement *r)
{
    static const char *const keys[] = {"caPath", "caData", "oidcIssuer", "subjectEmail", NULL};
    const char *text = NULL;
    if (!json_is_object(fulcio))
        return ERR_NEW(ERR_INVALID, "\"fulcio\" is not an object");
    TRY_WRAP(policy_only(fulcio, keys), "fulcio");
    if (!json_object_get(fulcio, "caPath") == !json_object_get(fulcio, "caData"))
        return ERR_NEW(ERR_INVALID, "fulcio: Exactly one of caPath and caData must be specified");
    TRY_WRAP(policy_need_str(fulcio, "oidcIssuer", &text), "fulcio");
    TRY_WRAP(policy_need_str(fulcio, "subjectEmail", &text), "fulcio");
    return mem_strdup("certificates of Fulcio are not built yet", &r->missing);
}

static struct err *take_sigstore(const json_t *obj, struct policy_requirement *r)
{
    static const char *const keys[] = {"type",
                                       "keyPath",
                                       "keyPaths",
                                       "keyData",
                                       "keyDatas",
                                       "fulcio",
                                       "pki",
                                       "rekorPublicKeyPath",
                                       "rekorPublicKeyPaths",
                                       "rekorPublicKeyData",
                                       "rekorPublicKeyDatas",
                                       "signedIdentity",
                                       NULL};
    const json_t *fulcio = json_object_get(obj, "fulcio"), *pki = json_object_get(obj, "pki");
    unsigned count = 0, rekor = 0;
    TRY(policy_only(obj, keys));
    TRY(policy_texts(obj, "keyPath", "keyPaths", &r->key_paths, &count));
    TRY(policy_texts(obj, "keyData", "keyDatas", &r->key_data, &count));
    TRY(policy_texts(obj, "rekorPublicKeyPath", "rekorPublicKeyPaths", &r->rekor_paths, &rekor));
    TRY(policy_texts(obj, "rekorPublicKeyData", "rekorPublicKeyDatas", &r->rekor_data, &rekor));
    TRY(check_base64(&r->key_data));
    TRY(check_base64(&r->rekor_data));
    if (fulcio)
        TRY(check_fulcio(fulcio, r));
    if (pki && !r->missing)
        TRY(mem_strdup("certificates of an own authority (pki) are not built yet", &r->missing));
    TRY(one_of(count + (fulcio != NULL) + (pki != NULL), "keyPath, keyPaths, keyData, keyDatas, fulcio and pki"));
    if (rekor > 1)
        return ERR_NEW(ERR_INVALID, "More than one of rekorPublicKeyPath, rekorPublicKeyPaths, rekorPublicKeyData and "
                                    "rekorPublicKeyDatas");
    if (fulcio && rekor == 0)
        return ERR_NEW(ERR_INVALID, "fulcio needs one of rekorPublicKeyPath and its kin");
    return take_identity(obj, r);
}

static struct err *take_base_layer(const json_t *obj, struct policy_requirement *r)
{
    static const char *const keys[] = {"type", "baseLayerIdentity", NULL};
    struct identity_rule rule;
    TRY(policy_only(obj, keys));
    if (!json_is_object(json_object_get(obj, "baseLayerIdentity")))
        return ERR_NEW(ERR_INVALID, "\"baseLayerIdentity\" is not an object");
    TRY_WRAP(identity_parse(json_object_get(obj, "baseLayerIdentity"), &rule), "baseLayerIdentity");
    return mem_strdup("signedBaseLayer is not implemented", &r->missing);
}

struct err *policy_requirement_parse(const json_t *obj, struct policy_requirement *ret)
{
    static const char *const only_type[] = {"type", NULL};
    AUTO_REQUIREMENT struct policy_requirement r = {.type = POLICY_REJECT};
    const char *type = NULL;
    TRY(policy_need_str(obj, "type", &type));
    if (strcmp(type, "insecureAcceptAnything") == 0 || strcmp(type, "reject") == 0) {
        r.type = type[0] == 'i' ? POLICY_ACCEPT : POLICY_REJECT;
        TRY(policy_only(obj, only_type));
    } else if (strcmp(type, "signedBy") == 0) {
        r.type = POLICY_SIGNED_BY;
        TRY(take_signed_by(obj, &r));
    } else if (strcmp(type, "sigstoreSigned") == 0) {
        r.type = POLICY_SIGSTORE_SIGNED;
        TRY(take_sigstore(obj, &r));
    } else if (strcmp(type, "signedBaseLayer") == 0) {
        TRY(take_base_layer(obj, &r));
    } else {
        return ERR_NEW(ERR_INVALID, "Unknown policy requirement type \"%.100s\"", type);
    }
    *ret = r;
    r = (struct policy_requirement){0};
    return NULL;
}

/* --- the document */

static struct err *check_list(const json_t *list)
{
    size_t i;
    json_t *one;
    if (!json_is_array(list))
        return ERR_NEW(ERR_INVALID, "a list of requirements is expected");
    if (json_array_size(list) == 0)
        return ERR_NEW(ERR_INVALID, "List of verification policy requirements must not be empty");
    json_array_foreach (list, i, one) {
        AUTO_REQUIREMENT struct policy_requirement r = {0};
        TRY_WRAP(policy_requirement_parse(one, &r), "[%zu]", i);
    }
    return NULL;
}

/* Scopes that are paths: absolute, clean, not the root. In oci: a tag may follow. */
static struct err *check_path_scope(const char *transport, const char *scope)
{
    AUTO_FREE char *path = NULL, *clean = NULL;
    bool tags = strncmp(transport, "oci", 3) == 0;
    TRY(mem_strndup(scope, tags ? strcspn(scope, ":") : strlen(scope), &path));
    if (path[0] != '/')
        return ERR_NEW(ERR_INVALID, "Invalid scope %s: must be an absolute path", scope);
    if (strcmp(scope, "/") == 0)
        return ERR_NEW(ERR_INVALID, "Invalid scope \"/\": Use the generic default scope \"\"");
    TRY(path_clean(path, &clean));
    if (strcmp(clean, path) != 0)
        return ERR_NEW(ERR_INVALID, "Invalid scope %s: Uses non-canonical path format, perhaps try with path %s", scope,
                       clean);
    return NULL;
}

static struct err *check_scope(const char *transport, const char *scope)
{
    static const char *const paths[] = {"dir", "oci", "oci-archive"};
    if (!scope[0])
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (strcmp(transport, paths[i]) == 0)
            return check_path_scope(transport, scope);
    if (strcmp(transport, "docker-archive") == 0 || strcmp(transport, "tarball") == 0)
        return ERR_NEW(ERR_INVALID, "%s: does not support any scopes except the default \"\" one", transport);
    return NULL;
}

static struct err *check_transports(const json_t *transports)
{
    const char *transport, *scope;
    json_t *scopes, *list;
    if (!json_is_object(transports))
        return ERR_NEW(ERR_INVALID, "an object is expected");
    json_object_foreach ((json_t *)(uintptr_t)transports, transport, scopes) {
        if (!json_is_object(scopes))
            return ERR_NEW(ERR_INVALID, "\"%s\": an object of scopes is expected", transport);
        json_object_foreach (scopes, scope, list) {
            TRY_WRAP(check_scope(transport, scope), "\"%s\"", transport);
            TRY_WRAP(check_list(list), "\"%s\".\"%s\"", transport, scope);
        }
    }
    return NULL;
}

static struct err *check(const json_t *root)
{
    static const char *const keys[] = {"default", "transports", NULL};
    const json_t *transports = json_object_get(root, "transports");
    if (!json_is_object(root))
        return ERR_NEW(ERR_INVALID, "an object is expected");
    TRY(policy_only(root, keys));
    if (!json_object_get(root, "default"))
        return ERR_NEW(ERR_INVALID, "Default policy is missing");
    TRY_WRAP(check_list(json_object_get(root, "default")), "default");
    return transports ? ERR_WRAP(check_transports(transports), "transports") : NULL;
}

struct err *policy_parse(const char *text, size_t len, const char *file, struct policy *ret)
{
    AUTO_JSON json_t *root = NULL;
    TRY_WRAP(json_parse(text, len, "policy", &root), "invalid policy in \"%s\"", file);
    TRY_WRAP(check(root), "invalid policy in \"%s\"", file);
    TRY(mem_strdup(file, &ret->file));
    ret->root = TAKE_PTR(root);
    return NULL;
}
