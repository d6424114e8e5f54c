/* The document of `info`, with Go's member names, as templates see them. */
#pragma once

#include <jansson.h>

#include "base/err.h"

struct engine;

struct err *info_collect(struct engine *e, json_t **ret) ERR_RESULT;
/* What JSON and YAML call the members: "OCIRuntime" is ociRuntime. */
struct err *info_json_names(const json_t *value, json_t **ret) ERR_RESULT;
/* The document of `version`. */
struct err *info_version(json_t **ret) ERR_RESULT;
