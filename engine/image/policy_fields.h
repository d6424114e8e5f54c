/* Strict reading of JSON objects, as policy.json is read: what is unknown is an error. */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "base/strv.h"

/* No members but these; `keys` ends with NULL. ERR_INVALID `Unknown key "x"`. */
struct err *policy_only(const json_t *obj, const char *const *keys) ERR_RESULT;
struct err *policy_need_str(const json_t *obj, const char *key, const char **ret) ERR_RESULT;
/* A text under `one` or a list of texts under `many` (either may be NULL) is added to `ret`; borrowed copies. An empty
 * list is an error. *ret_count counts which of both were there. */
struct err *policy_texts(const json_t *obj, const char *one, const char *many, struct strv *ret,
                         unsigned *ret_count) ERR_RESULT;
