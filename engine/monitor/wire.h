/* Structs as bytes, from a table of their fields: native byte order, fields in table order, nothing between them. Both
 * ends are the same build on one machine, so there are no versions; the reader still trusts no length. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"

enum wire_type {
    WIRE_STR,  /* char *, owned; NULL is kept */
    WIRE_STRV, /* struct strv */
    WIRE_BOOL,
    WIRE_U32,
    WIRE_U64, /* int64_t as well */
};

struct wire_field {
    enum wire_type type;
    size_t offset;
    const char *name;
};
#define WIRE(type_, struct_, member)                                          \
    {                                                                         \
        .type = (type_), .offset = offsetof(struct_, member), .name = #member \
    }

struct err *wire_put_u32(struct strbuf *sb, uint32_t value) ERR_RESULT;
struct err *wire_put(struct strbuf *sb, const struct wire_field *fields, size_t n, const void *object) ERR_RESULT;

struct wire_reader {
    const char *at;
    size_t left;
};
/* ERR_CORRUPT names the field. The object must be zeroed; on failure it holds what was read so far: wire_done(). */
struct err *wire_get_u32(struct wire_reader *r, const char *name, uint32_t *ret) ERR_RESULT;
struct err *wire_get(struct wire_reader *r, const struct wire_field *fields, size_t n, void *object) ERR_RESULT;
/* Everything was read. */
struct err *wire_end(const struct wire_reader *r) ERR_RESULT;
/* Free what the fields own. */
void wire_done(const struct wire_field *fields, size_t n, void *object);
