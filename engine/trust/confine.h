/* What coracle-trust gives up before it reads a question. */
#pragma once

#include "base/err.h"

/* `private_dir`: the only place that may be written to, by gpg, which may be started then; NULL: no files are written
 * and no programs started. gpg inherits everything. */
struct err *confine_process(const char *private_dir) ERR_RESULT;
