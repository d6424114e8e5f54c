/* --label of verbs that make something. */
#pragma once

#include "base/err.h"
#include "base/strv.h"

/* "key=value" or "key", through the parser that containers' labels have: those of `files` (--label-file) first. */
struct err *cli_parse_labels(const struct strv *files, const struct strv *given, struct strv *ret) ERR_RESULT;
