/* Memory: allocation that reports failure as an error, and cleanup attributes.
 *
 * All allocation of coracle's own goes through these, so that tests/unit can make the Nth one fail (base/fault.h).
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* NULL on failure, like malloc; size 0 gives a valid pointer. */
void *mem_alloc(size_t size) __attribute__((malloc));
void *mem_zalloc(size_t size) __attribute__((malloc));
void *mem_realloc(void *p, size_t size) ERR_RESULT;
/* NULL on overflow of count * size as well. */
void *mem_realloc_array(void *p, size_t count, size_t size) ERR_RESULT;

/* Duplicate a string; NULL in gives NULL out, without error. */
struct err *mem_strdup(const char *s, char **ret) ERR_RESULT;
struct err *mem_strndup(const char *s, size_t len, char **ret) ERR_RESULT;
struct err *mem_asprintf(char **ret, const char *fmt, ...) __attribute__((format(printf, 2, 3))) ERR_RESULT;
/* Replace *slot by a copy of `s` (or NULL), freeing the old value. */
struct err *mem_replace(char **slot, const char *s) ERR_RESULT;

/* Make room for one more element in a growing array; doubles, refuses past `max` elements (ERR_NO_SPACE). */
struct err *mem_grow(void *array_slot, size_t count, size_t *cap, size_t elem_size, size_t max) ERR_RESULT;

void mem_freep(void *slot);
#define AUTO_FREE __attribute__((cleanup(mem_freep)))

/* Hand a pointer over: yields its value and leaves NULL behind. */
#define TAKE_PTR(p)                       \
    ({                                    \
        __typeof__(p) *take_p_ = &(p);    \
        __typeof__(p) take_v_ = *take_p_; \
        *take_p_ = NULL;                  \
        take_v_;                          \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
