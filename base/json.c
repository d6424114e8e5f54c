/* Reading JSON, and writing it as text. Documents come from registries and images: the limits on size and depth are
 * checked before jansson, which recurses, sees a byte. json_build.c makes documents. */
#include "base/json.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"

void json_unrefp(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

/* Nesting beyond JSON_MAX_DEPTH (jansson's own limit is 2048, and it recurses), counted without understanding more than
 * strings: enough for text that is refused later anyway. */
static bool too_deep(const char *text, size_t len)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_MAX_DEPTH)
                return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

struct err *json_parse(const char *text, size_t len, const char *what, json_t **ret)
{
    if (len > JSON_MAX_BYTES)
        return ERR_NEW(ERR_INVALID, "%s: JSON document of %zu bytes is too large", what, len);
    if (too_deep(text, len))
        return ERR_NEW(ERR_INVALID, "%s: JSON nested deeper than %d", what, JSON_MAX_DEPTH);

    /* Without JSON_ALLOW_NUL and JSON_DISABLE_EOF_CHECK, jansson refuses \u0000 and trailing bytes. */
    json_error_t error;
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (j) {
        *ret = j;
        return NULL;
    }
    if (json_error_code(&error) == json_error_out_of_memory)
        return err_oom();
    return ERR_NEW(ERR_INVALID, "%s: invalid JSON at line %d, column %d: %s", what, error.line, error.column,
                   error.text);
}

struct err *json_read(int dirfd, const char *path, const char *what, json_t **ret)
{
    AUTO_FREE char *text = NULL;
    size_t len;
    TRY_WRAP(file_read(dirfd, path, JSON_MAX_BYTES, &text, &len), "read %s", what);
    return ERR_WRAP(json_parse(text, len, what, ret), "%s", path);
}

static struct err *dump(const json_t *j, size_t flags, char **ret)
{
    if (!j)
        return ERR_NEW(ERR_INTERNAL, "no JSON value to write");
    /* jansson allocates with malloc, so that free() (AUTO_FREE) is right for its text. */
    char *text = json_dumps(j, flags | JSON_ENCODE_ANY);
    if (!text)
        return err_oom(); /* we build no cycles, and strings are UTF-8 by construction */
    *ret = text;
    return NULL;
}

struct err *json_text(const json_t *j, char **ret)
{
    return dump(j, JSON_COMPACT, ret);
}

struct err *json_text_indented(const json_t *j, int indent, char **ret)
{
    if (indent < 1 || indent > JSON_MAX_INDENT)
        return ERR_NEW(ERR_INTERNAL, "JSON indent %d", indent);
    return dump(j, JSON_INDENT((size_t)indent), ret);
}

/* Type names as errors show them. */
static const char *type_name(const json_t *j)
{
    switch (json_typeof(j)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a fractional number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
    default:
        return "null";
    }
}

static struct err *wrong_type(const char *what, const char *key, const json_t *found, const char *wanted)
{
    return ERR_NEW(ERR_INVALID, "%s: \"%s\" is %s, not %s", what, key, type_name(found), wanted);
}

/* The member, borrowed, or NULL when absent or null. */
static struct err *member(const json_t *obj, const char *key, const char *what, json_t **ret)
{
    if (!json_is_object(obj))
        return ERR_NEW(ERR_INVALID, "%s: %s where an object with \"%s\" is expected", what,
                       obj ? type_name(obj) : "nothing", key);
    json_t *value = json_object_get(obj, key);
    *ret = json_is_null(value) ? NULL : value;
    return NULL;
}

struct err *json_get_str(const json_t *obj, const char *key, const char *what, const char **ret)
{
    json_t *value = NULL;
    TRY(member(obj, key, what, &value));
    if (!value)
        return NULL;
    if (!json_is_string(value))
        return wrong_type(what, key, value, "a string");
    *ret = json_string_value(value);
    return NULL;
}

struct err *json_get_int(const json_t *obj, const char *key, const char *what, int64_t *ret)
{
    json_t *value = NULL;
    TRY(member(obj, key, what, &value));
    if (!value)
        return NULL;
    if (!json_is_integer(value))
        return wrong_type(what, key, value, "an integer");
    *ret = json_integer_value(value);
    return NULL;
}

struct err *json_get_bool(const json_t *obj, const char *key, const char *what, bool *ret)
{
    json_t *value = NULL;
    TRY(member(obj, key, what, &value));
    if (!value)
        return NULL;
    if (!json_is_boolean(value))
        return wrong_type(what, key, value, "a boolean");
    *ret = json_is_true(value);
    return NULL;
}

struct err *json_get_strv(const json_t *obj, const char *key, const char *what, struct strv *ret)
{
    json_t *value = NULL;
    TRY(json_get_arr(obj, key, what, &value));
    if (!value)
        return NULL;
    AUTO_STRV struct strv items = STRV_INIT;
    size_t i;
    json_t *item;
    json_array_foreach (value, i, item) {
        if (!json_is_string(item))
            return ERR_NEW(ERR_INVALID, "%s: \"%s\"[%zu] is %s, not a string", what, key, i, type_name(item));
        TRY(strv_add(&items, json_string_value(item)));
    }
    strv_done(ret);
    *ret = items;
    items = (struct strv){0};
    return NULL;
}

struct err *json_get_obj(const json_t *obj, const char *key, const char *what, json_t **ret)
{
    json_t *value = NULL;
    TRY(member(obj, key, what, &value));
    if (value && !json_is_object(value))
        return wrong_type(what, key, value, "an object");
    *ret = value;
    return NULL;
}

struct err *json_get_arr(const json_t *obj, const char *key, const char *what, json_t **ret)
{
    json_t *value = NULL;
    TRY(member(obj, key, what, &value));
    if (value && !json_is_array(value))
        return wrong_type(what, key, value, "an array");
    *ret = value;
    return NULL;
}
