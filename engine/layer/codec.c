/* Telling formats apart, and the one rule that all of them share: after the stream nothing but padding.
 *
 * A magic number is believed only when it is whole: a tar begins with the name of a file, and names like "BZh" exist.
 * (bzip2 is therefore recognised by the mark of its first block as well.) Anything else is taken as a plain tar; if it
 * is none, tar.h says so.
 */
#include "engine/layer/codec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/layer/codec_ops.h"

struct codec {
    const struct codec_ops *ops; /* NULL: plain */
    void *state;
    struct input *in;
    bool ended;
};

struct codec_magic {
    const struct codec_ops *ops;
    size_t len;
    unsigned char mask0; /* of the first byte: zstd's skippable frames have 16 of them */
    unsigned char bytes[6];
};

/* RFC 1952; RFC 8878 (frame, skippable frame); the .xz file format; bzip2 has the block size in byte 3. */
static const struct codec_magic codec_magics[] = {
    {&codec_gzip, 3, 0xff, {0x1f, 0x8b, 8}},
    {&codec_zstd, 4, 0xff, {0x28, 0xb5, 0x2f, 0xfd}},
    {&codec_zstd, 4, 0xf0, {0x50, 0x2a, 0x4d, 0x18}},
    {&codec_xz, 6, 0xff, {0xfd, '7', 'z', 'X', 'Z', 0}},
};

static bool codec_is_bzip2(const unsigned char *p, size_t len)
{
    static const unsigned char block[6] = {0x31, 0x41, 0x59, 0x26, 0x53, 0x59};
    static const unsigned char end[6] = {0x17, 0x72, 0x45, 0x38, 0x50, 0x90};
    return len >= 10 && memcmp(p, "BZh", 3) == 0 && p[3] >= '1' && p[3] <= '9' &&
           (memcmp(p + 4, block, sizeof(block)) == 0 || memcmp(p + 4, end, sizeof(end)) == 0);
}

static const struct codec_ops *codec_detect(const unsigned char *p, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(codec_magics); i++) {
        const struct codec_magic *m = &codec_magics[i];
        if (len >= m->len && (p[0] & m->mask0) == m->bytes[0] && memcmp(p + 1, m->bytes + 1, m->len - 1) == 0)
            return m->ops;
    }
    return codec_is_bzip2(p, len) ? &codec_bzip2 : NULL;
}

struct err *codec_open(struct input *in, struct codec **ret)
{
    TRY(input_fill(in, 10));
    struct codec *c = mem_zalloc(sizeof(*c));
    if (!c)
        return err_oom();
    c->in = in;
    c->ops = codec_detect((const unsigned char *)in->buf + in->at, in->len - in->at);
    struct err *e = c->ops ? c->ops->open(in, &c->state) : NULL;
    if (e) {
        free(c);
        return e;
    }
    in->no_hash = !c->ops;
    *ret = c;
    return NULL;
}

void codec_free(struct codec *c)
{
    if (!c)
        return;
    if (c->ops)
        c->ops->free(c->state);
    free(c);
}

bool codec_is_plain(const struct codec *c)
{
    return !c->ops;
}

/* What follows the stream: padding at most. */
static struct err *codec_check_rest(struct codec *c)
{
    for (;;) {
        TRY(input_fill(c->in, 1));
        if (c->in->at == c->in->len)
            return NULL;
        for (; c->in->at < c->in->len; c->in->at++) {
            if (c->in->buf[c->in->at] != '\0')
                return ERR_NEW(ERR_CORRUPT, "there are bytes behind the end of the %s stream", c->ops->name);
        }
    }
}

struct err *codec_read(struct codec *c, char *buf, size_t cap, size_t *ret)
{
    *ret = 0;
    if (c->ended)
        return NULL;
    if (!c->ops)
        return input_read(c->in, buf, cap, ret);
    TRY(c->ops->read(c->state, buf, cap, ret));
    if (*ret)
        return NULL;
    c->ended = true;
    return codec_check_rest(c);
}
