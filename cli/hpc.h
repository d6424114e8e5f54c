/* run --hpc. */
#pragma once

#include "cli/create.h"

/* Returns only when it failed. */
struct err *hpc_verb(struct cli *c, struct create_opts *o) ERR_RESULT;
