/* JSON as YAML, the way Go's yaml packages print it: keys sorted, two blanks of indentation. Pure. */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/strbuf.h"

struct err *yaml_render(const json_t *value, struct strbuf *out) ERR_RESULT;
