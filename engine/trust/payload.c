#include "engine/trust/payload.h"

#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

void payload_done(struct payload *p)
{
    mem_freep(&p->reference);
    mem_freep(&p->digest);
}

/* `obj` is an object that has exactly these members; each into its slot. */
static struct err *exactly(const json_t *obj, const char *what, const char *const *keys, json_t **ret, size_t n)
{
    const char *key;
    json_t *value;
    if (!json_is_object(obj))
        return ERR_NEW(ERR_INVALID, "Invalid signature: %s is not an object", what);
    for (size_t i = 0; i < n; i++) {
        ret[i] = json_object_get(obj, keys[i]);
        if (!ret[i])
            return ERR_NEW(ERR_INVALID, "Invalid signature: %s has no member \"%s\"", what, keys[i]);
    }
    /* jansson's macro casts const away, which is all it does with it. */
    json_object_foreach ((json_t *)(uintptr_t)obj, key, value) {
        size_t i = 0;
        while (i < n && strcmp(key, keys[i]) != 0)
            i++;
        if (i == n)
            return ERR_NEW(ERR_INVALID, "Invalid signature: %s has an unknown member \"%.100s\"", what, key);
    }
    return NULL;
}

static struct err *only_string(const json_t *obj, const char *what, const char *key, const char **ret)
{
    json_t *value = NULL;
    TRY(exactly(obj, what, &key, &value, 1));
    *ret = json_string_value(value);
    return *ret ? NULL : ERR_NEW(ERR_INVALID, "Invalid signature: %s.%s is not a string", what, key);
}

static struct err *check_digest(const char *digest)
{
    static const char prefix[] = "sha256:";
    size_t len = strlen(prefix);
    if (strncmp(digest, prefix, len) == 0 && strlen(digest) == len + 64 &&
        strspn(digest + len, "0123456789abcdef") == 64)
        return NULL;
    return ERR_NEW(ERR_INVALID, "Invalid signature: \"%.100s\" is not a sha256 digest", digest);
}

/* An integer that fits, maybe written as 1.7e9. */
static bool is_int64(const json_t *value)
{
    const double limit = 9223372036854775808.0; /* 2^63; a cast of more would be undefined */
    double number = json_real_value(value);
    if (!json_is_real(value))
        return json_is_integer(value);
    return number >= -limit && number < limit && number == (double)(int64_t)number;
}

/* Members that are known must be what they are; cosign writes null for an empty one. */
static struct err *check_optional(const json_t *optional)
{
    if (json_is_null(optional))
        return NULL;
    if (!json_is_object(optional))
        return ERR_NEW(ERR_INVALID, "Invalid signature: optional is not an object");
    const json_t *creator = json_object_get(optional, "creator");
    const json_t *timestamp = json_object_get(optional, "timestamp");
    if (creator && !json_is_string(creator))
        return ERR_NEW(ERR_INVALID, "Invalid signature: optional.creator is not a string");
    if (timestamp && !is_int64(timestamp))
        return ERR_NEW(ERR_INVALID, "Invalid signature: optional.timestamp is not an integer");
    return NULL;
}

struct err *payload_parse(const char *text, size_t len, const char *type, struct payload *ret)
{
    static const char *const top_keys[] = {"critical", "optional"};
    static const char *const critical_keys[] = {"type", "image", "identity"};
    AUTO_JSON json_t *root = NULL;
    AUTO_PAYLOAD struct payload p = {0};
    json_t *top[2], *critical[3];
    const char *digest = NULL, *reference = NULL;
    TRY_WRAP(json_parse(text, len, "payload", &root), "Invalid signature");
    TRY(exactly(root, "payload", top_keys, top, 2));
    TRY(exactly(top[0], "critical", critical_keys, critical, 3));
    const char *got = json_string_value(critical[0]);
    if (!got || strcmp(got, type) != 0)
        return ERR_NEW(ERR_INVALID, "Invalid signature: critical.type is not \"%s\"", type);
    TRY(only_string(critical[1], "critical.image", "docker-manifest-digest", &digest));
    TRY(only_string(critical[2], "critical.identity", "docker-reference", &reference));
    TRY(check_digest(digest));
    TRY(check_optional(top[1]));
    TRY(mem_strdup(digest, &p.digest));
    TRY(mem_strdup(reference, &p.reference));
    *ret = p;
    p = (struct payload){0};
    return NULL;
}

struct err *payload_build(const char *type, const char *reference, const char *digest, int64_t now_sec, char **ret)
{
    AUTO_JSON json_t *root = json_object();
    json_t *critical = NULL, *identity = NULL, *image = NULL, *optional = NULL;
    TRY(json_put_obj(root, "critical", &critical));
    TRY(json_put_obj(critical, "identity", &identity));
    TRY(json_put_str(identity, "docker-reference", reference));
    TRY(json_put_obj(critical, "image", &image));
    TRY(json_put_str(image, "docker-manifest-digest", digest));
    TRY(json_put_str(critical, "type", type));
    TRY(json_put_obj(root, "optional", &optional));
    TRY(json_put_str(optional, "creator", "coracle " CORACLE_VERSION));
    TRY(json_put_int(optional, "timestamp", now_sec));
    return json_text(root, ret);
}
