#include "engine/trust/sealed_key.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <sodium.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/registry/base64.h"
#include "engine/trust/openssl.h"

#define SCRYPT_MEMORY_MAX ((uint64_t)256 << 20)
#define PEM_MAX ((size_t)64 << 10)

struct sealed {
    uint64_t n, r, p;
    char *salt, *nonce, *box;
    size_t salt_len, nonce_len, box_len;
};

static void sealed_done(struct sealed *s)
{
    mem_freep(&s->salt);
    mem_freep(&s->nonce);
    mem_freep(&s->box);
}

static struct err *not_a_key(const char *why)
{
    return ERR_NEW(ERR_INVALID, "not an encrypted sigstore private key: %s", why);
}

/* The bytes inside the PEM armour. */
static struct err *read_pem(const char *text, char **ret, size_t *ret_len)
{
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long len = 0;
    if (strlen(text) > PEM_MAX)
        return not_a_key("it is too long");
    BIO *bio = BIO_new_mem_buf(text, (int)strlen(text));
    if (!bio)
        return err_oom();
    int ok = PEM_read_bio(bio, &name, &header, &data, &len);
    BIO_free(bio);
    struct err *e = NULL;
    if (ok != 1 || len < 0)
        e = not_a_key("there is no PEM block in it");
    else if (strcmp(name, "ENCRYPTED COSIGN PRIVATE KEY") != 0 && strcmp(name, "ENCRYPTED SIGSTORE PRIVATE KEY") != 0)
        e = ERR_NEW(ERR_INVALID, "not an encrypted sigstore private key: its PEM type is \"%.60s\"", name);
    else
        e = mem_strndup((const char *)data, (size_t)len, ret);
    *ret_len = (size_t)len;
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    return e;
}

static struct err *bytes_of(const json_t *obj, const char *key, char **ret, size_t *ret_len)
{
    const char *text = json_string_value(json_object_get(obj, key));
    if (!text)
        return not_a_key("a member of its JSON is missing");
    return ERR_WRAP(base64_decode_bytes(text, ret, ret_len), "sigstore private key: %s", key);
}

static bool is(const json_t *obj, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(obj, key));
    return text && strcmp(text, value) == 0;
}

static struct err *parse(const char *text, size_t len, struct sealed *s)
{
    AUTO_JSON json_t *root = NULL;
    TRY_WRAP(json_parse(text, len, "sigstore private key", &root), "not an encrypted sigstore private key");
    const json_t *kdf = json_object_get(root, "kdf"), *cipher = json_object_get(root, "cipher");
    const json_t *params = json_object_get(kdf, "params");
    if (!is(kdf, "name", "scrypt") || !is(cipher, "name", "nacl/secretbox"))
        return not_a_key("only scrypt with nacl/secretbox is known");
    json_int_t n = json_integer_value(json_object_get(params, "N"));
    json_int_t r = json_integer_value(json_object_get(params, "r"));
    json_int_t p = json_integer_value(json_object_get(params, "p"));
    /* 128 * N * r is the memory that scrypt needs (RFC 7914). */
    if (n < 2 || (n & (n - 1)) || r < 1 || r > 64 || p < 1 || p > 16 || n > (1 << 22) ||
        (uint64_t)n * (uint64_t)r > SCRYPT_MEMORY_MAX / 128)
        return not_a_key("its scrypt parameters are out of bounds");
    s->n = (uint64_t)n;
    s->r = (uint64_t)r;
    s->p = (uint64_t)p;
    TRY(bytes_of(kdf, "salt", &s->salt, &s->salt_len));
    TRY(bytes_of(cipher, "nonce", &s->nonce, &s->nonce_len));
    TRY(bytes_of(root, "ciphertext", &s->box, &s->box_len));
    if (s->nonce_len != crypto_secretbox_NONCEBYTES || s->box_len < crypto_secretbox_MACBYTES)
        return not_a_key("nonce or ciphertext have a wrong length");
    return NULL;
}

static struct err *open_box(const struct sealed *s, const char *passphrase, unsigned char **ret, size_t *ret_len)
{
    unsigned char key[crypto_secretbox_KEYBYTES];
    size_t len = s->box_len - crypto_secretbox_MACBYTES;
    AUTO_FREE unsigned char *plain = mem_alloc(len + 1);
    if (!plain)
        return err_oom();
    if (!EVP_PBE_scrypt(passphrase, strlen(passphrase), (const unsigned char *)s->salt, s->salt_len, s->n, s->r, s->p,
                        SCRYPT_MEMORY_MAX + (SCRYPT_MEMORY_MAX / 4), key, sizeof key))
        return ERR_NEW(ERR_UNSUPPORTED, "scrypt fails on this key");
    int bad = crypto_secretbox_open_easy(plain, (const unsigned char *)s->box, s->box_len,
                                         (const unsigned char *)s->nonce, key);
    OPENSSL_cleanse(key, sizeof key);
    if (bad)
        return ERR_NEW(ERR_DENIED, "the passphrase of the sigstore private key is wrong, or the key is damaged");
    *ret = TAKE_PTR(plain);
    *ret_len = len;
    return NULL;
}

struct err *sealed_key_open(const char *text, const char *passphrase, unsigned char **ret, size_t *ret_len)
{
    struct sealed s = {0};
    AUTO_FREE char *json = NULL;
    size_t len = 0;
    TRY(read_pem(text, &json, &len));
    struct err *e = parse(json, len, &s);
    if (!e)
        e = open_box(&s, passphrase, ret, ret_len);
    sealed_done(&s);
    return e;
}
