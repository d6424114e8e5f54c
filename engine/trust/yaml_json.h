/* YAML, through libyaml, to JSON values. Pure computation.
 *
 * Blocks and flows, all kinds of scalars. Plain scalars become null and booleans as YAML 1.1 has them, everything else
 * is a string: nothing here needs numbers. Refused by name: anchors and aliases, tags, several documents, a key twice,
 * keys that are not scalars. Errors are ERR_INVALID and begin with "file:line".
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

#define YAML_MAX_DEPTH 32
#define YAML_MAX_NODES 100000

/* An empty document is null. */
struct err *yaml_json_parse(const char *text, size_t len, const char *file, json_t **ret) ERR_RESULT;
