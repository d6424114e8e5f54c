/* Regular expressions (POSIX, extended), as Podman's filters take them. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* *ret: some part of `text` matches. ERR_INVALID: the pattern is none. */
struct err *pattern_matches(const char *pattern, const char *text, bool *ret) ERR_RESULT;
