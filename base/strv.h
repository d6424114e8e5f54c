/* Vector of owned strings, NULL-terminated so that it can be passed to exec. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct strv {
    char **items; /* NULL while empty; else items[count] == NULL */
    size_t count;
    size_t cap;
};

#define STRV_INIT \
    {             \
        0         \
    }
#define STRV_MAX ((size_t)1 << 20)

void strv_done(struct strv *v);
#define AUTO_STRV __attribute__((cleanup(strv_done)))

struct err *strv_add(struct strv *v, const char *s) ERR_RESULT;
struct err *strv_addf(struct strv *v, const char *fmt, ...) __attribute__((format(printf, 2, 3))) ERR_RESULT;
/* Takes the heap string, also on failure. */
struct err *strv_take(struct strv *v, char *take_s) ERR_RESULT;
struct err *strv_add_all(struct strv *v, char *const *items) ERR_RESULT;
struct err *strv_copy(const struct strv *from, struct strv *ret) ERR_RESULT;
/* Split at each `sep`; empty parts are kept. */
struct err *strv_split(const char *s, char sep, struct strv *ret) ERR_RESULT;
struct err *strv_join(const struct strv *v, const char *sep, char **ret) ERR_RESULT;
bool strv_contains(const struct strv *v, const char *s);
/* Index, or -1. */
long strv_find(const struct strv *v, const char *s);
void strv_remove(struct strv *v, size_t index);
void strv_clear(struct strv *v);
void strv_sort(struct strv *v);

/* Environment lists, "KEY=VALUE": set replaces an entry of the same key; get returns the value, borrowed, or NULL. */
struct err *strv_env_set(struct strv *v, const char *assignment) ERR_RESULT;
const char *strv_env_get(const struct strv *v, const char *key);
/* "KEY" (with any value) or "KEY=VALUE" among such entries, as filters name labels. */
bool strv_env_matches(const struct strv *v, const char *want);
void strv_env_unset(struct strv *v, const char *key);
