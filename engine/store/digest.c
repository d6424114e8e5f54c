#include "engine/store/digest.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define SHA256_PREFIX "sha256:"
#define SHA512_PREFIX "sha512:"
#define READ_CHUNK ((size_t)128 << 10)

struct digest_ctx {
    struct sha256_ctx hash;
};

struct err *digest_new(struct digest_ctx **ret)
{
    struct digest_ctx *c = mem_alloc(sizeof *c);
    if (!c)
        return err_oom();
    sha256_init(&c->hash);
    *ret = c;
    return NULL;
}

void digest_update(struct digest_ctx *c, const void *data, size_t len)
{
    sha256_update(&c->hash, len, data);
}

static struct digest finish(struct sha256_ctx *hash)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char raw[SHA256_DIGEST_SIZE];
    struct digest d = {.s = SHA256_PREFIX};
    sha256_digest(hash, sizeof raw, raw); /* resets the context */
    char *p = d.s + strlen(SHA256_PREFIX);
    for (size_t i = 0; i < sizeof raw; i++) {
        *p++ = hex[raw[i] >> 4];
        *p++ = hex[raw[i] & 15];
    }
    *p = '\0';
    return d;
}

struct digest digest_final(struct digest_ctx *c)
{
    return finish(&c->hash);
}

void digest_free(struct digest_ctx *c)
{
    mem_freep(&c);
}

struct digest digest_of(const void *data, size_t len)
{
    struct sha256_ctx hash;
    sha256_init(&hash);
    sha256_update(&hash, len, data);
    return finish(&hash);
}

struct err *digest_check(const char *text)
{
    if (strncmp(text, SHA512_PREFIX, strlen(SHA512_PREFIX)) == 0)
        return ERR_NEW(ERR_UNSUPPORTED, "digest %.20s…: sha512 digests are not supported", text);
    if (strncmp(text, SHA256_PREFIX, strlen(SHA256_PREFIX)) != 0)
        return ERR_NEW(ERR_INVALID, "'%.80s' is not a sha256 digest", text);
    const char *hex = digest_hex(text);
    size_t len = strspn(hex, "0123456789abcdef");
    if (len != DIGEST_HEX_LEN || hex[len])
        return ERR_NEW(ERR_INVALID, "'%.80s' is not a sha256 digest: it needs 64 lower-case hex digits", text);
    return NULL;
}

const char *digest_hex(const char *digest)
{
    const char *colon = strchr(digest, ':');
    return colon ? colon + 1 : digest;
}

struct err *digest_of_file(int fd, struct digest *ret)
{
    AUTO_FREE char *buf = mem_alloc(READ_CHUNK);
    if (!buf)
        return err_oom();
    struct sha256_ctx hash;
    sha256_init(&hash);
    for (off_t at = 0;;) {
        ssize_t n = pread(fd, buf, READ_CHUNK, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_SYS(errno, "read");
        if (n == 0)
            break;
        sha256_update(&hash, (size_t)n, (const uint8_t *)buf);
        at += n;
    }
    *ret = finish(&hash);
    return NULL;
}
