/* CDI: devices that a vendor describes in files, and containers ask for by name: "vendor.com/class=name". What a device
 * needs in a container is its containerEdits: variables, device nodes, mounts, hooks, groups.
 * Source: Container Device Interface specification, SPEC.md, up to 1.0.
 *
 * Computes only; files are found, and edits made, by start_cdi.c. A document that cdi_check() lets pass has, wherever
 * there is something, the type that the specification gives it: numbers may be text, as they are in YAML here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

/* Does it have the form of a device's name? */
bool cdi_is_name(const char *text);

/* ERR_INVALID names the file and what is wrong. */
struct err *cdi_check(const json_t *doc, const char *file) ERR_RESULT;

/* Is `name` one of the devices? Then its edits, and those for every device of the document; either may be NULL. Both
 * are borrowed. The document has been checked. */
bool cdi_find(const json_t *doc, const char *name, const json_t **ret_common, const json_t **ret_edits);

/* A number of a checked document, the member `key` or (NULL) `obj` itself; `def` where there is none. */
int64_t cdi_number(const json_t *obj, const char *key, int64_t def);
