/* The ladder: what containers need of a host, what is taken where that is refused, in order, and what is lost with each
 * step. One table: `coracle doctor` tells the state of each need by it, `coracle run --explain` what a container got,
 * and docs/HOSTS.md prints it (a test compares). */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"

#define LADDER_RUNGS_MAX 3

/* What does not work when a need is not met at all. Bits; those of all such needs are doctor's exit code. */
enum ladder_breaks { LADDER_NOTHING = 0, LADDER_RUN = 1, LADDER_BUILD = 2, LADDER_PORTS = 4, LADDER_ALL = 7 };

struct ladder_rung {
    const char *use;  /* "kernel overlay" */
    const char *lost; /* NULL: nothing */
};
struct ladder {
    const char *need;                           /* "overlay": the key */
    const char *probe;                          /* how it is found out */
    struct ladder_rung rungs[LADDER_RUNGS_MAX]; /* the best first; without `use` behind the last */
    const char *end;                            /* below the last rung; NULL: there is no end */
    enum ladder_breaks breaks;
};

/* All needs, in doctor's order. */
const struct ladder *ladder_all(size_t *ret_count);
/* By key; NULL when there is none. */
const struct ladder *ladder_find(const char *need);
size_t ladder_height(const struct ladder *l);
/* As a table in Markdown. */
struct err *ladder_markdown(struct strbuf *out) ERR_RESULT;
