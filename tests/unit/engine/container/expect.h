/* Assertions about `struct err *` for the tests of this folder. Includes what cmocka wants. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static inline void expect_ok(struct err *take_e, const char *what)
{
    if (take_e)
        fail_msg("%s: %s", what, err_text(take_e));
}

/* The error of `what` is of this kind and its text is exactly `text` (NULL: any). */
static inline void expect_err(struct err *take_e, const char *what, enum err_kind kind, const char *text)
{
    if (!take_e)
        fail_msg("'%s' was accepted", what);
    if (text)
        assert_string_equal(err_text(take_e), text);
    if (err_kind(take_e) != kind)
        fail_msg("'%s' is %s: %s", what, err_kind_name(err_kind(take_e)), err_text(take_e));
    err_free(take_e);
}

static inline void expect_invalid(struct err *take_e, const char *what, const char *text)
{
    expect_err(take_e, what, ERR_INVALID, text);
}
