#include "engine/monitor/detach_keys.h"

#include <string.h>

#include "base/mem.h"
#include "base/strv.h"

static struct err *parse_key(const char *name, const char *all, unsigned char *ret)
{
    static const char signs[] = "@[\\]^_";
    static const unsigned char codes[] = {0, 27, 28, 29, 30, 31};
    size_t len = strlen(name);
    if (len == 1) {
        *ret = (unsigned char)name[0];
        return NULL;
    }
    if (strcmp(name, "DEL") == 0) {
        *ret = 127;
        return NULL;
    }
    if (len == 6 && strncmp(name, "ctrl-", 5) == 0) {
        const char *sign = strchr(signs, name[5]);
        if (name[5] >= 'a' && name[5] <= 'z') {
            *ret = (unsigned char)(name[5] - 'a' + 1);
            return NULL;
        }
        if (sign) {
            *ret = codes[sign - signs];
            return NULL;
        }
    }
    return ERR_NEW(ERR_INVALID, "invalid detach keys \"%s\": unknown key \"%s\"", all, name);
}

struct err *detach_keys_parse(const char *text, struct detach_keys *ret)
{
    AUTO_STRV struct strv names = STRV_INIT;
    struct detach_keys d = {.n = 0};
    if (*text)
        TRY(strv_split(text, ',', &names));
    if (names.count > DETACH_KEYS_MAX)
        return ERR_NEW(ERR_INVALID, "invalid detach keys: more than %d", DETACH_KEYS_MAX);
    for (size_t i = 0; i < names.count; i++)
        TRY(parse_key(names.items[i], text, &d.keys[i]));
    d.n = names.count;
    *ret = d;
    return NULL;
}

/* Bytes that were held back and turn out not to begin the sequence: as few as possible go out, so that the rest still
 * is a beginning of it (ctrl-p ctrl-p ctrl-q has one at its second byte). */
static void give_up(struct detach_keys *d, unsigned char next, unsigned char *out, size_t *len)
{
    unsigned char held[DETACH_KEYS_MAX + 1];
    size_t n = d->matched;
    memcpy(held, d->keys, n);
    held[n++] = next;
    size_t skip = 1;
    while (skip < n && memcmp(held + skip, d->keys, n - skip) != 0)
        skip++;
    memcpy(out + *len, held, skip);
    *len += skip;
    d->matched = n - skip;
}

bool detach_keys_feed(struct detach_keys *d, const unsigned char *in, size_t len, unsigned char *out, size_t *ret_len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (d->n == 0) {
            out[n++] = in[i];
        } else if (in[i] == d->keys[d->matched]) {
            if (++d->matched == d->n) {
                d->matched = 0;
                *ret_len = n;
                return true;
            }
        } else {
            give_up(d, in[i], out, &n);
        }
    }
    *ret_len = n;
    return false;
}
