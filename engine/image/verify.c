#include "engine/image/verify.h"

#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/engine.h"
#include "engine/image/attached.h"
#include "engine/image/lookaside.h"
#include "engine/image/manifest.h"
#include "engine/image/policy.h"
#include "engine/image/remote.h"
#include "engine/image/scope.h"
#include "engine/registry/base64.h"
#include "engine/registry/places.h"
#include "engine/registry/registry.h"
#include "engine/store/digest.h"
#include "engine/store/store.h"
#include "rootless/session.h"

#define REQUIREMENTS_MAX 64

struct verify {
    struct engine *engine;
    struct policy policy;
    struct policy_requirement requirements[REQUIREMENTS_MAX];
    size_t n_requirements;
    char *reference; /* full name, or NULL */
    struct strv scopes;
    struct trust *trust;
    struct store_staging staging; /* the private directory for keys; path NULL: none */
    json_t *registries_d;         /* read when first needed */
    struct signatures signatures;
    char *looked[2]; /* where signatures of each scheme were looked for, for messages */
};

void verify_closep(struct verify **vp)
{
    struct verify *v = *vp;
    if (!v)
        return;
    trust_stopp(&v->trust); /* before its directory goes */
    if (v->staging.path)
        store_staging_done(engine_store(v->engine), &v->staging);
    for (size_t i = 0; i < v->n_requirements; i++)
        policy_requirement_done(&v->requirements[i]);
    signatures_done(&v->signatures);
    json_unrefp(&v->registries_d);
    policy_done(&v->policy);
    strv_done(&v->scopes);
    mem_freep(&v->reference);
    mem_freep(&v->looked[TRUST_GPG]);
    mem_freep(&v->looked[TRUST_SIGSTORE]);
    mem_freep(vp);
}

/* --- the policy */

static struct err *list_scopes(const struct verify_subject *subject, struct strv *ret)
{
    static const char *const paths[] = {"dir", "oci", "oci-archive"};
    if (!subject->name)
        return NULL;
    if (strcmp(subject->transport, "docker") == 0)
        return scope_list_docker(subject->name, ret);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (strcmp(subject->transport, paths[i]) == 0)
            return scope_list_path(subject->name, ret);
    return NULL; /* the others have no scopes */
}

static struct err *rejected(const struct verify *v, const struct verify_subject *subject)
{
    bool docker = strcmp(subject->transport, "docker") == 0;
    return ERR_NEW(ERR_DENIED, "Source image rejected: Running image %s:%s%s is rejected by policy. (%s)",
                   subject->transport, docker ? "//" : "", subject->name ? subject->name : "-", v->policy.file);
}

static struct err *take_requirements(struct verify *v, const struct verify_subject *subject)
{
    json_t *list = policy_requirements(&v->policy, subject->transport, &v->scopes), *one;
    size_t i;
    if (json_array_size(list) > REQUIREMENTS_MAX)
        return ERR_NEW(ERR_INVALID, "%s: more than %d requirements", v->policy.file, REQUIREMENTS_MAX);
    json_array_foreach (list, i, one) {
        TRY(policy_requirement_parse(one, &v->requirements[v->n_requirements]));
        const struct policy_requirement *r = &v->requirements[v->n_requirements++];
        if (r->missing)
            return ERR_NEW(ERR_UNSUPPORTED, "Source image rejected: %s: %s, so that nothing can pass", v->policy.file,
                           r->missing);
        if (r->type == POLICY_REJECT)
            return rejected(v, subject);
    }
    return NULL;
}

static bool needs(const struct verify *v, enum policy_type type)
{
    for (size_t i = 0; i < v->n_requirements; i++)
        if (v->requirements[i].type == type)
            return true;
    return false;
}

struct err *verify_open(struct engine *e, const char *policy_file, const struct verify_subject *subject,
                        struct verify **ret)
{
    AUTO_VERIFY struct verify *v = mem_zalloc(sizeof *v);
    if (!v)
        return err_oom();
    v->engine = e;
    TRY(policy_load(policy_file, &v->policy));
    if (!v->policy.root)
        return NULL;
    TRY(list_scopes(subject, &v->scopes));
    TRY(take_requirements(v, subject));
    if (!needs(v, POLICY_SIGNED_BY) && !needs(v, POLICY_SIGSTORE_SIGNED))
        return NULL;
    if (strcmp(subject->transport, "docker") == 0)
        TRY(mem_strdup(subject->name, &v->reference));
    *ret = TAKE_PTR(v);
    return NULL;
}

static struct err *start(struct verify *v)
{
    if (v->trust)
        return NULL;
    if (needs(v, POLICY_SIGNED_BY)) {
        v->staging.lock_fd = v->staging.dirfd = -1;
        TRY(store_staging_new(engine_store(v->engine), &v->staging));
    }
    const struct trust_opts opts = {.private_dir = v->staging.path};
    return trust_start(&opts, &v->trust);
}

/* --- signatures */

static struct err *fetch_layer(struct verify *v, struct registry *r, const struct attached_layer *layer)
{
    struct trust_signature s = {.attached = true};
    if (layer->size_bytes > TRUST_SIGNATURE_MAX_BYTES)
        return ERR_NEW(ERR_INVALID, "attached signature %s has %llu bytes, too many", layer->digest,
                       (unsigned long long)layer->size_bytes);
    TRY_WRAP(remote_document(r, REGISTRY_GET_BLOB, layer->digest, layer->digest, (size_t)layer->size_bytes, &s.data,
                             &s.len, NULL),
             "reading attached signature %s", layer->digest);
    struct err *e = mem_strdup(layer->media_type, &s.media_type);
    if (e) {
        trust_signature_done(&s);
        return e;
    }
    s.annotations = json_incref(layer->annotations);
    return signatures_add(&v->signatures, &s);
}

static struct err *fetch_attached(struct verify *v, struct registry *r, const char *digest)
{
    AUTO_ATTACHED struct attached a = {0};
    AUTO_FREE char *tag = NULL, *text = NULL;
    size_t len = 0;
    TRY(attached_tag(digest, &tag));
    struct err *e = remote_document(r, REGISTRY_GET_MANIFEST, tag, NULL, MANIFEST_MAX_BYTES, &text, &len, NULL);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return mem_replace(&v->looked[TRUST_SIGSTORE], " (there is no tag for attached signatures)");
    }
    TRY_WRAP(e, "reading attached signatures %s", tag);
    TRY_WRAP(attached_parse(text, len, &a), "%s", tag);
    for (size_t i = 0; i < a.count; i++)
        if (strcmp(a.layers[i].media_type, TRUST_COSIGN_TYPE) == 0)
            TRY(fetch_layer(v, r, &a.layers[i]));
    return NULL;
}

static struct err *fetch_lookaside(struct verify *v, struct registry *r, const char *digest)
{
    AUTO_FREE char *base = NULL;
    TRY(lookaside_base(v->registries_d, v->reference, false, engine_session(v->engine)->host_uid, &base));
    TRY(lookaside_read(base, digest, r, &v->signatures));
    mem_freep(&v->looked[TRUST_GPG]);
    return mem_asprintf(&v->looked[TRUST_GPG], " (looked in %s)", base);
}

struct err *verify_fetch(struct verify *v, struct registry *r, const char *digest)
{
    signatures_done(&v->signatures);
    TRY(start(v));
    if (!v->registries_d)
        TRY_WRAP(lookaside_conf(v->trust, NULL, &v->registries_d), "reading registries.d");
    if (needs(v, POLICY_SIGNED_BY))
        TRY(fetch_lookaside(v, r, digest));
    if (!needs(v, POLICY_SIGSTORE_SIGNED))
        return NULL;
    if (!lookaside_attachments(v->registries_d, &v->scopes))
        return mem_replace(&v->looked[TRUST_SIGSTORE], " (use-sigstore-attachments is not enabled in registries.d)");
    return fetch_attached(v, r, digest);
}

struct err *verify_add(struct verify *v, struct trust_signature *take)
{
    return signatures_add(&v->signatures, take);
}

/* --- judging */

static struct err *add_files(const struct strv *paths, json_t *list)
{
    for (size_t i = 0; i < paths->count; i++) {
        AUTO_FREE char *text = NULL, *encoded = NULL;
        size_t len = 0;
        TRY(places_read(paths->items[i], TRUST_KEY_MAX_BYTES, &text, &len));
        if (!text)
            return ERR_NEW(ERR_NOT_FOUND, "open %s: no such file or directory", paths->items[i]);
        TRY(base64_encode(text, len, &encoded));
        TRY(json_push_str(list, encoded));
    }
    return NULL;
}

/* Keys as base64: files, or data, which is base64 already. */
static struct err *gather_keys(const struct strv *paths, const struct strv *data, json_t **ret)
{
    AUTO_JSON json_t *list = json_array();
    if (!list)
        return err_oom();
    TRY(add_files(paths, list));
    for (size_t i = 0; i < data->count; i++)
        TRY(json_push_str(list, data->items[i]));
    *ret = TAKE_PTR(list);
    return NULL;
}

/* NULL, or why this signature doesn't do. */
static struct err *judge(const struct verify *v, const struct policy_requirement *r,
                         const struct trust_verdict *verdict, const char *digest)
{
    bool same = false;
    if (verdict->error)
        return ERR_NEW(ERR_DENIED, "%s", verdict->error);
    if (strcmp(verdict->digest, digest) != 0)
        return ERR_NEW(ERR_DENIED, "Signature for digest %s does not match %s", verdict->digest, digest);
    TRY(identity_matches(&r->identity, v->reference, verdict->reference, &same));
    return same ? NULL : ERR_NEW(ERR_DENIED, "Signature for identity %s is not accepted", verdict->reference);
}

/* One accepted signature is enough. */
static struct err *judge_all(const struct verify *v, const struct policy_requirement *r,
                             const struct trust_verdict *verdicts, size_t n, const char *digest)
{
    AUTO_STRBUF struct strbuf reasons = STRBUF_INIT;
    for (size_t i = 0; i < n; i++) {
        AUTO_ERR struct err *why = judge(v, r, &verdicts[i], digest);
        if (!why)
            return NULL;
        TRY(strbuf_printf(&reasons, "%s%s", i ? "; " : "", err_text(why)));
    }
    return ERR_NEW(ERR_DENIED, "%s%s", n > 1 ? "None of the signatures were accepted, reasons: " : "",
                   strbuf_str(&reasons));
}

static struct err *ask(const struct verify *v, const struct policy_requirement *r,
                       const struct trust_signature *signatures, size_t n, struct trust_verdict *verdicts,
                       const char *digest)
{
    AUTO_JSON json_t *keys = NULL, *rekor = NULL;
    TRY(gather_keys(&r->key_paths, &r->key_data, &keys));
    if (r->rekor_paths.count || r->rekor_data.count)
        TRY(gather_keys(&r->rekor_paths, &r->rekor_data, &rekor));
    const struct trust_question question = {
        .scheme = r->type == POLICY_SIGNED_BY ? TRUST_GPG : TRUST_SIGSTORE, .keys = keys, .rekor_keys = rekor};
    TRY(trust_verify(v->trust, &question, signatures, n, verdicts));
    return judge_all(v, r, verdicts, n, digest);
}

static struct err *evaluate(const struct verify *v, const struct policy_requirement *r, const char *digest)
{
    struct trust_signature fitting[TRUST_SIGNATURES_MAX]; /* borrowed */
    struct trust_verdict verdicts[TRUST_SIGNATURES_MAX] = {0};
    size_t n = 0;
    if (r->type == POLICY_ACCEPT)
        return NULL;
    for (size_t i = 0; i < v->signatures.count; i++)
        if (v->signatures.items[i].attached == (r->type == POLICY_SIGSTORE_SIGNED))
            fitting[n++] = v->signatures.items[i];
    const char *looked = v->looked[r->type == POLICY_SIGNED_BY ? TRUST_GPG : TRUST_SIGSTORE];
    if (n == 0)
        return ERR_NEW(ERR_DENIED, "A signature was required, but no signature exists%s", looked ? looked : "");
    struct err *e = ask(v, r, fitting, n, verdicts, digest);
    for (size_t i = 0; i < n; i++)
        trust_verdict_done(&verdicts[i]);
    return e;
}

struct err *verify_manifest(struct verify *v, const char *digest)
{
    TRY(start(v));
    for (size_t i = 0; i < v->n_requirements; i++)
        TRY_WRAP(evaluate(v, &v->requirements[i], digest), "Source image rejected");
    return NULL;
}

struct err *verify_remote(struct engine *e, const char *policy_file, const char *full_name, struct registry *r,
                          const char *manifest, size_t len)
{
    const struct verify_subject subject = {.transport = "docker", .name = full_name};
    AUTO_VERIFY struct verify *v = NULL;
    TRY(verify_open(e, policy_file, &subject, &v));
    if (!v)
        return NULL;
    struct digest digest = digest_of(manifest, len);
    TRY(verify_fetch(v, r, digest.s));
    return verify_manifest(v, digest.s);
}

struct err *verify_unsigned(struct engine *e, const char *policy_file, const struct verify_subject *subject)
{
    AUTO_VERIFY struct verify *v = NULL;
    TRY(verify_open(e, policy_file, subject, &v));
    if (!v)
        return NULL;
    return ERR_NEW(ERR_DENIED,
                   "Source image rejected: A signature was required, but no signature exists (%s cannot "
                   "have one)",
                   subject->transport);
}
