/* What the tests of the command line share. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/err.h"

#define expect_success(expr)                     \
    do {                                         \
        struct err *expect_e_ = (expr);          \
        if (expect_e_)                           \
            fail_msg("%s", err_text(expect_e_)); \
    } while (0)

#define expect_error(expr, kind, text)                    \
    do {                                                  \
        struct err *expect_e_ = (expr);                   \
        if (!expect_e_)                                   \
            fail_msg("succeeded, wanted: %s", (text));    \
        assert_string_equal(err_text(expect_e_), (text)); \
        assert_int_equal(err_kind(expect_e_), (kind));    \
        err_free(expect_e_);                              \
    } while (0)
