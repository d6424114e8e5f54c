#include "engine/image/packdoc.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/image/manifest.h"

#define PACKDOC_MAGIC "coracle-packed-1"
#define PACKDOC_WHAT "packed image"
#define PACKDOC_NAMES_MAX 256

static struct err *not_packed(void)
{
    return ERR_NEW(ERR_INVALID, "this is no packed image (`coracle image pack` makes them)");
}

struct err *packdoc_tail_parse(const char tail[PACKDOC_TAIL_LEN], uint64_t file_bytes, struct packdoc_tail *ret)
{
    AUTO_FREE char *text = NULL;
    AUTO_STRV struct strv words = STRV_INIT;
    struct packdoc_tail t;
    if (file_bytes < PACKDOC_TAIL_LEN || strncmp(tail, PACKDOC_MAGIC " ", strlen(PACKDOC_MAGIC " ")) != 0)
        return not_packed();
    TRY(mem_strndup(tail, strnlen(tail, PACKDOC_TAIL_LEN), &text));
    text[strcspn(text, "\n")] = '\0';
    for (size_t n = strlen(text); n && text[n - 1] == ' '; n--)
        text[n - 1] = '\0';
    TRY(strv_split(text, ' ', &words));
    if (words.count != 4 || strlen(words.items[3]) != DIGEST_HEX_LEN)
        return not_packed();
    TRY(number_parse_u64(words.items[1], file_bytes, &t.offset));
    TRY(number_parse_u64(words.items[2], PACKDOC_MAX_BYTES, &t.len));
    (void)snprintf(t.digest.s, sizeof(t.digest.s), "sha256:%s", words.items[3]);
    TRY(digest_check(t.digest.s));
    if (t.len > file_bytes - t.offset || file_bytes - t.offset - t.len != PACKDOC_TAIL_LEN)
        return ERR_NEW(ERR_CORRUPT, "the packed image is damaged: it was cut, or something was added");
    *ret = t;
    return NULL;
}

struct err *packdoc_tail_text(const struct packdoc_tail *t, char ret[PACKDOC_TAIL_LEN])
{
    int n = snprintf(ret, PACKDOC_TAIL_LEN, PACKDOC_MAGIC " %llu %llu %s", (unsigned long long)t->offset,
                     (unsigned long long)t->len, digest_hex(t->digest.s));
    if (n < 0 || n >= PACKDOC_TAIL_LEN)
        return ERR_NEW(ERR_INTERNAL, "the end of a packed image does not fit");
    memset(ret + n, ' ', (size_t)(PACKDOC_TAIL_LEN - n));
    ret[PACKDOC_TAIL_LEN - 1] = '\n';
    return NULL;
}

void packdoc_done(struct packdoc *d)
{
    mem_freep(&d->manifest);
    mem_freep(&d->config);
    mem_freep(&d->media_type);
    mem_freep(&d->digest);
    strv_done(&d->names);
}

static struct err *take_text(const json_t *root, const char *key, size_t max, char **ret)
{
    const char *text = NULL;
    TRY(json_get_str(root, key, PACKDOC_WHAT, &text));
    if (!text || !*text)
        return ERR_NEW(ERR_CORRUPT, "the packed image has no %s", key);
    if (strlen(text) > max)
        return ERR_NEW(ERR_INVALID, "the %s of the packed image is longer than %zu bytes", key, max);
    return mem_strdup(text, ret);
}

static struct err *parse(const json_t *root, struct packdoc *d)
{
    int64_t size = 0;
    if (!json_is_object(root))
        return ERR_NEW(ERR_CORRUPT, "the packed image's document is no object");
    TRY(take_text(root, "manifest", MANIFEST_MAX_BYTES, &d->manifest));
    TRY(take_text(root, "config", MANIFEST_CONFIG_MAX_BYTES, &d->config));
    TRY(take_text(root, "mediaType", 256, &d->media_type));
    TRY(take_text(root, "digest", 256, &d->digest));
    TRY(digest_check(d->digest));
    TRY(json_get_strv(root, "names", PACKDOC_WHAT, &d->names));
    if (d->names.count > PACKDOC_NAMES_MAX)
        return ERR_NEW(ERR_INVALID, "the packed image has more than %d names", PACKDOC_NAMES_MAX);
    TRY(json_get_int(root, "size", PACKDOC_WHAT, &size));
    d->size_bytes = size > 0 ? (uint64_t)size : 0;
    return NULL;
}

struct err *packdoc_parse(const char *text, size_t len, struct packdoc *ret)
{
    AUTO_JSON json_t *root = NULL;
    AUTO_PACKDOC struct packdoc d = {0};
    TRY(json_parse(text, len, PACKDOC_WHAT, &root));
    TRY(parse(root, &d));
    *ret = d;
    d = (struct packdoc){0};
    return NULL;
}

struct err *packdoc_text(const struct packdoc *d, char **ret)
{
    AUTO_JSON json_t *root = json_object();
    TRY(json_put_strv(root, "names", &d->names));
    TRY(json_put_str(root, "digest", d->digest));
    TRY(json_put_str(root, "mediaType", d->media_type));
    TRY(json_put_int(root, "size", (int64_t)d->size_bytes));
    TRY(json_put_str(root, "manifest", d->manifest));
    TRY(json_put_str(root, "config", d->config));
    return json_text(root, ret);
}
