/* Choosing one of several lines on a terminal: arrow keys or numbers, Enter; Ctrl-C and q give up. */
#pragma once

#include "base/err.h"
#include "base/strv.h"

typedef struct err *(*choose_fn)(void *arg, const struct strv *names, size_t *ret_index);
/* NULL when standard input or output is no terminal: then nobody can be asked. */
choose_fn choose_function(void);

/* The list itself, without a terminal: what a key does. */
struct choose_state {
    size_t count, at;
    size_t number; /* typed so far */
};
enum choose_result { CHOOSE_GO_ON, CHOOSE_DONE, CHOOSE_CANCEL };
/* One key: a byte, or an escape sequence of `len` bytes. */
enum choose_result choose_key(struct choose_state *s, const char *key, size_t len);
