/* What this host lets this user do, and what would change that: `coracle doctor`.
 *
 * Everything is tried rather than looked up where that leaves nothing behind. It runs outside the session and works
 * where no namespace is allowed. The calling process must be single-threaded (it forks).
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "rootless/ladder.h"

struct rungs;

enum doctor_state {
    DOCTOR_OK,
    DOCTOR_DEGRADED, /* there is a fallback, which costs something */
    DOCTOR_MISSING,  /* something does not work */
};
const char *doctor_state_name(enum doctor_state state); /* "ok", "degraded", "missing" */

struct doctor_item {
    const char *need;            /* "user namespaces"; borrowed */
    const struct ladder *ladder; /* of the table in ladder.h; NULL in tests */
    enum doctor_state state;
    size_t rung; /* of the ladder: 1 is the best, 0 below the last */
    /* One line each, owned, never NULL; "" where there is nothing to say. */
    char *probed; /* what was looked at */
    char *found;
    char *meaning; /* for containers */
    char *fix;     /* what an administrator or the user can do */
    char *file;    /* a file to be installed for that, lines and all; or "" */
};
struct doctor_report {
    struct doctor_item *items; /* in the order of the table */
    size_t count;
};
void doctor_report_done(struct doctor_report *r);

struct doctor_opts {
    const char *root; /* as in struct session_opts */
    const char *runroot;
    /* Does `driver` work below `root`? Called in a child, in namespaces of its own. NULL: storage is not probed. */
    struct err *(*storage_probe)(const char *driver, const char *root);
    const struct rungs *rungs; /* filled in by doctor_run() */
};
/* Only failures of the probing itself are errors (out of memory …). Makes the data directory. */
struct err *doctor_run(const struct doctor_opts *opts, struct doctor_report *ret) ERR_RESULT;
/* The bits of enum ladder_breaks of all that is missing: 0 when containers run, are built and publish ports. */
unsigned doctor_verdict(const struct doctor_report *r);
/* {"works":{"run":…,"build":…,"publish":…},"needs":[{"need":…,"state":…,"probed":…,"found":…,"meaning":…,"fix":…,"file":…,"rung":…,
 * "use":…,"lost":…},…]} */
struct err *doctor_json(const struct doctor_report *r, char **ret) ERR_RESULT;
