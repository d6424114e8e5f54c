/* What the tests of the trust folder share. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "tests/unit/base/tempdir.h"

#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* The error's kind, and a piece of its text. */
static inline void expect_error(struct err *e, enum err_kind kind, const char *text)
{
    if (!e)
        fail_msg("success instead of \"%s\"", text);
    if (!strstr(err_text(e), text) || err_kind(e) != kind)
        fail_msg("\"%s\" is not in \"%s\", or it is not of its kind", text, err_text(e));
    err_free(e);
}
