/* One-pass JSON writer. */
#include "engine/container/jsonout.h"

#include <string.h>

#include "base/mem.h"

void jsonout_done(struct jsonout *j)
{
    strbuf_done(&j->sb);
    err_free(j->err);
    j->err = NULL;
}

/* The only place where a failure becomes visible; the buffer stays with `j` then and is freed by jsonout_done(). */
struct err *jsonout_finish(struct jsonout *j, char **ret)
{
    if (j->err)
        return TAKE_PTR(j->err);
    return strbuf_take(&j->sb, ret);
}

/* Only the first failure counts: what came after it was written into a broken document. */
void jsonout_fail(struct jsonout *j, struct err *take_err)
{
    if (!j->err)
        j->err = take_err;
    else
        err_free(take_err);
}

static void put_string(struct jsonout *j, const char *s)
{
    if (!j->err)
        j->err = strbuf_put_json(&j->sb, s, strlen(s));
}

static void put_text(struct jsonout *j, const char *s)
{
    if (!j->err)
        j->err = strbuf_puts(&j->sb, s);
}

/* Separators are written in front of a member, never behind: the writer cannot know which one is the last. */
void jsonout_key(struct jsonout *j, const char *key)
{
    if (j->comma)
        put_text(j, ",");
    j->comma = true;
    if (key) {
        put_string(j, key);
        put_text(j, ":");
    }
}

void jsonout_open(struct jsonout *j, const char *key, char bracket)
{
    jsonout_key(j, key);
    put_text(j, (const char[]){bracket, '\0'});
    j->comma = false;
}

/* Whatever follows a closed object or array is another member of what holds it. */
void jsonout_close(struct jsonout *j, char bracket)
{
    put_text(j, (const char[]){bracket, '\0'});
    j->comma = true;
}

void jsonout_str(struct jsonout *j, const char *key, const char *value)
{
    jsonout_key(j, key);
    put_string(j, value);
}

void jsonout_int(struct jsonout *j, const char *key, int64_t value)
{
    jsonout_key(j, key);
    if (!j->err)
        j->err = strbuf_printf(&j->sb, "%lld", (long long)value);
}

void jsonout_u64(struct jsonout *j, const char *key, uint64_t value)
{
    jsonout_key(j, key);
    if (!j->err)
        j->err = strbuf_printf(&j->sb, "%llu", (unsigned long long)value);
}

void jsonout_bool(struct jsonout *j, const char *key, bool value)
{
    jsonout_key(j, key);
    put_text(j, value ? "true" : "false");
}

void jsonout_strv(struct jsonout *j, const char *key, const struct strv *value)
{
    jsonout_open(j, key, '[');
    for (size_t i = 0; i < value->count; i++)
        jsonout_str(j, NULL, value->items[i]);
    jsonout_close(j, ']');
}

/* No check: the text comes from our own tables or was made by jansson. */
void jsonout_raw(struct jsonout *j, const char *key, const char *text)
{
    jsonout_key(j, key);
    put_text(j, text);
}
