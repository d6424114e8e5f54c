/* Building JSON documents. Arguments, environment and labels are bytes, JSON strings are UTF-8: what is not UTF-8 in a
 * value becomes U+FFFD, as Go's encoding/json does; a key that is not UTF-8 is refused. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"

/* Length of the valid UTF-8 sequence at `s`, 0 when there is none: RFC 3629 section 4. NUL ends the string, and is no
 * continuation byte, so this never reads past it. */
static size_t utf8_len(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    /* Second bytes are narrower after E0, ED, F0, F4: no overlong forms, surrogates, nor beyond U+10FFFF. */
    unsigned char low = 0x80, high = 0xbf;
    size_t len;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        len = 2;
    else if ((s[0] & 0xf0) == 0xe0)
        len = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static bool is_utf8(const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t len = utf8_len(s);
        if (len == 0)
            return false;
        s += len;
    }
    return true;
}

/* A JSON string of any bytes. */
static struct err *string_of(const char *text, json_t **ret)
{
    AUTO_STRBUF struct strbuf repaired = STRBUF_INIT;
    if (!is_utf8(text)) {
        for (const char *s = text; *s;) {
            size_t len = utf8_len((const unsigned char *)s);
            if (len)
                TRY(strbuf_add(&repaired, s, len));
            else
                TRY(strbuf_puts(&repaired, "\ufffd"));
            s += len ? len : 1;
        }
        text = strbuf_str(&repaired);
    }
    json_t *j = json_string(text);
    if (!j)
        return err_oom();
    *ret = j;
    return NULL;
}

struct err *json_put(json_t *obj, const char *key, json_t *take_value)
{
    if (!take_value)
        return err_oom();
    if (!is_utf8(key)) {
        json_decref(take_value);
        return ERR_NEW(ERR_INVALID, "JSON key '%s' is not UTF-8", key);
    }
    if (json_object_set_new(obj, key, take_value))
        return json_is_object(obj) ? err_oom() : ERR_NEW(ERR_INTERNAL, "put \"%s\" into what is no object", key);
    return NULL;
}

struct err *json_push(json_t *arr, json_t *take_value)
{
    if (!take_value)
        return err_oom();
    if (json_array_append_new(arr, take_value))
        return json_is_array(arr) ? err_oom() : ERR_NEW(ERR_INTERNAL, "push onto what is no array");
    return NULL;
}

struct err *json_put_str(json_t *obj, const char *key, const char *value)
{
    json_t *j = NULL;
    TRY(string_of(value ? value : "", &j));
    return json_put(obj, key, j);
}

struct err *json_push_str(json_t *arr, const char *value)
{
    json_t *j = NULL;
    TRY(string_of(value ? value : "", &j));
    return json_push(arr, j);
}

struct err *json_put_int(json_t *obj, const char *key, int64_t value)
{
    return json_put(obj, key, json_integer(value));
}

struct err *json_put_bool(json_t *obj, const char *key, bool value)
{
    return json_put(obj, key, json_boolean(value));
}

struct err *json_from_strv(const struct strv *v, json_t **ret)
{
    AUTO_JSON json_t *arr = json_array();
    if (!arr)
        return err_oom();
    for (size_t i = 0; i < v->count; i++)
        TRY(json_push_str(arr, v->items[i]));
    *ret = TAKE_PTR(arr);
    return NULL;
}

struct err *json_put_strv(json_t *obj, const char *key, const struct strv *value)
{
    json_t *arr;
    TRY(json_from_strv(value, &arr));
    return json_put(obj, key, arr);
}

/* `take_value` into obj at key, and a borrowed pointer to it. */
static struct err *put_new(json_t *obj, const char *key, json_t *take_value, json_t **ret)
{
    TRY(json_put(obj, key, take_value));
    *ret = take_value; /* alive: obj holds it */
    return NULL;
}

struct err *json_put_obj(json_t *obj, const char *key, json_t **ret)
{
    return put_new(obj, key, json_object(), ret);
}

struct err *json_put_arr(json_t *obj, const char *key, json_t **ret)
{
    return put_new(obj, key, json_array(), ret);
}

struct err *json_push_obj(json_t *arr, json_t **ret)
{
    json_t *obj = json_object();
    TRY(json_push(arr, obj));
    *ret = obj;
    return NULL;
}

struct err *json_from_pairs(const struct strv *pairs, json_t **ret)
{
    AUTO_JSON json_t *o = json_object();
    if (!o)
        return err_oom();
    for (size_t i = 0; i < pairs->count; i++) {
        AUTO_FREE char *name = NULL;
        const char *p = pairs->items[i], *eq = strchr(p, '=');
        TRY(mem_strndup(p, eq ? (size_t)(eq - p) : strlen(p), &name));
        TRY(json_put_str(o, name, eq ? eq + 1 : ""));
    }
    *ret = TAKE_PTR(o);
    return NULL;
}

struct err *json_put_pairs(json_t *obj, const char *key, const struct strv *pairs)
{
    json_t *o;
    TRY(json_from_pairs(pairs, &o));
    return json_put(obj, key, o);
}

struct err *json_pairs_text(const struct strv *pairs, char **ret)
{
    AUTO_JSON json_t *obj = NULL;
    TRY(json_from_pairs(pairs, &obj));
    return json_text(obj, ret);
}

struct err *json_pairs_parse(const char *text, const char *what, struct strv *ret)
{
    AUTO_JSON json_t *obj = NULL;
    const char *key;
    json_t *value;
    if (!text || strcmp(text, "{}") == 0)
        return NULL;
    TRY(json_parse(text, strlen(text), what, &obj));
    json_object_foreach (obj, key, value)
        TRY(strv_addf(ret, "%s=%s", key, json_is_string(value) ? json_string_value(value) : ""));
    return NULL;
}

struct err *json_strv_text(const struct strv *v, char **ret)
{
    AUTO_JSON json_t *list = NULL;
    TRY(json_from_strv(v, &list));
    return json_text(list, ret);
}

struct err *json_strv_parse(const char *text, const char *what, struct strv *ret)
{
    AUTO_JSON json_t *list = NULL;
    json_t *item;
    size_t i;
    if (!text || strcmp(text, "[]") == 0)
        return NULL;
    TRY(json_parse(text, strlen(text), what, &list));
    json_array_foreach (list, i, item)
        TRY(strv_add(ret, json_is_string(item) ? json_string_value(item) : ""));
    return NULL;
}
