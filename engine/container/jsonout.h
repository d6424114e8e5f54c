/* Writing a JSON document straight into a buffer, for config.json: no tree, one pass. The first failure sticks, so that
 * a caller writes a whole document and asks once, with jsonout_finish(). `key` is NULL inside an array. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"

struct jsonout {
    struct strbuf sb;
    struct err *err;
    bool comma; /* the next member needs one */
};

void jsonout_done(struct jsonout *j);
#define AUTO_JSONOUT __attribute__((cleanup(jsonout_done)))
/* The document, or what failed first; empty afterwards. */
struct err *jsonout_finish(struct jsonout *j, char **ret) ERR_RESULT;
/* Keep `take_err` as the failure, if it is the first. */
void jsonout_fail(struct jsonout *j, struct err *take_err);

/* bracket: '{' or '['. */
void jsonout_open(struct jsonout *j, const char *key, char bracket);
void jsonout_close(struct jsonout *j, char bracket);
void jsonout_str(struct jsonout *j, const char *key, const char *value);
void jsonout_int(struct jsonout *j, const char *key, int64_t value);
void jsonout_u64(struct jsonout *j, const char *key, uint64_t value);
void jsonout_bool(struct jsonout *j, const char *key, bool value);
void jsonout_strv(struct jsonout *j, const char *key, const struct strv *value);
/* A value that is JSON text already. */
void jsonout_raw(struct jsonout *j, const char *key, const char *text);
/* The key and nothing else: the caller appends the value to j->sb. */
void jsonout_key(struct jsonout *j, const char *key);
