/* The policy for what comes from files. Only the directories of transport "dir" can have signatures: "signature-<n>",
 * each an OpenPGP message, or, behind "\0sigstore-json\n", cosign's parts as JSON (as containers/image writes them). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/image/load_internal.h"
#include "engine/image/verify.h"
#include "engine/registry/base64.h"

#define SIGSTORE_MAGIC "sigstore-json\n"

static struct err *resolve(const struct load *l, char **ret)
{
    const char *path = l->opts->path && strcmp(l->opts->path, "-") != 0 ? l->opts->path : NULL;
    char *real = path ? realpath(path, NULL) : NULL; /* scopes have no links in them */
    struct err *e = mem_strdup(real, ret);
    free(real);
    return e;
}

static struct err *parse_sigstore(const char *text, size_t len, struct trust_signature *ret)
{
    AUTO_JSON json_t *root = NULL;
    const char *type = NULL, *payload = NULL;
    json_t *annotations = NULL;
    TRY(json_parse(text, len, "sigstore signature", &root));
    TRY(json_get_str(root, "mimeType", "sigstore signature", &type));
    TRY(json_get_str(root, "payload", "sigstore signature", &payload));
    TRY(json_get_obj(root, "annotations", "sigstore signature", &annotations));
    ret->attached = true;
    ret->annotations = json_incref(annotations);
    TRY(mem_strdup(type ? type : "", &ret->media_type));
    return base64_decode_bytes(payload ? payload : "", &ret->data, &ret->len);
}

static struct err *take_signature(struct verify *v, char **take_text, size_t len)
{
    struct trust_signature s = {0};
    size_t magic = strlen(SIGSTORE_MAGIC);
    if (len == 0 || (*take_text)[0] != '\0') {
        s.data = TAKE_PTR(*take_text);
        s.len = len;
        return verify_add(v, &s);
    }
    if (len <= magic || memcmp(*take_text + 1, SIGSTORE_MAGIC, magic) != 0)
        return ERR_NEW(ERR_INVALID, "a signature of unknown format");
    struct err *e = parse_sigstore(*take_text + 1 + magic, len - 1 - magic, &s);
    if (!e && strcmp(s.media_type, TRUST_COSIGN_TYPE) == 0)
        return verify_add(v, &s);
    trust_signature_done(&s);
    return e;
}

static struct err *read_signatures(const struct load *l, struct verify *v)
{
    for (unsigned i = 1; i <= TRUST_SIGNATURES_MAX; i++) {
        AUTO_FREE char *name = NULL, *text = NULL;
        size_t len = 0;
        TRY(mem_asprintf(&name, "signature-%u", i));
        if (!load_has(l, name))
            return NULL;
        TRY(load_read(l, name, TRUST_SIGNATURE_MAX_BYTES, &text, &len));
        TRY_WRAP(take_signature(v, &text, len), "%s", name);
    }
    return NULL;
}

struct err *load_verify(const struct load *l, const char *transport)
{
    AUTO_FREE char *path = NULL;
    TRY(resolve(l, &path));
    const struct verify_subject subject = {.transport = transport, .name = path};
    return verify_unsigned(l->engine, l->opts->signature_policy, &subject);
}

struct err *load_verify_dir(const struct load *l, const char *manifest, size_t len)
{
    AUTO_VERIFY struct verify *v = NULL;
    AUTO_FREE char *path = NULL;
    TRY(resolve(l, &path));
    const struct verify_subject subject = {.transport = "dir", .name = path};
    TRY(verify_open(l->engine, l->opts->signature_policy, &subject, &v));
    if (!v)
        return NULL;
    TRY(read_signatures(l, v));
    return verify_manifest(v, digest_of(manifest, len).s);
}
