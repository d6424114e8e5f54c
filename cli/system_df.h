/* What system_df.c and system_df_verbose.c share. */
#pragma once

#include "cli/cli.h"

struct volume;

/* Bytes of its files. */
struct err *df_volume_bytes(struct engine *e, const struct volume *v, uint64_t *ret) ERR_RESULT;
/* Everything one by one: tables, or one JSON document through `format`. */
struct err *df_verbose(struct cli *c, struct engine *e, const char *format) ERR_RESULT;
