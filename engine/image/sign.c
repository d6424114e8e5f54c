#include "engine/image/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/image/attached.h"
#include "engine/image/image.h"
#include "engine/image/lookaside.h"
#include "engine/image/manifest.h"
#include "engine/image/policy_fields.h"
#include "engine/image/remote.h"
#include "engine/image/scope.h"
#include "engine/registry/registry.h"
#include "engine/store/digest.h"
#include "engine/trust/payload.h"
#include "engine/trust/trust.h"

#define KEY_FILE_MAX ((size_t)64 << 10)

struct signer {
    const struct image_signing *o;
    char *full_name;
    struct trust *trust; /* confined: YAML, sigstore */
    json_t *registries_d;
    char *directory;             /* of GPG signatures, without "@sha256=…" */
    char *key_text, *passphrase; /* sigstore; wiped at the end */
};

static void wipe(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    mem_freep(secret);
}

void signer_closep(struct signer **sp)
{
    struct signer *s = *sp;
    if (!s)
        return;
    trust_stopp(&s->trust);
    json_unrefp(&s->registries_d);
    mem_freep(&s->full_name);
    mem_freep(&s->directory);
    mem_freep(&s->key_text);
    wipe(&s->passphrase);
    mem_freep(sp);
}

void made_signatures_done(struct made_signatures *m)
{
    mem_freep(&m->digest);
    mem_freep(&m->gpg);
    mem_freep(&m->payload);
    mem_freep(&m->sigstore);
}

/* --- keys */

static struct err *read_key(struct signer *s, const char *path)
{
    size_t len = 0;
    return ERR_WRAP(file_read(AT_FDCWD, path, KEY_FILE_MAX, &s->key_text, &len), "read sigstore private key %s", path);
}

struct err *image_read_passphrase(const char *path, char **ret)
{
    size_t len = 0;
    TRY_WRAP(file_read(AT_FDCWD, path, KEY_FILE_MAX, ret, &len), "read passphrase file %s", path);
    (*ret)[strcspn(*ret, "\r\n")] = '\0';
    return NULL;
}

/* containers-sigstore-signing-params.yaml(5). */
static struct err *read_params(struct signer *s, const char *path)
{
    static const char *const keys[] = {"privateKeyFile", "privateKeyPassphraseFile", "fulcio", "rekorURL", NULL};
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *root = NULL;
    const char *key = NULL, *passphrase = NULL;
    size_t len = 0;
    TRY_WRAP(file_read(AT_FDCWD, path, KEY_FILE_MAX, &text, &len), "read %s", path);
    TRY(trust_yaml(s->trust, path, text, &root));
    if (!json_is_object(root))
        return ERR_NEW(ERR_INVALID, "%s: not a mapping", path);
    TRY_WRAP(policy_only(root, keys), "%s", path);
    if (json_object_get(root, "fulcio"))
        return ERR_NEW(ERR_UNSUPPORTED, "%s: signing with certificates of Fulcio is not built yet", path);
    if (json_object_get(root, "rekorURL"))
        return ERR_NEW(ERR_UNSUPPORTED, "%s: entries in a Rekor log are not built yet", path);
    TRY_WRAP(policy_need_str(root, "privateKeyFile", &key), "%s", path);
    TRY(json_get_str(root, "privateKeyPassphraseFile", path, &passphrase));
    if (passphrase)
        TRY(image_read_passphrase(passphrase, &s->passphrase));
    return read_key(s, key);
}

/* --- places */

static struct err *find_directory(struct signer *s, uid_t host_uid)
{
    AUTO_FREE char *base = NULL;
    TRY(lookaside_base(s->registries_d, s->full_name, true, host_uid, &base));
    return lookaside_directory(base, &s->directory);
}

static struct err *check_attachments(const struct signer *s)
{
    AUTO_STRV struct strv scopes = STRV_INIT;
    TRY(scope_list_docker(s->full_name, &scopes));
    if (lookaside_attachments(s->registries_d, &scopes))
        return NULL;
    return ERR_NEW(ERR_INVALID,
                   "Cannot write sigstore signatures of %s: use-sigstore-attachments is not enabled in registries.d",
                   s->full_name);
}

static struct err *prepare(struct signer *s, uid_t host_uid)
{
    static const struct trust_opts confined = {0};
    const struct image_signing *o = s->o;
    AUTO_STRV struct strv files = STRV_INIT;
    bool sigstore = o->sigstore_key_file || o->sigstore_params;
    TRY(lookaside_conf_files(NULL, &files));
    if (sigstore || files.count)
        TRY(trust_start(&confined, &s->trust));
    TRY_WRAP(lookaside_conf(s->trust, NULL, &s->registries_d), "reading registries.d");
    if (o->gpg_key)
        TRY(find_directory(s, host_uid));
    if (!sigstore)
        return NULL;
    TRY(check_attachments(s));
    if (o->sigstore_params)
        return read_params(s, o->sigstore_params);
    TRY(mem_strdup(o->passphrase, &s->passphrase));
    return read_key(s, o->sigstore_key_file);
}

/* --- making */

struct err *signer_make(struct signer *s, const char *digest, struct made_signatures *ret)
{
    AUTO_MADE struct made_signatures m = {0};
    AUTO_FREE char *payload = NULL;
    const struct image_signing *o = s->o;
    int64_t now = (int64_t)time(NULL);
    TRY(mem_strdup(digest, &m.digest));
    if (o->gpg_key) {
        TRY(payload_build(PAYLOAD_GPG_TYPE, s->full_name, digest, now, &payload));
        TRY_WRAP(trust_sign_gpg(o->gpg_signer, o->gpg_key, o->passphrase, payload, &m.gpg, &m.gpg_len),
                 "creating signature");
    }
    if (s->key_text) {
        TRY(payload_build(PAYLOAD_COSIGN_TYPE, s->full_name, digest, now, &m.payload));
        TRY_WRAP(trust_sign_sigstore(s->trust, s->key_text, s->passphrase, m.payload, &m.sigstore),
                 "creating signature");
    }
    *ret = m;
    m = (struct made_signatures){0};
    return NULL;
}

/* A signature over nothing: a key that is missing or a wrong passphrase is found before anything is sent. Not where gpg
 * would ask somebody. */
static struct err *try_keys(struct signer *s)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    if (s->o->gpg_key && s->o->passphrase)
        TRY_WRAP(trust_sign_gpg(s->o->gpg_signer, s->o->gpg_key, s->o->passphrase, "", &text, &len),
                 "creating signature");
    mem_freep(&text);
    if (s->key_text)
        TRY_WRAP(trust_sign_sigstore(s->trust, s->key_text, s->passphrase, "", &text), "creating signature");
    return NULL;
}

struct err *signer_open(const struct image_signing *o, uid_t host_uid, const char *full_name, struct signer **ret)
{
    if (!o || (!o->gpg_key && !o->sigstore_key_file && !o->sigstore_params))
        return NULL;
    AUTO_SIGNER struct signer *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_oom();
    s->o = o;
    TRY(mem_strdup(full_name, &s->full_name));
    TRY(prepare(s, host_uid));
    TRY(try_keys(s));
    *ret = TAKE_PTR(s);
    return NULL;
}

/* --- storing */

static struct err *put(struct registry *r, enum registry_verb verb, const char *target, const char *text)
{
    AUTO_FD int fd = -1;
    TRY(fd_memory("document", text, strlen(text), &fd));
    const struct registry_request request = {.verb = verb,
                                             .target = target,
                                             .media_type = verb == REGISTRY_PUT_MANIFEST ? MEDIA_OCI_MANIFEST : NULL,
                                             .size_bytes = strlen(text),
                                             .fd = fd};
    return registry_do(r, &request, NULL);
}

/* The signatures that are there; a->root stays NULL without any. */
static struct err *get_attached(struct registry *r, const char *tag, struct attached *a, char **ret_config)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    struct err *e = remote_document(r, REGISTRY_GET_MANIFEST, tag, NULL, MANIFEST_MAX_BYTES, &text, &len, NULL);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return NULL;
    }
    TRY(e);
    TRY(attached_parse(text, len, a));
    if (a->config_bytes > MANIFEST_CONFIG_MAX_BYTES)
        return ERR_NEW(ERR_INVALID, "the config of %s has %llu bytes, too many", tag,
                       (unsigned long long)a->config_bytes);
    return ERR_WRAP(remote_document(r, REGISTRY_GET_BLOB, a->config_digest, a->config_digest, (size_t)a->config_bytes,
                                    ret_config, &len, NULL),
                    "config of %s", tag);
}

static struct err *store_attached(struct signer *s, struct registry *r, const struct made_signatures *m)
{
    AUTO_ATTACHED struct attached before = {0};
    AUTO_FREE char *tag = NULL, *old_config = NULL, *manifest = NULL, *config = NULL;
    TRY(attached_tag(m->digest, &tag));
    if (!s->o->replace)
        TRY(get_attached(r, tag, &before, &old_config));
    TRY(attached_build(before.root ? &before : NULL, old_config, m->payload, m->sigstore, &manifest, &config));
    TRY(put(r, REGISTRY_PUT_BLOB, digest_of(m->payload, strlen(m->payload)).s, m->payload));
    TRY(put(r, REGISTRY_PUT_BLOB, digest_of(config, strlen(config)).s, config));
    return put(r, REGISTRY_PUT_MANIFEST, tag, manifest);
}

struct err *signer_store(struct signer *s, struct registry *r, const struct made_signatures *m)
{
    if (m->gpg)
        TRY_WRAP(lookaside_write(s->directory, m->digest, m->gpg, m->gpg_len, s->o->replace), "writing signatures");
    if (m->sigstore)
        TRY_WRAP(store_attached(s, r, m), "writing signatures");
    return NULL;
}
