/* One home for each question, made in the private directory: what is in it is what is trusted. gpg is told to start no
 * agent, to ask nobody, and to look nowhere else for keys. */
#include "engine/trust/gpg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gpgme.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/registry/base64.h"
#include "engine/trust/payload.h"
#include "engine/trust/trust.h"

static const char home_conf[] = "no-autostart\nlock-never\ntrust-model always\nno-auto-key-retrieve\n"
                                "no-auto-key-locate\nno-auto-check-trustdb\ndisable-dirmngr\n";

static void context_done(gpgme_ctx_t *c)
{
    gpgme_release(*c);
}
#define AUTO_CONTEXT __attribute__((cleanup(context_done)))

static void data_done(gpgme_data_t *d)
{
    gpgme_data_release(*d);
}
#define AUTO_DATA __attribute__((cleanup(data_done)))

static void key_done(gpgme_key_t *k)
{
    gpgme_key_unref(*k);
}
#define AUTO_KEY __attribute__((cleanup(key_done)))

static struct err *gpgme_failure(gpgme_error_t error, const char *what)
{
    char text[256] = "";
    (void)gpgme_strerror_r(error, text, sizeof text);
    if (gpgme_err_code(error) == GPG_ERR_INV_ENGINE)
        return ERR_NEW(ERR_NOT_FOUND, "%s: the program gpg is needed (Debian: gpg) and does not work here: %s", what,
                       text);
    return ERR_NEW(ERR_INVALID, "%s: %s", what, text);
}

#define TRY_GPG(expr, what)                      \
    do {                                         \
        gpgme_error_t gpg_rc_ = (expr);          \
        if (gpg_rc_)                             \
            return gpgme_failure(gpg_rc_, what); \
    } while (0)

struct err *gpg_prepare(void)
{
    return gpgme_check_version("1.14.0") ? NULL : ERR_NEW(ERR_UNSUPPORTED, "gpgme is older than 1.14");
}

static struct err *make_home(const char *private_dir, char **ret)
{
    AUTO_FREE char *conf = NULL, *home = NULL;
    if (!private_dir)
        return ERR_NEW(ERR_INTERNAL, "GPG needs a private directory");
    for (unsigned i = 0;; i++) {
        mem_freep(&home);
        TRY(mem_asprintf(&home, "%s/%u", private_dir, i));
        if (mkdir(home, 0700) == 0)
            break;
        if (errno != EEXIST)
            return ERR_SYS(errno, "create %s", home);
    }
    TRY(mem_asprintf(&conf, "%s/gpg.conf", home));
    AUTO_FD int fd = open(conf, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYS(errno, "create %s", conf);
    TRY(fd_write_all(fd, home_conf, strlen(home_conf)));
    *ret = TAKE_PTR(home);
    return NULL;
}

/* `home` NULL: the user's. */
static struct err *open_context(const char *home, gpgme_ctx_t *ret)
{
    TRY_GPG(gpgme_new(ret), "start gpgme");
    TRY_GPG(gpgme_set_protocol(*ret, GPGME_PROTOCOL_OpenPGP), "use OpenPGP");
    gpgme_set_offline(*ret, 1);
    if (home)
        TRY_GPG(gpgme_ctx_set_engine_info(*ret, GPGME_PROTOCOL_OpenPGP, NULL, home), "use a private home");
    return NULL;
}

static struct err *import(gpgme_ctx_t c, const char *keyring, size_t len)
{
    AUTO_DATA gpgme_data_t data = NULL;
    TRY_GPG(gpgme_data_new_from_mem(&data, keyring, len, 0), "read keys");
    TRY_GPG(gpgme_op_import(c, data), "import keys");
    const struct _gpgme_op_import_result *r = gpgme_op_import_result(c);
    for (const struct _gpgme_import_status *s = r ? r->imports : NULL; s; s = s->next)
        if (!s->result)
            return NULL;
    return ERR_NEW(ERR_INVALID, "No public keys imported: the keyring of the policy has no OpenPGP key");
}

static struct err *import_all(gpgme_ctx_t c, const json_t *keys)
{
    size_t i;
    json_t *one;
    if (json_array_size(keys) == 0)
        return ERR_NEW(ERR_INVALID, "No public keys imported");
    json_array_foreach (keys, i, one) {
        AUTO_FREE char *bytes = NULL;
        size_t len = 0;
        TRY_WRAP(base64_decode_bytes(json_string_value(one), &bytes, &len), "key");
        TRY(import(c, bytes, len));
    }
    return NULL;
}

/* --- verifying */

/* NULL, or what is wrong with the one signature of a message. */
static struct err *check_signature(const struct _gpgme_op_verify_result *r)
{
    const struct _gpgme_signature *s = r ? r->signatures : NULL;
    char text[256] = "";
    if (!s)
        return ERR_NEW(ERR_INVALID, "Invalid GPG signature: the message is not signed");
    if (s->next)
        return ERR_NEW(ERR_INVALID, "Invalid GPG signature: more than one signature in a message");
    const char *by = s->fpr ? s->fpr : "unknown";
    if (gpgme_err_code(s->status) == GPG_ERR_NO_PUBKEY)
        return ERR_NEW(ERR_INVALID, "Signature by key %s is not accepted: the policy does not trust this key", by);
    if (s->status) {
        (void)gpgme_strerror_r(s->status, text, sizeof text);
        return ERR_NEW(ERR_INVALID, "Invalid GPG signature: %s (key %s)", text, by);
    }
    if (s->wrong_key_usage || s->validity == GPGME_VALIDITY_NEVER)
        return ERR_NEW(ERR_INVALID, "Invalid GPG signature: key %s may not be used for signatures", by);
    return NULL;
}

static struct err *verify_message(gpgme_ctx_t c, const char *message, size_t len, struct payload *ret)
{
    AUTO_DATA gpgme_data_t in = NULL, out = NULL;
    TRY_GPG(gpgme_data_new_from_mem(&in, message, len, 0), "read a signature");
    TRY_GPG(gpgme_data_new(&out), "read a signature");
    gpgme_error_t error = gpgme_op_verify(c, in, NULL, out);
    if (gpgme_err_code(error) == GPG_ERR_INV_ENGINE)
        return gpgme_failure(error, "verify");
    TRY_GPG(error, "Invalid GPG signature");
    TRY(check_signature(gpgme_op_verify_result(c)));
    size_t n = 0;
    char *text = gpgme_data_release_and_get_mem(TAKE_PTR(out), &n);
    struct err *e = n > TRUST_SIGNATURE_MAX_BYTES ? ERR_NEW(ERR_INVALID, "Invalid signature: its payload is too long")
                                                  : payload_parse(text ? text : "", n, PAYLOAD_GPG_TYPE, ret);
    gpgme_free(text);
    return e;
}

static struct err *verify_one(gpgme_ctx_t c, const json_t *signature, json_t *verdict)
{
    AUTO_PAYLOAD struct payload p = {0};
    AUTO_FREE char *message = NULL;
    size_t len = 0;
    const char *text = NULL;
    TRY(json_get_str(signature, "data", "signature", &text));
    struct err *e = base64_decode_bytes(text ? text : "", &message, &len);
    if (!e)
        e = verify_message(c, message, len, &p);
    if (e && err_kind(e) != ERR_INVALID)
        return e;
    if (e) {
        struct err *put = json_put_str(verdict, "error", err_text(e));
        err_free(e);
        return put;
    }
    TRY(json_put_str(verdict, "reference", p.reference));
    return json_put_str(verdict, "digest", p.digest);
}

struct err *gpg_verify(const char *private_dir, const json_t *keys, const json_t *signatures, json_t *verdicts)
{
    AUTO_CONTEXT gpgme_ctx_t c = NULL;
    AUTO_FREE char *home = NULL;
    size_t i;
    json_t *one, *verdict;
    TRY(make_home(private_dir, &home));
    TRY(open_context(home, &c));
    TRY(import_all(c, keys));
    json_array_foreach (signatures, i, one) {
        TRY(json_push_obj(verdicts, &verdict));
        TRY(verify_one(c, one, verdict));
    }
    return NULL;
}

/* --- signing */

/* gpg asks once; a second time means that it was wrong. */
static gpgme_error_t give_passphrase(void *arg, const char *hint, const char *info, int previous_was_bad, int fd)
{
    const char *passphrase = arg;
    (void)hint;
    (void)info;
    if (previous_was_bad)
        return gpgme_error(GPG_ERR_BAD_PASSPHRASE);
    if (gpgme_io_writen(fd, passphrase, strlen(passphrase)) || gpgme_io_writen(fd, "\n", 1))
        return gpgme_error(GPG_ERR_EIO);
    return 0;
}

struct err *gpg_sign(const char *key, const char *passphrase, const char *payload, char **ret, size_t *ret_len)
{
    AUTO_CONTEXT gpgme_ctx_t c = NULL;
    AUTO_DATA gpgme_data_t in = NULL, out = NULL;
    AUTO_KEY gpgme_key_t k = NULL;
    AUTO_FREE char *own = NULL;
    TRY(open_context(NULL, &c));
    if (passphrase) {
        TRY(mem_strdup(passphrase, &own));
        TRY_GPG(gpgme_set_pinentry_mode(c, GPGME_PINENTRY_MODE_LOOPBACK), "set the passphrase");
        gpgme_set_passphrase_cb(c, give_passphrase, own);
    }
    gpgme_error_t error = gpgme_get_key(c, key, &k, 1);
    if (gpgme_err_code(error) == GPG_ERR_EOF)
        return ERR_NEW(ERR_NOT_FOUND, "signing with GPG: there is no secret key for '%s' in the keyring", key);
    TRY_GPG(error, "signing with GPG: find the key");
    TRY_GPG(gpgme_signers_add(c, k), "signing with GPG");
    TRY_GPG(gpgme_data_new_from_mem(&in, payload, strlen(payload), 0), "signing with GPG");
    TRY_GPG(gpgme_data_new(&out), "signing with GPG");
    TRY_GPG(gpgme_op_sign(c, in, out, GPGME_SIG_MODE_NORMAL), "signing with GPG");
    size_t n = 0;
    char *message = gpgme_data_release_and_get_mem(TAKE_PTR(out), &n);
    AUTO_STRBUF struct strbuf copy = STRBUF_INIT;
    struct err *e = message ? strbuf_add(&copy, message, n) : err_oom();
    gpgme_free(message);
    TRY(e);
    *ret_len = n;
    return strbuf_take(&copy, ret);
}

/* --- names of keys */

static struct err *add_ids(const struct _gpgme_key *k, struct strv *ret)
{
    for (const struct _gpgme_user_id *u = k->uids; u; u = u->next) {
        const char *text = u->email && u->email[0] ? u->email : u->uid;
        if (text && text[0])
            TRY(strv_add(ret, text));
    }
    return NULL;
}

struct err *gpg_key_ids(const char *private_dir, const char *keyring, size_t len, struct strv *ret)
{
    AUTO_CONTEXT gpgme_ctx_t c = NULL;
    AUTO_FREE char *home = NULL;
    TRY(make_home(private_dir, &home));
    TRY(open_context(home, &c));
    TRY(import(c, keyring, len));
    TRY_GPG(gpgme_op_keylist_start(c, NULL, 0), "list keys");
    for (;;) {
        AUTO_KEY gpgme_key_t k = NULL;
        gpgme_error_t error = gpgme_op_keylist_next(c, &k);
        if (gpgme_err_code(error) == GPG_ERR_EOF)
            return NULL;
        TRY_GPG(error, "list keys");
        TRY(add_ids(k, ret));
    }
}
