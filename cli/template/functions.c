/* Functions of the template language: Go's own, and those that Podman's report package adds. */
#include <string.h>

#include "base/mem.h"
#include "cli/template/internal.h"

#define PAD_MAX 10000

static struct err *take_bool(bool b, struct value *ret)
{
    return value_take(json_boolean(b), ret);
}

static bool is_integer(const struct value *v, int64_t *ret)
{
    if (v->kind != VALUE_JSON || !json_is_integer(v->json))
        return false;
    *ret = json_integer_value(v->json);
    return true;
}

static bool is_array(const struct value *v)
{
    return v->kind == VALUE_JSON && (json_is_array(v->json) || (v->list && json_is_null(v->json)));
}

static struct err *want_string(const struct value *v, const char **ret)
{
    *ret = value_string(v);
    return *ret ? NULL : ERR_NEW(ERR_INVALID, "wrong type for value; expected string; got %s", value_type(v));
}

static struct err *want_integer(const struct value *v, int64_t *ret)
{
    return is_integer(v, ret) ? NULL
                              : ERR_NEW(ERR_INVALID, "wrong type for value; expected int; got %s", value_type(v));
}

static struct err *fn_not(struct value *args, size_t n, struct value *ret)
{
    (void)n;
    return take_bool(!value_is_true(&args[0]), ret);
}

static struct err *fn_len(struct value *args, size_t n, struct value *ret)
{
    const struct value *v = &args[0];
    size_t len;
    (void)n;
    if (v->kind == VALUE_ROWS)
        len = v->n_rows;
    else if (is_array(v))
        len = json_array_size(v->json);
    else if (value_string(v))
        len = json_string_length(v->json);
    else if (v->kind == VALUE_JSON && (json_is_object(v->json) || (v->map && json_is_null(v->json))))
        len = json_object_size(v->json);
    else if (v->kind == VALUE_MISSING || (v->kind == VALUE_JSON && json_is_null(v->json)))
        return ERR_NEW(ERR_INVALID, "len of nil pointer");
    else
        return ERR_NEW(ERR_INVALID, "len of type %s", value_type(v));
    return value_take(json_integer((json_int_t)len), ret);
}

/* One step of index: into a list or string by number, into a map by key. */
static struct err *index_one(const struct value *v, const struct value *key, struct value *ret)
{
    int64_t i;
    if (v->kind == VALUE_MISSING || (v->kind == VALUE_JSON && json_is_null(v->json) && !v->map && !v->list))
        return ERR_NEW(ERR_INVALID, "index of untyped nil");
    if (is_array(v) || value_string(v)) {
        if (!is_integer(key, &i))
            return ERR_NEW(ERR_INVALID, "cannot index slice/array with type %s", value_type(key));
        size_t len = is_array(v) ? json_array_size(v->json) : json_string_length(v->json);
        if (is_array(v) && i >= 0 && (uint64_t)i == len) /* Go's check is against the capacity */
            return ERR_NEW(ERR_INVALID, "reflect: slice index out of range");
        if (i < 0 || (uint64_t)i >= len)
            return ERR_NEW(ERR_INVALID, "index out of range: %lld", (long long)i);
        if (!is_array(v))
            return value_take(json_integer((unsigned char)value_string(v)[i]), ret);
        *ret = (struct value){
            .kind = VALUE_JSON, .json = json_incref(json_array_get(v->json, (size_t)i)), .members = v->members};
        return NULL;
    }
    if (v->kind != VALUE_JSON || (!json_is_object(v->json) && !v->map))
        return ERR_NEW(ERR_INVALID, "can't index item of type %s", value_type(v));
    const char *name = value_string(key);
    if (!name)
        return ERR_NEW(ERR_INVALID, "value has type %s; should be string", value_type(key));
    json_t *member = json_object_get(v->json, name);
    if (member) {
        *ret = value_member(v, name, member);
        return NULL;
    }
    /* the zero value of the map's elements */
    void *it = json_object_iter(v->json);
    if (!it || json_is_string(json_object_iter_value(it)))
        return value_take(json_string(""), ret);
    *ret = (struct value){.kind = VALUE_MISSING};
    return NULL;
}

static struct err *fn_index(struct value *args, size_t n, struct value *ret)
{
    AUTO_VALUE struct value v = value_copy(&args[0]);
    for (size_t i = 1; i < n; i++) {
        struct value item = {0};
        TRY(index_one(&v, &args[i], &item));
        value_done(&v);
        v = item;
    }
    *ret = v;
    v = (struct value){0};
    return NULL;
}

static struct err *fn_slice(struct value *args, size_t n, struct value *ret)
{
    const struct value *v = &args[0];
    const char *text = value_string(v);
    if (!text && !is_array(v))
        return ERR_NEW(ERR_INVALID, "can't slice item of type %s", value_type(v));
    int64_t len = (int64_t)(text ? json_string_length(v->json) : json_array_size(v->json)), from = 0, to = len;
    if (n > 1)
        TRY(want_integer(&args[1], &from));
    if (n > 2)
        TRY(want_integer(&args[2], &to));
    if (from < 0 || from > len || to < 0 || to > len)
        return ERR_NEW(ERR_INVALID, "index out of range: %lld", (long long)(from < 0 || from > len ? from : to));
    if (from > to)
        return ERR_NEW(ERR_INVALID, "invalid slice index: %lld > %lld", (long long)from, (long long)to);
    if (text)
        return value_take(json_stringn_nocheck(text + from, (size_t)(to - from)), ret);
    AUTO_JSON json_t *part = json_array();
    if (!part)
        return err_oom();
    for (int64_t i = from; i < to; i++)
        TRY(json_push(part, json_incref(json_array_get(v->json, (size_t)i))));
    TRY(value_take(json_incref(part), ret));
    ret->members = v->members;
    return NULL;
}

static struct err *print_into(struct value *args, size_t n, bool line, struct value *ret)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    TRY(value_print_all(args, n, line, &text));
    return value_take_string(&text, ret);
}

static struct err *fn_print(struct value *args, size_t n, struct value *ret)
{
    return print_into(args, n, false, ret);
}

static struct err *fn_println(struct value *args, size_t n, struct value *ret)
{
    return print_into(args, n, true, ret);
}

static struct err *fn_json(struct value *args, size_t n, struct value *ret)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    (void)n;
    TRY(value_json(&args[0], &text));
    return value_take_string(&text, ret);
}

static struct err *fn_join(struct value *args, size_t n, struct value *ret)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    const char *separator;
    (void)n;
    if (!is_array(&args[0]))
        return ERR_NEW(ERR_INVALID, "wrong type for value; expected []string; got %s", value_type(&args[0]));
    TRY(want_string(&args[1], &separator));
    for (size_t i = 0; i < json_array_size(args[0].json); i++) {
        struct value item = {.kind = VALUE_JSON, .json = json_array_get(args[0].json, i)}; /* borrowed */
        if (i)
            TRY(strbuf_puts(&text, separator));
        TRY(value_print(&item, &text));
    }
    return value_take_string(&text, ret);
}

static struct err *fn_split(struct value *args, size_t n, struct value *ret)
{
    const char *text, *separator;
    (void)n;
    TRY(want_string(&args[0], &text));
    TRY(want_string(&args[1], &separator));
    AUTO_JSON json_t *parts = json_array();
    size_t width = strlen(separator);
    for (const char *p = text; parts;) {
        const char *end = width ? strstr(p, separator) : *p && p[1] ? p + 1 : NULL;
        TRY(json_push(parts, json_stringn_nocheck(p, end ? (size_t)(end - p) : strlen(p))));
        if (!end)
            break;
        p = end + width;
    }
    return value_take(json_incref(parts), ret);
}

static struct err *fn_pad(struct value *args, size_t n, struct value *ret)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    const char *text;
    int64_t before, behind;
    (void)n;
    TRY(want_string(&args[0], &text));
    TRY(want_integer(&args[1], &before));
    TRY(want_integer(&args[2], &behind));
    if (before < 0 || before > PAD_MAX || behind < 0 || behind > PAD_MAX)
        return ERR_NEW(ERR_INVALID, "padding out of range");
    if (*text)
        TRY(strbuf_printf(&out, "%*s%s%*s", (int)before, "", text, (int)behind, ""));
    return value_take_string(&out, ret);
}

static struct err *fn_truncate(struct value *args, size_t n, struct value *ret)
{
    const char *text;
    int64_t max;
    (void)n;
    TRY(want_string(&args[0], &text));
    TRY(want_integer(&args[1], &max));
    if (max < 0)
        return ERR_NEW(ERR_INVALID, "slice bounds out of range [:%lld]", (long long)max);
    size_t len = strlen(text);
    return value_take(json_stringn_nocheck(text, len < (uint64_t)max ? len : (size_t)max), ret);
}

/* None of the values here is a function. */
static struct err *fn_call(struct value *args, size_t n, struct value *ret)
{
    (void)n, (void)ret;
    return ERR_NEW(ERR_INVALID, "non-function of type %s", value_type(&args[0]));
}

static const struct function functions[] = {
    {"and", 1, -1, NULL},
    {"call", 1, -1, fn_call},
    {"eq", 2, -1, fn_eq},
    {"ge", 2, 2, fn_ge},
    {"gt", 2, 2, fn_gt},
    {"html", 1, -1, fn_html},
    {"index", 1, -1, fn_index},
    {"join", 2, 2, fn_join},
    {"js", 1, -1, fn_js},
    {"json", 1, 1, fn_json},
    {"le", 2, 2, fn_le},
    {"len", 1, 1, fn_len},
    {"lower", 1, 1, fn_lower},
    {"lt", 2, 2, fn_lt},
    {"ne", 2, 2, fn_ne},
    {"not", 1, 1, fn_not},
    {"or", 1, -1, NULL},
    {"pad", 3, 3, fn_pad},
    {"print", 0, -1, fn_print},
    {"printf", 1, -1, fn_printf},
    {"println", 0, -1, fn_println},
    {"slice", 1, 3, fn_slice},
    {"split", 2, 2, fn_split},
    {"title", 1, 1, fn_title},
    {"truncate", 2, 2, fn_truncate},
    {"upper", 1, 1, fn_upper},
    {"urlquery", 1, -1, fn_urlquery},
};

const struct function *function_find(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (strlen(functions[i].name) == len && memcmp(functions[i].name, name, len) == 0)
            return &functions[i];
    return NULL;
}
