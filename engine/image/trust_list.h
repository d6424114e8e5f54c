/* `image trust`: what policy.json and registries.d say, as a table; and changing it. Needs no session. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strv.h"

struct trust_row {
    char *transport, *name, *repo_name; /* name: "* (default)" where repo_name is "default" */
    char *type, *gpg_id, *store;        /* NULL: nothing to say */
    char *problem;                      /* why a key could not be looked at */
};
void trust_rows_free(struct trust_row *rows, size_t count);
/* `policy_file` and `registries_dir` NULL: the usual places. */
struct err *trust_list(const char *policy_file, const char *registries_dir, struct trust_row **ret,
                       size_t *ret_count) ERR_RESULT;
/* The policy as it is in its file. */
struct err *trust_raw(const char *policy_file, char **ret) ERR_RESULT;
/* `type`: "accept", "reject", "signedBy", "sigstoreSigned"; `scope` "default" or one of the docker transport; one
 * requirement for each key. */
struct err *trust_set(const char *policy_file, const char *scope, const char *type, const struct strv *keys) ERR_RESULT;
