/* A writer for the few shapes that `info` has. Strings are quoted where a YAML reader would see something else in them.
 */
#include "cli/yaml.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define DEPTH_MAX 100

static struct err *render(const json_t *value, int depth, bool in_list, struct strbuf *out);

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Digits with one point at most ("4.3.1" is text), hexadecimal, an exponent; dates. */
static bool is_number(const char *s)
{
    size_t len = strlen(s), points = 0;
    for (const char *p = s; *p; p++)
        points += *p == '.';
    if (strspn(s, "0123456789-:TZ.+") == len && strchr(s, '-') && points < 2)
        return true;
    return points < 2 && *s >= '0' && *s <= '9' && strspn(s, "0123456789._eExXabcdfABCDF+") == len &&
           (strspn(s, "0123456789._") == len || strncasecmp(s, "0x", 2) == 0 ||
            (strspn(s, "0123456789._eE+") == len && strpbrk(s, "eE") && strpbrk(s, "eE")[1]));
}

/* Would the plain text be read as something else than a string? */
static bool needs_quotes(const char *s)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "~", "y", "n"};
    if (!*s || strchr("-?:,[]{}#&*!|>'\"%@` ", *s) || s[strlen(s) - 1] == ' ' || s[strlen(s) - 1] == ':')
        return true;
    if (strstr(s, ": ") || strstr(s, " #"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasecmp(s, words[i]) == 0)
            return true;
    return is_number(s);
}

static bool is_plain_text(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 && *s != '\n')
            return false;
    return true;
}

static struct err *indent(int depth, struct strbuf *out)
{
    return strbuf_printf(out, "%*s", depth * 2, "");
}

/* "|-" and the lines below it. */
static struct err *render_block(const char *s, int depth, struct strbuf *out)
{
    size_t len = strlen(s);
    TRY(strbuf_puts(out, len && s[len - 1] == '\n' ? "|\n" : "|-\n"));
    while (*s) {
        size_t line = strcspn(s, "\n");
        if (line)
            TRY(indent(depth, out));
        TRY(strbuf_add(out, s, line));
        TRY(strbuf_putc(out, '\n'));
        s += line + (s[line] == '\n');
    }
    return NULL;
}

static struct err *render_string(const char *s, int depth, struct strbuf *out)
{
    if (!is_plain_text(s)) {
        TRY(strbuf_put_json(out, s, strlen(s))); /* YAML's double quotes take JSON's escapes */
        return strbuf_putc(out, '\n');
    }
    if (strchr(s, '\n'))
        return render_block(s, depth, out);
    if (!needs_quotes(s))
        return strbuf_printf(out, "%s\n", s);
    bool number = *s && strspn(s, "0123456789.") == strlen(s);
    if (!*s || number)
        return strbuf_printf(out, "\"%s\"\n", s);
    TRY(strbuf_putc(out, '\''));
    for (; *s; s++)
        TRY(*s == '\'' ? strbuf_puts(out, "''") : strbuf_putc(out, *s));
    return strbuf_puts(out, "'\n");
}

static struct err *render_object(const json_t *object, int depth, bool in_list, struct strbuf *out)
{
    size_t n = json_object_size(object), i = 0;
    AUTO_FREE const char **keys = mem_zalloc((n + 1) * sizeof *keys);
    if (!keys)
        return err_oom();
    json_t *o = (json_t *)(uintptr_t)object; /* jansson's iterators take no const */
    for (void *it = json_object_iter(o); it && i < n; it = json_object_iter_next(o, it))
        keys[i++] = json_object_iter_key(it);
    qsort(keys, n, sizeof *keys, by_key);
    for (i = 0; i < n; i++) {
        const json_t *member = json_object_get(object, keys[i]);
        bool nested =
            (json_is_object(member) && json_object_size(member)) || (json_is_array(member) && json_array_size(member));
        if (i || !in_list)
            TRY(indent(depth, out));
        TRY(strbuf_printf(out, nested ? "%s:\n" : "%s: ", keys[i]));
        /* lists stand where their key stands */
        TRY(render(member, json_is_array(member) ? depth : depth + 1, false, out));
    }
    return NULL;
}

static struct err *render(const json_t *value, int depth, bool in_list, struct strbuf *out)
{
    if (depth > DEPTH_MAX)
        return ERR_NEW(ERR_INVALID, "document is nested too deeply");
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return json_object_size(value) ? render_object(value, depth, in_list, out) : strbuf_puts(out, "{}\n");
    case JSON_ARRAY:
        if (!json_array_size(value))
            return strbuf_puts(out, "[]\n");
        for (size_t i = 0; i < json_array_size(value); i++) {
            TRY(indent(depth, out));
            TRY(strbuf_puts(out, "- "));
            TRY(render(json_array_get(value, i), depth + 1, true, out));
        }
        return NULL;
    case JSON_STRING:
        return render_string(json_string_value(value), depth, out);
    case JSON_INTEGER:
        return strbuf_printf(out, "%lld\n", (long long)json_integer_value(value));
    case JSON_REAL:
        return strbuf_printf(out, "%g\n", json_real_value(value));
    case JSON_TRUE:
        return strbuf_puts(out, "true\n");
    case JSON_FALSE:
        return strbuf_puts(out, "false\n");
    case JSON_NULL:
        break;
    }
    return strbuf_puts(out, "null\n");
}

struct err *yaml_render(const json_t *value, struct strbuf *out)
{
    return render(value, 0, false, out);
}
