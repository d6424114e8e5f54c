#include "engine/trust/rekor.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/registry/base64.h"
#include "engine/trust/openssl.h"

static struct err *bad(const char *why)
{
    return ERR_NEW(ERR_INVALID, "Rekor: %s", why);
}

/* Signed is the canonical JSON (RFC 8785) of these four members: sorted keys, no blanks; their values need no escapes
 * beyond what jansson writes. */
static struct err *check_promise(const struct pubkeys *log_keys, const json_t *bundle, const json_t *entry)
{
    const char *set = json_string_value(json_object_get(bundle, "SignedEntryTimestamp"));
    const char *body = json_string_value(json_object_get(entry, "body"));
    const char *log_id = json_string_value(json_object_get(entry, "logID"));
    const json_t *at = json_object_get(entry, "integratedTime"), *index = json_object_get(entry, "logIndex");
    AUTO_JSON json_t *signed_members = json_object();
    AUTO_FREE char *text = NULL, *signature = NULL;
    size_t len = 0;
    if (!set || !body || !log_id || !json_is_integer(at) || !json_is_integer(index) || json_object_size(entry) != 4)
        return bad("the bundle has not the members of one");
    TRY(json_put_str(signed_members, "body", body));
    TRY(json_put_int(signed_members, "integratedTime", json_integer_value(at)));
    TRY(json_put_str(signed_members, "logID", log_id));
    TRY(json_put_int(signed_members, "logIndex", json_integer_value(index)));
    TRY(json_text(signed_members, &text));
    TRY_WRAP(base64_decode_bytes(set, &signature, &len), "Rekor: SignedEntryTimestamp");
    if (!pubkeys_verify(log_keys, signature, len, text, strlen(text), NULL))
        return bad("the log's promise is not signed by the log's key of the policy");
    return NULL;
}

static bool same_key(const char *pem_base64, const EVP_PKEY *key)
{
    AUTO_FREE char *pem = NULL;
    EVP_PKEY *logged = NULL;
    size_t len = 0;
    struct err *e = base64_decode_bytes(pem_base64 ? pem_base64 : "", &pem, &len);
    if (!e)
        e = pubkey_parse(pem, len, "key", &logged);
    bool same = !e && EVP_PKEY_eq(logged, key) == 1;
    EVP_PKEY_free(logged);
    err_drop(e);
    return same;
}

static bool same_hash(const char *hex, const char *payload, size_t len)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    char text[2 * SHA256_DIGEST_LENGTH + 1];
    if (!hex || strlen(hex) != sizeof text - 1)
        return false;
    (void)SHA256((const unsigned char *)payload, len, hash);
    for (size_t i = 0; i < sizeof hash; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", hash[i]);
    return strcmp(text, hex) == 0;
}

static const char *string_in(const json_t *obj, const char *key)
{
    return json_string_value(json_object_get(obj, key));
}

/* The logged entry is about this signature. */
static struct err *check_entry(const json_t *entry, const char *payload, size_t payload_len,
                               const char *signature_base64, const EVP_PKEY *key)
{
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *root = NULL;
    size_t len = 0;
    TRY_WRAP(base64_decode_bytes(string_in(entry, "body"), &text, &len), "Rekor: body");
    TRY_WRAP(json_parse(text, len, "body", &root), "Rekor");
    const char *kind = string_in(root, "kind"), *version = string_in(root, "apiVersion");
    if (!kind || strcmp(kind, "hashedrekord") != 0 || !version || strcmp(version, "0.0.1") != 0)
        return bad("the log's entry is not a hashedrekord 0.0.1");
    const json_t *spec = json_object_get(root, "spec"), *signature = json_object_get(spec, "signature");
    const json_t *hash = json_object_get(json_object_get(spec, "data"), "hash");
    const char *algorithm = string_in(hash, "algorithm"), *content = string_in(signature, "content");
    if (!algorithm || strcmp(algorithm, "sha256") != 0 || !same_hash(string_in(hash, "value"), payload, payload_len))
        return bad("the log's entry is about another payload");
    if (!content || strcmp(content, signature_base64) != 0)
        return bad("the log's entry is about another signature");
    if (!same_key(string_in(json_object_get(signature, "publicKey"), "content"), key))
        return bad("the log's entry is about a signature by another key");
    return NULL;
}

struct err *rekor_verify(const struct pubkeys *log_keys, const char *bundle, const char *payload, size_t payload_len,
                         const char *signature_base64, const EVP_PKEY *key)
{
    AUTO_JSON json_t *root = NULL;
    if (!bundle)
        return ERR_NEW(ERR_INVALID, "missing %s annotation", REKOR_ANNOTATION);
    TRY_WRAP(json_parse(bundle, strlen(bundle), "bundle", &root), "Rekor");
    const json_t *entry = json_object_get(root, "Payload");
    TRY(check_promise(log_keys, root, entry));
    return check_entry(entry, payload, payload_len, signature_base64, key);
}
