#include "engine/registry/base64.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct err *base64_encode(const char *data, size_t len, char **ret)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t group = 0;
        size_t n = len - i < 3 ? len - i : 3;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < n ? (unsigned char)data[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            TRY(strbuf_putc(&out, k <= n ? alphabet[group >> (18 - 6 * k) & 63] : '='));
    }
    return mem_strdup(strbuf_str(&out), ret);
}

struct err *base64_decode_bytes(const char *text, char **ret, size_t *ret_len)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    uint32_t group = 0;
    int bits = 0;
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '=')
        len--;
    if (len % 4 == 1)
        return ERR_NEW(ERR_INVALID, "base64 is cut short");
    TRY(strbuf_reserve(&out, len / 4 * 3 + 3));
    for (size_t i = 0; i < len; i++) {
        const char *p = strchr(alphabet, text[i]);
        if (!p)
            return ERR_NEW(ERR_INVALID, "not base64");
        group = (group << 6 | (uint32_t)(p - alphabet)) & 0xffffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            TRY(strbuf_putc(&out, (char)(group >> bits & 0xff)));
        }
    }
    *ret_len = out.len;
    return strbuf_take(&out, ret);
}

struct err *base64_decode(const char *text, char **ret)
{
    AUTO_FREE char *bytes = NULL;
    size_t len = 0;
    TRY(base64_decode_bytes(text, &bytes, &len));
    if (strlen(bytes) != len)
        return ERR_NEW(ERR_INVALID, "a NUL byte in base64");
    *ret = TAKE_PTR(bytes);
    return NULL;
}
