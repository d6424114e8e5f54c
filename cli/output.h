/* Where an archive is written to: a file of the user's, or standard output. */
#pragma once

#include "base/err.h"

/* `path` NULL: standard output, which must not be a terminal. The file is opened as the user outside of the session, so
 * before the engine is; *ret_fd is the caller's. */
struct err *output_open(const char *path, int *ret_fd) ERR_RESULT;
