/* Values of a template: JSON with hints, or lazy rows; and how Go's fmt and encoding/json print them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/timefmt.h"
#include "cli/template/internal.h"

void value_done(struct value *v)
{
    json_decref(v->json);
    *v = (struct value){0};
}

struct err *value_take(json_t *take_json, struct value *ret)
{
    if (!take_json)
        return err_oom();
    *ret = (struct value){.kind = VALUE_JSON, .json = take_json};
    return NULL;
}

struct err *value_take_string(struct strbuf *sb, struct value *ret)
{
    return value_take(json_stringn_nocheck(strbuf_str(sb), sb->len), ret);
}

struct value value_copy(const struct value *v)
{
    struct value copy = *v;
    json_incref(copy.json);
    return copy;
}

struct value value_member(const struct value *parent, const char *key, json_t *member)
{
    struct value v = {.kind = VALUE_JSON, .json = json_incref(member), .members = parent->members};
    for (const struct template_member *m = parent->members; m && m->name; m++) {
        if (strcmp(m->name, key) != 0)
            continue;
        v.map = m->hint == TEMPLATE_MAP;
        v.list = m->hint == TEMPLATE_LIST;
        v.time = m->hint == TEMPLATE_TIME;
        v.type = m->type;
        break;
    }
    return v;
}

struct err *value_solid(struct value *v)
{
    if (v->kind == VALUE_ROW) {
        json_t *json;
        if (!v->class->get_all)
            return ERR_NEW(ERR_INVALID, "a row of %s has no text of its own: name a field", v->class->type_name);
        TRY(v->class->get_all(v->row, &json));
        value_done(v);
        return value_take(json, v);
    }
    if (v->kind == VALUE_ROWS) {
        json_t *list = json_array();
        struct value all = {0};
        TRY(value_take(list, &all));
        struct err *e = NULL;
        for (size_t i = 0; i < v->n_rows && !e; i++) {
            json_t *json = NULL;
            e = v->class->get_all ? v->class->get_all(v->rows[i], &json)
                                  : ERR_NEW(ERR_INVALID, "rows of %s: use range", v->class->type_name);
            if (!e)
                e = json_push(list, json);
        }
        if (e) {
            value_done(&all);
            return e;
        }
        value_done(v);
        *v = all;
    }
    return NULL;
}

bool value_is_true(const struct value *v)
{
    if (v->kind != VALUE_JSON)
        return v->kind == VALUE_ROW || (v->kind == VALUE_ROWS && v->n_rows);
    switch (json_typeof(v->json)) {
    case JSON_OBJECT:
        return !v->map || json_object_size(v->json) > 0;
    case JSON_ARRAY:
        return json_array_size(v->json) > 0;
    case JSON_STRING:
        return json_string_length(v->json) > 0;
    case JSON_INTEGER:
        return json_integer_value(v->json) != 0;
    case JSON_REAL:
        return json_real_value(v->json) < 0 || json_real_value(v->json) > 0;
    case JSON_TRUE:
        return true;
    case JSON_FALSE:
    case JSON_NULL:
        break;
    }
    return false;
}

const char *value_type(const struct value *v)
{
    if (v->kind == VALUE_ROW)
        return v->class->type_name;
    if (v->kind == VALUE_ROWS)
        return "[]interface {}";
    if (v->kind == VALUE_MISSING)
        return "interface {}";
    switch (json_typeof(v->json)) {
    case JSON_OBJECT:
        return v->type ? v->type : v->map ? "map[string]string" : "interface {}";
    case JSON_ARRAY:
        return "[]string";
    case JSON_STRING:
        return v->time ? "time.Time" : "string";
    case JSON_INTEGER:
        return "int";
    case JSON_REAL:
        return "float64";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    case JSON_NULL:
        break;
    }
    return "interface {}";
}

const char *value_string(const struct value *v)
{
    return v->kind == VALUE_JSON ? json_string_value(v->json) : NULL;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct err *value_keys(const json_t *object, const char ***ret, size_t *ret_n)
{
    size_t n = json_object_size(object), i = 0;
    const char **keys = mem_zalloc((n + 1) * sizeof *keys);
    if (!keys)
        return err_oom();
    /* jansson's iterators take a pointer to non-const */
    json_t *o = json_incref((json_t *)(uintptr_t)object);
    for (void *it = json_object_iter(o); it && i < n; it = json_object_iter_next(o, it))
        keys[i++] = json_object_iter_key(it);
    json_decref(o);
    qsort(keys, i, sizeof *keys, by_key);
    *ret = keys;
    *ret_n = i;
    return NULL;
}

/* --- fmt's %v */

/* As few digits as read back to the same number: strconv's shortest form. *ret_exponent is decimal. */
static int shortest_digits(double d, int *ret_exponent)
{
    char text[64];
    int precision = 1;
    for (; precision < 17; precision++) {
        double back;
        (void)snprintf(text, sizeof text, "%.*e", precision - 1, d);
        struct err *e = number_parse_double(text, &back);
        bool same = !e && back >= d && back <= d;
        err_drop(e);
        if (same)
            break;
    }
    (void)snprintf(text, sizeof text, "%.*e", precision - 1, d);
    int64_t exponent = 0;
    const char *e = strchr(text, 'e');
    err_drop(number_parse_i64(e ? e + 1 : "0", -400, 400, &exponent));
    *ret_exponent = (int)exponent;
    return precision;
}

/* Without an exponent while it is from `low` to below `high`: fmt has -4 and 6 (21 for JSON, -6). */
static struct err *print_double(double d, int low, int high, struct strbuf *out)
{
    int exponent, digits = shortest_digits(d, &exponent);
    if (exponent < low || exponent >= high)
        return strbuf_printf(out, "%.*e", digits - 1, d);
    return strbuf_printf(out, "%.*f", digits - 1 > exponent ? digits - 1 - exponent : 0, d);
}

struct err *value_print_double(double d, struct strbuf *out)
{
    return print_double(d, -4, 6, out);
}

static struct err *print_time(const char *text, struct strbuf *out)
{
    int64_t nsec;
    if (strcmp(text, TIMEFMT_ZERO) == 0)
        return strbuf_puts(out, "0001-01-01 00:00:00 +0000 UTC");
    struct err *e = timefmt_parse_rfc3339(text, &nsec);
    if (e) { /* not a time after all */
        err_drop(e);
        return strbuf_puts(out, text);
    }
    return strbuf_puts(out, timefmt_go(nsec).s);
}

static struct err *print_map(const struct value *v, struct strbuf *out)
{
    AUTO_FREE const char **keys = NULL;
    size_t n;
    TRY(value_keys(v->json, &keys, &n));
    TRY(strbuf_puts(out, "map["));
    for (size_t i = 0; i < n; i++) {
        AUTO_VALUE struct value member = value_member(v, keys[i], json_object_get(v->json, keys[i]));
        TRY(strbuf_printf(out, "%s%s:", i ? " " : "", keys[i]));
        TRY(value_print(&member, out));
    }
    return strbuf_putc(out, ']');
}

static struct err *print_struct(const struct value *v, struct strbuf *out)
{
    TRY(strbuf_putc(out, '{'));
    bool first = true;
    for (void *it = json_object_iter(v->json); it; it = json_object_iter_next(v->json, it)) {
        AUTO_VALUE struct value member = value_member(v, json_object_iter_key(it), json_object_iter_value(it));
        if (!first)
            TRY(strbuf_putc(out, ' '));
        first = false;
        if (json_is_null(member.json) && !member.map && !member.list)
            TRY(strbuf_puts(out, "<nil>"));
        else
            TRY(value_print(&member, out));
    }
    return strbuf_putc(out, '}');
}

static struct err *print_list(const struct value *v, struct strbuf *out)
{
    TRY(strbuf_putc(out, '['));
    for (size_t i = 0; i < json_array_size(v->json); i++) {
        struct value item = {.kind = VALUE_JSON, .json = json_array_get(v->json, i), .members = v->members};
        if (i)
            TRY(strbuf_putc(out, ' '));
        TRY(value_print(&item, out)); /* borrowed, so not freed */
    }
    return strbuf_putc(out, ']');
}

struct err *value_print(const struct value *v, struct strbuf *out)
{
    if (v->kind == VALUE_MISSING)
        return strbuf_puts(out, "<no value>");
    if (v->kind != VALUE_JSON) {
        AUTO_VALUE struct value solid = value_copy(v);
        TRY(value_solid(&solid));
        return value_print(&solid, out);
    }
    switch (json_typeof(v->json)) {
    case JSON_OBJECT:
        return v->map ? print_map(v, out) : print_struct(v, out);
    case JSON_ARRAY:
        return print_list(v, out);
    case JSON_STRING:
        return v->time ? print_time(json_string_value(v->json), out)
                       : strbuf_add(out, json_string_value(v->json), json_string_length(v->json));
    case JSON_INTEGER:
        return strbuf_printf(out, "%lld", (long long)json_integer_value(v->json));
    case JSON_REAL:
        return value_print_double(json_real_value(v->json), out);
    case JSON_TRUE:
        return strbuf_puts(out, "true");
    case JSON_FALSE:
        return strbuf_puts(out, "false");
    case JSON_NULL:
        break;
    }
    return strbuf_puts(out, v->map ? "map[]" : v->list ? "[]" : "<nil>");
}

struct err *value_print_all(const struct value *args, size_t n, bool line, struct strbuf *out)
{
    bool was_string = true;
    for (size_t i = 0; i < n; i++) {
        bool is_string = value_string(&args[i]) != NULL;
        if (i && (line || (!is_string && !was_string)))
            TRY(strbuf_putc(out, ' '));
        TRY(value_print(&args[i], out));
        was_string = is_string;
    }
    return line ? strbuf_putc(out, '\n') : NULL;
}

/* --- encoding/json */

static struct err *print_json_object(const struct value *v, struct strbuf *out)
{
    AUTO_FREE const char **keys = NULL;
    size_t n = 0, i = 0;
    if (v->map)
        TRY(value_keys(v->json, &keys, &n));
    TRY(strbuf_putc(out, '{'));
    for (void *it = json_object_iter(v->json); it; it = json_object_iter_next(v->json, it), i++) {
        const char *key = v->map && i < n ? keys[i] : json_object_iter_key(it);
        AUTO_VALUE struct value member = value_member(v, key, json_object_get(v->json, key));
        if (i)
            TRY(strbuf_putc(out, ','));
        TRY(strbuf_put_json(out, key, strlen(key)));
        TRY(strbuf_putc(out, ':'));
        TRY(value_json(&member, out));
    }
    return strbuf_putc(out, '}');
}

struct err *value_json(const struct value *v, struct strbuf *out)
{
    if (v->kind == VALUE_MISSING)
        return strbuf_puts(out, "null");
    if (v->kind != VALUE_JSON) {
        AUTO_VALUE struct value solid = value_copy(v);
        TRY(value_solid(&solid));
        return value_json(&solid, out);
    }
    if (json_is_object(v->json))
        return print_json_object(v, out);
    if (json_is_array(v->json)) {
        TRY(strbuf_putc(out, '['));
        for (size_t i = 0; i < json_array_size(v->json); i++) {
            struct value item = {.kind = VALUE_JSON, .json = json_array_get(v->json, i), .members = v->members};
            if (i)
                TRY(strbuf_putc(out, ','));
            TRY(value_json(&item, out));
        }
        return strbuf_putc(out, ']');
    }
    if (json_is_string(v->json))
        return strbuf_put_json(out, json_string_value(v->json), json_string_length(v->json));
    if (json_is_null(v->json))
        return strbuf_puts(out, "null");
    if (json_is_real(v->json))
        return print_double(json_real_value(v->json), -6, 21, out);
    return value_print(v, out);
}
