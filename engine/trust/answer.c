#include "engine/trust/answer.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/msg.h"
#include "engine/registry/base64.h"
#include "engine/trust/gpg.h"
#include "engine/trust/registries_d.h"
#include "engine/trust/sigstore.h"
#include "engine/trust/trust.h"
#include "engine/trust/wire.h"
#include "engine/trust/yaml_json.h"

struct asked {
    const json_t *question;
    json_t *answer;
    const char *private_dir;
};

static struct err *text_of(const json_t *obj, const char *key, const char **ret)
{
    TRY(json_get_str(obj, key, "question", ret));
    return *ret ? NULL : ERR_NEW(ERR_INVALID, "a question without %s", key);
}

static struct err *bytes_of(const json_t *obj, const char *key, char **ret, size_t *ret_len)
{
    const char *text = NULL;
    TRY(text_of(obj, key, &text));
    return base64_decode_bytes(text, ret, ret_len);
}

static struct err *do_verify(struct asked *a)
{
    const char *scheme = NULL;
    json_t *signatures = NULL, *keys = NULL, *rekor = NULL, *verdicts = NULL;
    TRY(text_of(a->question, "scheme", &scheme));
    TRY(json_get_arr(a->question, "keys", "question", &keys));
    TRY(json_get_arr(a->question, "rekor_keys", "question", &rekor));
    TRY(json_get_arr(a->question, "signatures", "question", &signatures));
    if (json_array_size(signatures) > TRUST_SIGNATURES_MAX)
        return ERR_NEW(ERR_INVALID, "more than %d signatures", TRUST_SIGNATURES_MAX);
    TRY(json_put_arr(a->answer, "verdicts", &verdicts));
    if (strcmp(scheme, "gpg") == 0)
        return gpg_verify(a->private_dir, keys, signatures, verdicts);
    return sigstore_verify(keys, rekor, signatures, verdicts);
}

static struct err *do_sign_gpg(struct asked *a)
{
    const char *key = NULL, *passphrase = NULL, *payload = NULL;
    AUTO_FREE char *message = NULL, *text = NULL;
    size_t len = 0;
    TRY(text_of(a->question, "key", &key));
    TRY(text_of(a->question, "payload", &payload));
    TRY(json_get_str(a->question, "passphrase", "question", &passphrase));
    TRY(gpg_sign(key, passphrase, payload, &message, &len));
    TRY(base64_encode(message, len, &text));
    return json_put_str(a->answer, "signature", text);
}

static struct err *do_sign_sigstore(struct asked *a)
{
    const char *key = NULL, *passphrase = NULL, *payload = NULL;
    AUTO_FREE char *text = NULL;
    TRY(text_of(a->question, "key", &key));
    TRY(text_of(a->question, "payload", &payload));
    TRY(text_of(a->question, "passphrase", &passphrase));
    TRY(sigstore_sign(key, passphrase, payload, &text));
    return json_put_str(a->answer, "signature", text);
}

static struct err *do_key_ids(struct asked *a)
{
    AUTO_FREE char *keyring = NULL;
    AUTO_STRV struct strv ids = STRV_INIT;
    size_t len = 0;
    TRY(bytes_of(a->question, "keyring", &keyring, &len));
    TRY(gpg_key_ids(a->private_dir, keyring, len, &ids));
    return json_put_strv(a->answer, "ids", &ids);
}

static struct err *do_registries_d(struct asked *a)
{
    AUTO_JSON json_t *merged = NULL;
    json_t *files = NULL, *one;
    size_t i;
    TRY(json_get_arr(a->question, "files", "question", &files));
    json_array_foreach (files, i, one) {
        AUTO_FREE char *text = NULL;
        const char *name = NULL;
        size_t len = 0;
        TRY(text_of(one, "name", &name));
        TRY(bytes_of(one, "text", &text, &len));
        TRY(registries_d_add(&merged, text, len, name));
    }
    registries_d_finish(merged);
    return merged && json_object_update(a->answer, merged) < 0 ? err_oom() : NULL;
}

static struct err *do_yaml(struct asked *a)
{
    AUTO_FREE char *text = NULL;
    json_t *document = NULL;
    const char *name = NULL;
    size_t len = 0;
    TRY(text_of(a->question, "name", &name));
    TRY(bytes_of(a->question, "text", &text, &len));
    TRY(yaml_json_parse(text, len, name, &document));
    return json_put(a->answer, "document", document);
}

static const struct {
    const char *verb;
    bool signer;
    struct err *(*run)(struct asked *a)ERR_RESULT;
} verbs[] = {
    {"verify", false, do_verify},   {"sign-gpg", true, do_sign_gpg}, {"sign-sigstore", false, do_sign_sigstore},
    {"key-ids", false, do_key_ids}, {"yaml", false, do_yaml},        {"registries.d", false, do_registries_d},
};

static struct err *answer_one(struct asked *a, bool signer)
{
    const char *verb = NULL;
    TRY(text_of(a->question, "verb", &verb));
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verb, verbs[i].verb) == 0 && verbs[i].signer == signer)
            return verbs[i].run(a);
    return ERR_NEW(ERR_INVALID, "a question that makes no sense here: %.40s", verb);
}

static struct err *send_answer(int sock, const json_t *answer)
{
    AUTO_FREE char *text = NULL;
    AUTO_FD int fd = memfd_create("answer", MFD_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "memfd_create");
    TRY(json_text(answer, &text));
    TRY(fd_write_all(fd, text, strlen(text)));
    return msg_send(sock, WIRE_ANSWER, NULL, 0, &fd, 1);
}

static struct err *take_question(struct msg *m, json_t **ret)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    if (m->type != WIRE_QUESTION || m->n_fds != 1)
        return ERR_NEW(ERR_INVALID, "a message that makes no sense");
    TRY(file_read_fd(m->fds[0], WIRE_MAX, &text, &len));
    struct err *e = json_parse(text, len, "question", ret);
    explicit_bzero(text, len); /* may have a passphrase */
    return e;
}

struct err *answer_run(int sock, bool signer, const char *private_dir)
{
    for (;;) {
        AUTO_MSG struct msg m = MSG_INIT;
        AUTO_JSON json_t *question = NULL, *answer = json_object();
        bool eof = false;
        TRY(msg_recv(sock, &m, &eof));
        if (eof)
            return NULL;
        TRY(take_question(&m, &question));
        struct asked a = {.question = question, .answer = answer, .private_dir = private_dir};
        AUTO_ERR struct err *e = answer_one(&a, signer);
        if (e) {
            TRY(json_put_str(answer, "error", err_text(e)));
            TRY(json_put_int(answer, "kind", err_kind(e)));
        }
        TRY(send_answer(sock, answer));
    }
}
