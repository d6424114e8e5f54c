/* gzip (RFC 1952), by ISA-L where the build has it: between two and three times as fast as zlib, and decompression is
 * the slowest stage of unpacking a layer.
 *
 * A gzip file is a row of members (RFC 1952 section 2.2), as pigz, bgzip and eStargz write them. Each has a header, a
 * deflate stream and a trailer with CRC and length; gzip_read() goes from one to the next. The engine at hand is behind
 * four functions, gzip_engine_*: zlib reads headers itself, for ISA-L we do.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef CORACLE_ISAL
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

#include "base/mem.h"
#include "engine/layer/codec_ops.h"

struct gzip {
    struct input *in;
    bool in_member;
#ifdef CORACLE_ISAL
    struct inflate_state engine;
#else
    z_stream engine;
#endif
};

/* What one call of the decompressor did: it stops when the input or the room is used up, or a member ends. */
struct gzip_step {
    size_t consumed;
    size_t produced;
    bool member_end;
};

static struct err *gzip_truncated(void)
{
    return ERR_NEW(ERR_CORRUPT, "the gzip stream ends early");
}

#ifdef CORACLE_ISAL
static struct err *gzip_skip(struct input *in, size_t len)
{
    TRY(input_fill(in, len));
    if (in->len - in->at < len)
        return gzip_truncated();
    in->at += len;
    return NULL;
}

static struct err *gzip_skip_string(struct input *in)
{
    for (;;) {
        TRY(input_fill(in, 1));
        if (in->at == in->len)
            return gzip_truncated();
        const char *end = memchr(in->buf + in->at, 0, in->len - in->at);
        in->at = end ? (size_t)(end - in->buf) + 1 : in->len;
        if (end)
            return NULL;
    }
}

/* Our own reading of the header, since ISA-L forgets where it was when a header is split between two inputs. */
static struct err *gzip_skip_header(struct input *in)
{
    enum { HCRC = 2, EXTRA = 4, NAME = 8, COMMENT = 16, RESERVED = 0xe0 };
    TRY(input_fill(in, 12));
    if (in->len - in->at < 12)
        return gzip_truncated();
    const unsigned char *h = (const unsigned char *)in->buf + in->at;
    unsigned flags = h[3];
    size_t extra = (size_t)h[10] | (size_t)h[11] << 8;
    if (h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 || flags & RESERVED)
        return ERR_NEW(ERR_CORRUPT, "a gzip header is damaged");
    TRY(gzip_skip(in, 10));
    if (flags & EXTRA)
        TRY(gzip_skip(in, 2 + extra));
    if (flags & NAME)
        TRY(gzip_skip_string(in));
    if (flags & COMMENT)
        TRY(gzip_skip_string(in));
    return flags & HCRC ? gzip_skip(in, 2) : NULL;
}

static struct err *gzip_engine_init(struct gzip *g)
{
    isal_inflate_init(&g->engine);
    g->engine.crc_flag = ISAL_GZIP_NO_HDR_VER; /* no header, but a trailer with CRC and length, verified */
    return NULL;
}

static struct err *gzip_engine_reset(struct gzip *g)
{
    isal_inflate_reset(&g->engine);
    g->engine.crc_flag = ISAL_GZIP_NO_HDR_VER;
    return gzip_skip_header(g->in);
}

static struct err *gzip_engine_step(struct gzip *g, char *buf, size_t cap, struct gzip_step *ret)
{
    struct inflate_state *s = &g->engine;
    size_t have = g->in->len - g->in->at;
    s->next_in = (uint8_t *)g->in->buf + g->in->at;
    s->avail_in = (uint32_t)have;
    s->next_out = (uint8_t *)buf;
    s->avail_out = (uint32_t)cap;
    int r = isal_inflate(s);
    if (r == ISAL_INCORRECT_CHECKSUM)
        return ERR_NEW(ERR_CORRUPT, "the gzip checksum does not match");
    if (r < 0)
        return ERR_NEW(ERR_CORRUPT, "the gzip stream is damaged (ISA-L error %d)", r);
    *ret = (struct gzip_step){
        .consumed = have - s->avail_in,
        .produced = cap - s->avail_out,
        .member_end = s->block_state == ISAL_BLOCK_FINISH,
    };
    return NULL;
}

static void gzip_engine_done(struct gzip *g)
{
    (void)g;
}
#else
static struct err *gzip_engine_init(struct gzip *g)
{
    return inflateInit2(&g->engine, 16 + MAX_WBITS) == Z_OK ? NULL : err_oom();
}

static struct err *gzip_engine_reset(struct gzip *g)
{
    return inflateReset(&g->engine) == Z_OK ? NULL : ERR_NEW(ERR_INTERNAL, "reset zlib");
}

static struct err *gzip_engine_step(struct gzip *g, char *buf, size_t cap, struct gzip_step *ret)
{
    z_stream *z = &g->engine;
    size_t have = g->in->len - g->in->at;
    z->next_in = (Bytef *)g->in->buf + g->in->at;
    z->avail_in = (uInt)have;
    z->next_out = (Bytef *)buf;
    z->avail_out = (uInt)cap;
    int r = inflate(z, Z_NO_FLUSH);
    if (r == Z_MEM_ERROR)
        return err_oom();
    if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
        return ERR_NEW(ERR_CORRUPT, "the gzip stream is damaged: %s", z->msg ? z->msg : "zlib tells no more");
    *ret = (struct gzip_step){
        .consumed = have - z->avail_in,
        .produced = cap - z->avail_out,
        .member_end = r == Z_STREAM_END,
    };
    return NULL;
}

static void gzip_engine_done(struct gzip *g)
{
    (void)inflateEnd(&g->engine);
}
#endif

static void gzip_free(void *state)
{
    struct gzip *g = state;
    gzip_engine_done(g);
    free(g);
}

static struct err *gzip_open(struct input *in, void **ret_state)
{
    struct gzip *g = mem_zalloc(sizeof(*g));
    if (!g)
        return err_oom();
    g->in = in;
    struct err *e = gzip_engine_init(g);
    if (e) {
        free(g);
        return e;
    }
    *ret_state = g;
    return NULL;
}

/* Between members: another one, or the end. */
static struct err *gzip_next_member(struct gzip *g)
{
    TRY(input_fill(g->in, 2));
    const unsigned char *p = (const unsigned char *)g->in->buf + g->in->at;
    if (g->in->len - g->in->at < 2 || p[0] != 0x1f || p[1] != 0x8b)
        return NULL;
    TRY(gzip_engine_reset(g));
    g->in_member = true;
    return NULL;
}

static struct err *gzip_read(void *state, char *buf, size_t cap, size_t *ret)
{
    struct gzip *g = state;
    while (*ret < cap) {
        struct gzip_step step = {.consumed = 0};
        if (!g->in_member)
            TRY(gzip_next_member(g));
        if (!g->in_member)
            return NULL;
        TRY(input_fill(g->in, 1));
        bool at_end = g->in->at == g->in->len;
        TRY(gzip_engine_step(g, buf + *ret, cap - *ret, &step));
        g->in->at += step.consumed;
        *ret += step.produced;
        g->in_member = !step.member_end;
        if (g->in_member && at_end && !step.produced)
            return gzip_truncated();
    }
    return NULL;
}

const struct codec_ops codec_gzip = {.name = "gzip", .open = gzip_open, .read = gzip_read, .free = gzip_free};
