/* registries.d: where signatures of images are. Pure computation. See containers-registries.d(5). */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

/* Add one file to *merged (NULL at first), {"default-docker": section, "docker": {scope: section}}. A section's known
 * members have their types; what is unknown is left in. A scope in two files is an error that names both. */
struct err *registries_d_add(json_t **merged, const char *text, size_t len, const char *file) ERR_RESULT;
/* Take out the notes about where things came from. */
void registries_d_finish(json_t *merged);
