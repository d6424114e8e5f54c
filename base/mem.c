/* Allocation: malloc behind one branch of fault injection. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

/* First size of a growing array, in elements. */
#define MEM_GROW_FIRST ((size_t)8)

/* malloc(0) may give NULL, which would read as a failure. */
void *mem_alloc(size_t size)
{
    if (fault_hit(FAULT_MEM))
        return NULL;
    return malloc(size ? size : 1);
}

void *mem_zalloc(size_t size)
{
    if (fault_hit(FAULT_MEM))
        return NULL;
    return calloc(1, size ? size : 1);
}

void *mem_realloc(void *p, size_t size)
{
    if (fault_hit(FAULT_MEM))
        return NULL;
    return realloc(p, size ? size : 1);
}

void *mem_realloc_array(void *p, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return mem_realloc(p, total);
}

struct err *mem_strdup(const char *s, char **ret)
{
    if (!s) {
        *ret = NULL;
        return NULL;
    }
    return mem_strndup(s, strlen(s), ret);
}

struct err *mem_strndup(const char *s, size_t len, char **ret)
{
    if (!s) {
        *ret = NULL;
        return NULL;
    }
    /* `s` need not be terminated within len bytes. */
    size_t n = strnlen(s, len);
    char *copy = n < SIZE_MAX ? mem_alloc(n + 1) : NULL;
    if (!copy)
        return err_oom();
    memcpy(copy, s, n);
    copy[n] = '\0';
    *ret = copy;
    return NULL;
}

struct err *mem_asprintf(char **ret, const char *fmt, ...)
{
    if (fault_hit(FAULT_MEM))
        return err_oom();
    char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0) /* the value of s is undefined then */
        return err_oom();
    *ret = s;
    return NULL;
}

struct err *mem_replace(char **slot, const char *s)
{
    /* Copied first: `s` may lie in the old value. */
    char *copy = NULL;
    TRY(mem_strdup(s, &copy));
    free(*slot);
    *slot = copy;
    return NULL;
}

/* The slot is any T **; memcpy reads and writes it without breaking the aliasing rules. */
struct err *mem_grow(void *array_slot, size_t count, size_t *cap, size_t elem_size, size_t max)
{
    if (count < *cap)
        return NULL;
    if (count >= max)
        return ERR_NEW(ERR_NO_SPACE, "more than %zu elements", max);
    /* Doubled, from MEM_GROW_FIRST on; the last step stops at max instead of overshooting. */
    size_t more = *cap < MEM_GROW_FIRST / 2 ? MEM_GROW_FIRST : *cap > max / 2 ? max : *cap * 2;
    if (more > max)
        more = max;
    /* A caller that lowered `count` and `cap` by itself still gets its element. */
    if (more <= count)
        more = count + 1;
    void *old;
    memcpy(&old, array_slot, sizeof(old));
    void *grown = mem_realloc_array(old, more, elem_size);
    if (!grown)
        return err_oom();
    memcpy(array_slot, &grown, sizeof(grown));
    *cap = more;
    return NULL;
}

void mem_freep(void *slot)
{
    void *p;
    memcpy(&p, slot, sizeof(p));
    free(p);
    p = NULL;
    memcpy(slot, &p, sizeof(p));
}
