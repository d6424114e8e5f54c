/* TOML, as far as the field's configuration files use it, to JSON values. Pure computation.
 *
 * Tables, arrays of tables, dotted and quoted keys, strings of both kinds on one line, integers, booleans, arrays over
 * several lines, inline tables. Not: multi-line strings, dates, floating point; they are refused by name. Every error
 * is ERR_INVALID and begins with "file:line". Source: https://toml.io/en/v1.0.0
 */
#pragma once

#include <stddef.h>

#include "base/json.h"

#define TOML_MAX_BYTES ((size_t)4 << 20)

/* `file` is the name in messages. *ret is an object. */
struct err *toml_parse(const char *text, size_t len, const char *file, json_t **ret) ERR_RESULT;
