/* A directory to unpack into, next to one that must never be touched:
 *
 *     <tmp>/target/           where layers go
 *     <tmp>/outside/canary    "untouched"
 *
 * Tests run as uid 0: main() enters a user namespace first where they are started as somebody else, with the user's
 * ids if there are ranges, so that owners can be set. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/layer/layer.h"
#include "tests/unit/engine/layer/tarball.h"

struct fixture {
    char path[64];
    int top;
    int target;
    struct strbuf tar;
    struct layer_unpack_opts opts; /* target and limits, for run_unpack() */
    struct layer_result result;
    bool via_helper; /* run_unpack() asks coracle-layer */
};

int fixture_setup(void **state);
/* Fails the test when something outside of the target was touched. */
int fixture_teardown(void **state);
#define layer_test(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

/* Run this program again as uid 0 in a user namespace unless it is that already; returns when all is well. */
void fixture_become_root(char **argv);
/* Can files belong to others than uid 0 here? */
bool fixture_has_ids(void);

/* Unpack these bytes, or fixture.tar after its end is written, in this process. */
struct err *run_unpack_bytes(struct fixture *f, const struct strbuf *bytes);
struct err *run_unpack(struct fixture *f);
/* run_unpack() works / fails so. The text must be part of the message. */
void expect_unpacked(struct fixture *f);
void expect_refused(struct fixture *f, enum err_kind kind, const char *text);
void expect_error(struct err *take_e, enum err_kind kind, const char *text);
void expect_success(struct err *take_e);

/* Looking at the target. */
struct stat at_stat(struct fixture *f, const char *path);
bool at_exists(struct fixture *f, const char *path);
void expect_content(struct fixture *f, const char *path, const char *content);
void expect_link(struct fixture *f, const char *path, const char *target);
void expect_whiteout(struct fixture *f, const char *path);
bool at_is_opaque(struct fixture *f, const char *path);
