/* eq, ne, lt, le, gt, ge: Go's rules, where a number never equals a string. */
#include <string.h>

#include "cli/template/internal.h"

enum basic { BASIC_NONE, BASIC_BOOL, BASIC_INT, BASIC_FLOAT, BASIC_STRING };

static enum basic basic_kind(const struct value *v)
{
    if (v->kind != VALUE_JSON)
        return BASIC_NONE;
    switch (json_typeof(v->json)) {
    case JSON_STRING:
        return BASIC_STRING;
    case JSON_INTEGER:
        return BASIC_INT;
    case JSON_REAL:
        return BASIC_FLOAT;
    case JSON_TRUE:
    case JSON_FALSE:
        return BASIC_BOOL;
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
        break;
    }
    return BASIC_NONE;
}

static bool is_nil(const struct value *v)
{
    return v->kind == VALUE_MISSING || (v->kind == VALUE_JSON && json_is_null(v->json));
}

static struct err *equal(const struct value *a, const struct value *b, bool *ret)
{
    if (is_nil(a) || is_nil(b)) {
        *ret = is_nil(a) && is_nil(b);
        return NULL;
    }
    enum basic ka = basic_kind(a), kb = basic_kind(b);
    if (ka == BASIC_NONE || kb == BASIC_NONE)
        return ERR_NEW(ERR_INVALID, "non-comparable type %s: %s", value_type(ka == BASIC_NONE ? a : b),
                       value_type(ka == BASIC_NONE ? b : a));
    if (ka != kb)
        return ERR_NEW(ERR_INVALID, "incompatible types for comparison");
    *ret = json_equal(a->json, b->json);
    return NULL;
}

static struct err *less(const struct value *a, const struct value *b, bool *ret)
{
    enum basic ka = basic_kind(a), kb = basic_kind(b);
    if (ka == BASIC_NONE || ka == BASIC_BOOL)
        return ERR_NEW(ERR_INVALID, "invalid type for comparison");
    if (ka != kb)
        return ERR_NEW(ERR_INVALID, "incompatible types for comparison");
    if (ka == BASIC_STRING)
        *ret = strcmp(json_string_value(a->json), json_string_value(b->json)) < 0;
    else if (ka == BASIC_INT)
        *ret = json_integer_value(a->json) < json_integer_value(b->json);
    else
        *ret = json_real_value(a->json) < json_real_value(b->json);
    return NULL;
}

struct err *fn_eq(struct value *args, size_t n, struct value *ret)
{
    bool same = false;
    for (size_t i = 1; i < n && !same; i++)
        TRY(equal(&args[0], &args[i], &same));
    return value_take(json_boolean(same), ret);
}

struct err *fn_ne(struct value *args, size_t n, struct value *ret)
{
    bool same;
    (void)n;
    TRY(equal(&args[0], &args[1], &same));
    return value_take(json_boolean(!same), ret);
}

struct err *fn_lt(struct value *args, size_t n, struct value *ret)
{
    bool is_less;
    (void)n;
    TRY(less(&args[0], &args[1], &is_less));
    return value_take(json_boolean(is_less), ret);
}

struct err *fn_ge(struct value *args, size_t n, struct value *ret)
{
    bool is_less;
    (void)n;
    TRY(less(&args[0], &args[1], &is_less));
    return value_take(json_boolean(!is_less), ret);
}

struct err *fn_gt(struct value *args, size_t n, struct value *ret)
{
    bool is_less;
    (void)n;
    TRY(less(&args[1], &args[0], &is_less));
    return value_take(json_boolean(is_less), ret);
}

struct err *fn_le(struct value *args, size_t n, struct value *ret)
{
    bool is_less;
    (void)n;
    TRY(less(&args[1], &args[0], &is_less));
    return value_take(json_boolean(!is_less), ret);
}
