/* What the tests of the registry folder share. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/strv.h"
#include "tests/unit/base/tempdir.h"

/* The error's kind, and a piece of its text. */
static inline void expect_error(struct err *e, enum err_kind kind, const char *text)
{
    if (!e)
        fail_msg("success instead of \"%s\"", text);
    if (!strstr(err_text(e), text))
        fail_msg("\"%s\" is not in \"%s\"", text, err_text(e));
    assert_int_equal(err_kind(e), kind);
    err_free(e);
}
