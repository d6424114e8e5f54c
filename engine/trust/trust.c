/* The asking side: questions to coracle-trust. Its answers are believed in their meaning, not in their form. */
#include "engine/trust/trust.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"
#include "engine/registry/base64.h"
#include "engine/trust/wire.h"

struct trust {
    struct proc proc;
    int sock;
};

void trust_signature_done(struct trust_signature *s)
{
    mem_freep(&s->data);
    mem_freep(&s->media_type);
    json_decref(s->annotations);
    s->annotations = NULL;
}

void trust_verdict_done(struct trust_verdict *v)
{
    mem_freep(&v->error);
    mem_freep(&v->reference);
    mem_freep(&v->digest);
}

void trust_stop(struct trust *take_t)
{
    if (!take_t)
        return;
    take_t->sock = fd_close(take_t->sock);
    proc_done(&take_t->proc);
    mem_freep(&take_t);
}

void trust_stopp(struct trust **t)
{
    trust_stop(*t);
    *t = NULL;
}

static struct err *spawn(const struct trust_opts *o, struct trust *t)
{
    AUTO_FREE char *path = NULL;
    AUTO_STRV struct strv argv = STRV_INIT;
    /* gpg is looked for in PATH; nothing else of the user's environment concerns what is not signed with his keys. */
    char path_env[] = "PATH=/usr/local/bin:/usr/bin:/bin", lang[] = "LC_ALL=C";
    char *const clean[] = {path_env, lang, NULL};
    int pair[2];
    TRY(proc_find_helper(WIRE_HELPER, &path));
    TRY(strv_add(&argv, WIRE_HELPER));
    TRY(strv_add(&argv, o->gpg_signer ? "signer" : "confined"));
    if (o->private_dir)
        TRY(strv_add(&argv, o->private_dir));
    TRY(msg_pair(pair));
    t->sock = pair[0];
    AUTO_FD int theirs = pair[1];
    const struct proc_fd fds[] = {{.from = theirs, .to = WIRE_SOCKET}};
    const struct proc_opts opts = {.path = path,
                                   .argv = argv.items,
                                   .envp = o->gpg_signer ? NULL : clean,
                                   .fds = fds,
                                   .n_fds = 1,
                                   .parent_death_signal = SIGKILL,
                                   .default_signals = true};
    return proc_spawn(&opts, &t->proc);
}

struct err *trust_start(const struct trust_opts *opts, struct trust **ret)
{
    AUTO_TRUST struct trust *t = mem_zalloc(sizeof *t);
    if (!t)
        return err_oom();
    t->proc = (struct proc)PROC_INIT;
    t->sock = -1;
    TRY(spawn(opts, t));
    *ret = TAKE_PTR(t);
    return NULL;
}

static struct err *send_question(struct trust *t, const json_t *question)
{
    AUTO_FREE char *text = NULL;
    TRY(json_text(question, &text));
    AUTO_FD int fd = memfd_create("question", MFD_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "memfd_create");
    struct err *e = strlen(text) > WIRE_MAX ? ERR_NEW(ERR_NO_SPACE, "too many signatures, or too long ones") : NULL;
    if (!e)
        e = fd_write_all(fd, text, strlen(text));
    explicit_bzero(text, strlen(text)); /* may have a passphrase */
    TRY(e);
    return msg_send(t->sock, WIRE_QUESTION, NULL, 0, &fd, 1);
}

static struct err *receive_answer(struct trust *t, json_t **ret)
{
    AUTO_MSG struct msg m = MSG_INIT;
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    bool eof = false;
    struct err *e = msg_recv(t->sock, &m, &eof);
    if (e || eof) {
        err_drop(e);
        int status = 0;
        TRY(proc_wait(&t->proc, &status));
        return ERR_NEW(ERR_INTERNAL, WIRE_HELPER " ended with code %d and no answer", proc_exit_code(status));
    }
    if (m.type != WIRE_ANSWER || m.n_fds != 1)
        return ERR_NEW(ERR_CORRUPT, WIRE_HELPER " sent a message that makes no sense");
    TRY(file_read_fd(m.fds[0], WIRE_MAX, &text, &len));
    return json_parse(text, len, "answer", ret);
}

static struct err *ask(struct trust *t, const char *verb, json_t *question, json_t **ret)
{
    AUTO_JSON json_t *answer = NULL;
    const char *error = NULL;
    int64_t kind = ERR_INTERNAL;
    TRY(json_put_str(question, "verb", verb));
    TRY(send_question(t, question));
    TRY(receive_answer(t, &answer));
    TRY(json_get_str(answer, "error", "answer", &error));
    TRY(json_get_int(answer, "kind", "answer", &kind));
    if (error)
        return ERR_NEW(kind < 0 || kind >= ERR_KIND_MAX ? ERR_INTERNAL : (enum err_kind)kind, "%s", error);
    *ret = TAKE_PTR(answer);
    return NULL;
}

static struct err *put_bytes(json_t *obj, const char *key, const char *data, size_t len)
{
    AUTO_FREE char *text = NULL;
    TRY(base64_encode(data, len, &text));
    return json_put_str(obj, key, text);
}

static struct err *needed(const json_t *answer, const char *key, const char **ret)
{
    TRY(json_get_str(answer, key, "answer", ret));
    return *ret ? NULL : ERR_NEW(ERR_CORRUPT, WIRE_HELPER " sent an answer without %s", key);
}

/* --- verifying */

static struct err *put_signatures(json_t *question, const struct trust_signature *signatures, size_t n)
{
    json_t *list = NULL, *obj = NULL;
    TRY(json_put_arr(question, "signatures", &list));
    for (size_t i = 0; i < n; i++) {
        TRY(json_push_obj(list, &obj));
        TRY(put_bytes(obj, "data", signatures[i].data, signatures[i].len));
        if (signatures[i].annotations)
            TRY(json_put(obj, "annotations", json_incref(signatures[i].annotations)));
    }
    return NULL;
}

static struct err *take_verdict(const json_t *obj, struct trust_verdict *ret)
{
    const char *error = NULL, *reference = NULL, *digest = NULL;
    TRY(json_get_str(obj, "error", "answer", &error));
    if (error)
        return mem_strdup(error, &ret->error);
    TRY(needed(obj, "reference", &reference));
    TRY(needed(obj, "digest", &digest));
    TRY(mem_strdup(reference, &ret->reference));
    return mem_strdup(digest, &ret->digest);
}

struct err *trust_verify(struct trust *t, const struct trust_question *q, const struct trust_signature *signatures,
                         size_t n, struct trust_verdict *ret)
{
    AUTO_JSON json_t *question = json_object(), *answer = NULL;
    json_t *list = NULL;
    TRY(json_put_str(question, "scheme", q->scheme == TRUST_GPG ? "gpg" : "sigstore"));
    TRY(json_put(question, "keys", json_incref(q->keys)));
    if (q->rekor_keys)
        TRY(json_put(question, "rekor_keys", json_incref(q->rekor_keys)));
    TRY(put_signatures(question, signatures, n));
    TRY(ask(t, "verify", question, &answer));
    TRY(json_get_arr(answer, "verdicts", "answer", &list));
    if (json_array_size(list) != n)
        return ERR_NEW(ERR_CORRUPT, WIRE_HELPER " gave %zu verdicts on %zu signatures", json_array_size(list), n);
    for (size_t i = 0; i < n; i++)
        TRY(take_verdict(json_array_get(list, i), &ret[i]));
    return NULL;
}

/* --- signing */

struct err *trust_sign_gpg(struct trust *t, const char *key, const char *passphrase, const char *payload, char **ret,
                           size_t *ret_len)
{
    AUTO_JSON json_t *question = json_object(), *answer = NULL;
    const char *text = NULL;
    TRY(json_put_str(question, "key", key));
    if (passphrase)
        TRY(json_put_str(question, "passphrase", passphrase));
    TRY(json_put_str(question, "payload", payload));
    TRY(ask(t, "sign-gpg", question, &answer));
    TRY(needed(answer, "signature", &text));
    return base64_decode_bytes(text, ret, ret_len);
}

struct err *trust_sign_sigstore(struct trust *t, const char *key_text, const char *passphrase, const char *payload,
                                char **ret)
{
    AUTO_JSON json_t *question = json_object(), *answer = NULL;
    const char *text = NULL;
    TRY(json_put_str(question, "key", key_text));
    TRY(json_put_str(question, "passphrase", passphrase ? passphrase : ""));
    TRY(json_put_str(question, "payload", payload));
    TRY(ask(t, "sign-sigstore", question, &answer));
    TRY(needed(answer, "signature", &text));
    return mem_strdup(text, ret);
}

/* --- the rest */

struct err *trust_key_ids(struct trust *t, const char *keyring, size_t len, struct strv *ret)
{
    AUTO_JSON json_t *question = json_object(), *answer = NULL;
    TRY(put_bytes(question, "keyring", keyring, len));
    TRY(ask(t, "key-ids", question, &answer));
    return json_get_strv(answer, "ids", "answer", ret);
}

struct err *trust_registries_d(struct trust *t, const struct strv *names, const struct strv *texts, json_t **ret)
{
    AUTO_JSON json_t *question = json_object();
    json_t *list = NULL, *obj = NULL;
    TRY(json_put_arr(question, "files", &list));
    for (size_t i = 0; i < names->count; i++) {
        TRY(json_push_obj(list, &obj));
        TRY(json_put_str(obj, "name", names->items[i]));
        TRY(put_bytes(obj, "text", texts->items[i], strlen(texts->items[i])));
    }
    return ask(t, "registries.d", question, ret);
}

struct err *trust_yaml(struct trust *t, const char *name, const char *text, json_t **ret)
{
    AUTO_JSON json_t *question = json_object(), *answer = NULL;
    TRY(json_put_str(question, "name", name));
    TRY(put_bytes(question, "text", text, strlen(text)));
    TRY(ask(t, "yaml", question, &answer));
    *ret = json_incref(json_object_get(answer, "document"));
    return *ret ? NULL : ERR_NEW(ERR_CORRUPT, WIRE_HELPER " sent an answer without a document");
}
