#include "engine/monitor/wire.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"

#define WIRE_NULL UINT32_MAX /* length of a string that isn't there */
#define WIRE_STRV_MAX 4096u

struct err *wire_put_u32(struct strbuf *sb, uint32_t value)
{
    return strbuf_add(sb, &value, sizeof(value));
}

static struct err *put_str(struct strbuf *sb, const char *s)
{
    if (!s)
        return wire_put_u32(sb, WIRE_NULL);
    size_t len = strlen(s);
    TRY(wire_put_u32(sb, (uint32_t)len));
    return strbuf_add(sb, s, len);
}

static struct err *put_strv(struct strbuf *sb, const struct strv *v)
{
    TRY(wire_put_u32(sb, (uint32_t)v->count));
    for (size_t i = 0; i < v->count; i++)
        TRY(put_str(sb, v->items[i]));
    return NULL;
}

static struct err *put_field(struct strbuf *sb, const struct wire_field *f, const char *at)
{
    char *const *str;
    switch (f->type) {
    case WIRE_STR:
        str = (char *const *)(const void *)at;
        return put_str(sb, *str);
    case WIRE_STRV:
        return put_strv(sb, (const struct strv *)(const void *)at);
    case WIRE_BOOL:
        return strbuf_putc(sb, (char)*(const bool *)at);
    case WIRE_U32:
        return strbuf_add(sb, at, sizeof(uint32_t));
    case WIRE_U64:
        return strbuf_add(sb, at, sizeof(uint64_t));
    default:
        return ERR_NEW(ERR_INTERNAL, "field %s has no type", f->name);
    }
}

struct err *wire_put(struct strbuf *sb, const struct wire_field *fields, size_t n, const void *object)
{
    for (size_t i = 0; i < n; i++)
        TRY(put_field(sb, &fields[i], (const char *)object + fields[i].offset));
    return NULL;
}

static struct err *get_bytes(struct wire_reader *r, const char *name, void *ret, size_t len)
{
    if (len > r->left)
        return ERR_NEW(ERR_CORRUPT, "message ends within %s", name);
    memcpy(ret, r->at, len);
    r->at += len;
    r->left -= len;
    return NULL;
}

struct err *wire_get_u32(struct wire_reader *r, const char *name, uint32_t *ret)
{
    return get_bytes(r, name, ret, sizeof(*ret));
}

static struct err *get_str(struct wire_reader *r, const char *name, char **ret)
{
    uint32_t len = 0;
    TRY(wire_get_u32(r, name, &len));
    if (len == WIRE_NULL)
        return NULL;
    if (len > r->left)
        return ERR_NEW(ERR_CORRUPT, "message ends within %s", name);
    if (memchr(r->at, 0, len))
        return ERR_NEW(ERR_CORRUPT, "%s holds a NUL byte", name);
    TRY(mem_strndup(r->at, len, ret));
    r->at += len;
    r->left -= len;
    return NULL;
}

static struct err *get_strv(struct wire_reader *r, const char *name, struct strv *ret)
{
    uint32_t count = 0;
    TRY(wire_get_u32(r, name, &count));
    if (count > WIRE_STRV_MAX)
        return ERR_NEW(ERR_CORRUPT, "%s has %u elements", name, count);
    for (uint32_t i = 0; i < count; i++) {
        char *s = NULL;
        TRY(get_str(r, name, &s));
        if (!s)
            return ERR_NEW(ERR_CORRUPT, "%s lacks an element", name);
        TRY(strv_take(ret, s));
    }
    return NULL;
}

static struct err *get_field(struct wire_reader *r, const struct wire_field *f, char *at)
{
    char byte = 0;
    switch (f->type) {
    case WIRE_STR:
        return get_str(r, f->name, (char **)(void *)at);
    case WIRE_STRV:
        return get_strv(r, f->name, (struct strv *)(void *)at);
    case WIRE_BOOL:
        TRY(get_bytes(r, f->name, &byte, 1));
        if (byte != 0 && byte != 1)
            return ERR_NEW(ERR_CORRUPT, "%s is neither true nor false", f->name);
        *(bool *)at = byte;
        return NULL;
    case WIRE_U32:
        return get_bytes(r, f->name, at, sizeof(uint32_t));
    case WIRE_U64:
        return get_bytes(r, f->name, at, sizeof(uint64_t));
    default:
        return ERR_NEW(ERR_INTERNAL, "field %s has no type", f->name);
    }
}

struct err *wire_get(struct wire_reader *r, const struct wire_field *fields, size_t n, void *object)
{
    for (size_t i = 0; i < n; i++)
        TRY(get_field(r, &fields[i], (char *)object + fields[i].offset));
    return NULL;
}

struct err *wire_end(const struct wire_reader *r)
{
    return r->left ? ERR_NEW(ERR_CORRUPT, "%zu bytes too many in a message", r->left) : NULL;
}

void wire_done(const struct wire_field *fields, size_t n, void *object)
{
    for (size_t i = 0; i < n; i++) {
        char *at = (char *)object + fields[i].offset;
        if (fields[i].type == WIRE_STR)
            mem_freep(at);
        else if (fields[i].type == WIRE_STRV)
            strv_done((struct strv *)(void *)at);
    }
}
