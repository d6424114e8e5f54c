/* nettle picks the fastest SHA-256 that the processor has (SHA-NI: more than 1 GB/s) when it is loaded. */
#include "engine/layer/hash.h"

#include <stdint.h>
#include <string.h>

void hash_init(struct hash *h)
{
    sha256_init(&h->ctx);
}

void hash_update(struct hash *h, const void *data, size_t len)
{
    sha256_update(&h->ctx, len, data);
}

void hash_text(struct hash *h, char ret[HASH_TEXT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t sum[SHA256_DIGEST_SIZE];
    size_t at = sizeof("sha256:") - 1;
    sha256_digest(&h->ctx, sizeof(sum), sum);
    memset(ret, 0, HASH_TEXT_SIZE);
    memcpy(ret, "sha256:", at);
    for (size_t i = 0; i < sizeof(sum); i++) {
        ret[at++] = hex[sum[i] >> 4];
        ret[at++] = hex[sum[i] & 15];
    }
}
