/* Vectors of strings. */
#include "base/strv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

void strv_done(struct strv *v)
{
    strv_clear(v);
    free(v->items);
    *v = (struct strv)STRV_INIT;
}

/* Keeps the array for the next strings. */
void strv_clear(struct strv *v)
{
    for (size_t i = 0; i < v->count; i++)
        free(v->items[i]);
    v->count = 0;
    if (v->items)
        v->items[0] = NULL;
}

/* The one place that adds: everything else gets its string here. */
struct err *strv_take(struct strv *v, char *take_s)
{
    /* One element more than the strings: the NULL at the end. */
    struct err *e = mem_grow(&v->items, v->count + 1, &v->cap, sizeof(*v->items), STRV_MAX);
    if (e) {
        free(take_s);
        return e;
    }
    v->items[v->count++] = take_s;
    v->items[v->count] = NULL;
    return NULL;
}

struct err *strv_add(struct strv *v, const char *s)
{
    char *copy = NULL;
    TRY(mem_strdup(s, &copy));
    return strv_take(v, copy);
}

struct err *strv_addf(struct strv *v, const char *fmt, ...)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    struct err *e = strbuf_vprintf(&sb, fmt, ap);
    va_end(ap);
    char *s = NULL;
    if (!e)
        e = strbuf_take(&sb, &s);
    return e ? e : strv_take(v, s);
}

struct err *strv_add_all(struct strv *v, char *const *items)
{
    /* All or nothing. */
    size_t before = v->count;
    for (; items && *items; items++) {
        struct err *e = strv_add(v, *items);
        if (e) {
            while (v->count > before)
                strv_remove(v, v->count - 1);
            return e;
        }
    }
    return NULL;
}

struct err *strv_copy(const struct strv *from, struct strv *ret)
{
    AUTO_STRV struct strv v = STRV_INIT;
    TRY(strv_add_all(&v, from->items));
    *ret = v;
    v = (struct strv)STRV_INIT;
    return NULL;
}

/* A part of a string, not terminated where it ends. */
static struct err *strv_add_part(struct strv *v, const char *s, size_t len)
{
    char *part = NULL;
    TRY(mem_strndup(s, len, &part));
    return strv_take(v, part);
}

/* Built aside, so that *ret is not touched when an allocation fails half-way. */
struct err *strv_split(const char *s, char sep, struct strv *ret)
{
    AUTO_STRV struct strv v = STRV_INIT;
    for (const char *end; (end = strchr(s, sep)) && *end; s = end + 1)
        TRY(strv_add_part(&v, s, (size_t)(end - s)));
    TRY(strv_add(&v, s));
    *ret = v;
    v = (struct strv)STRV_INIT;
    return NULL;
}

struct err *strv_join(const struct strv *v, const char *sep, char **ret)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    for (size_t i = 0; i < v->count; i++) {
        if (i)
            TRY(strbuf_puts(&sb, sep));
        TRY(strbuf_puts(&sb, v->items[i]));
    }
    return strbuf_take(&sb, ret);
}

/* Lists here are short (environments, options); whoever needs more sorts and searches. */
bool strv_contains(const struct strv *v, const char *s)
{
    return strv_find(v, s) >= 0;
}

long strv_find(const struct strv *v, const char *s)
{
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->items[i], s) == 0)
            return (long)i;
    }
    return -1;
}

void strv_remove(struct strv *v, size_t index)
{
    assert(index < v->count);
    free(v->items[index]);
    /* The NULL at the end moves along. */
    memmove(v->items + index, v->items + index + 1, (v->count - index) * sizeof(*v->items));
    v->count--;
}

/* Byte order, not the locale's: listings must not depend on LANG. */
static int strv_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *v)
{
    /* An empty one has no array, and qsort(3) must not be given NULL. */
    if (v->count > 1)
        qsort(v->items, v->count, sizeof(*v->items), strv_compare);
}

/* Index of the entry of `key`, or count. */
static size_t strv_env_index(const struct strv *v, const char *key, size_t key_len)
{
    size_t i = 0;
    for (; i < v->count; i++) {
        if (strncmp(v->items[i], key, key_len) == 0 && v->items[i][key_len] == '=')
            break;
    }
    return i;
}

struct err *strv_env_set(struct strv *v, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment)
        return ERR_NEW(ERR_INVALID, "\"%s\" is not of the form NAME=VALUE", assignment);
    /* In place, because programs print their environment in this order. */
    size_t i = strv_env_index(v, assignment, (size_t)(equals - assignment));
    if (i < v->count)
        return mem_replace(&v->items[i], assignment);
    return strv_add(v, assignment);
}

const char *strv_env_get(const struct strv *v, const char *key)
{
    size_t len = strlen(key);
    size_t i = strv_env_index(v, key, len);
    return i < v->count ? v->items[i] + len + 1 : NULL;
}

/* A list from outside may name a key twice. */
void strv_env_unset(struct strv *v, const char *key)
{
    size_t len = strlen(key);
    for (size_t i; (i = strv_env_index(v, key, len)) < v->count;)
        strv_remove(v, i);
}

bool strv_env_matches(const struct strv *v, const char *want)
{
    size_t len = strlen(want);
    bool whole = memchr(want, '=', len) != NULL;
    for (size_t i = 0; i < v->count; i++) {
        const char *have = v->items[i];
        if (whole ? strcmp(have, want) == 0 : strncmp(have, want, len) == 0 && have[len] == '=')
            return true;
    }
    return false;
}
