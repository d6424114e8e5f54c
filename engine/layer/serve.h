/* `coracle-layer serve`: the other end of starter.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct serve_job {
    char *text;  /* owned: the arguments, each with its NUL */
    char **argv; /* owned; points into text */
    int argc;
};

/* Fork at each request. Returns in every child with its job, *ret_child set and its descriptors in place; in the server
 * when the asking side has gone. */
struct err *serve_jobs(bool *ret_child, struct serve_job *ret) ERR_RESULT;
