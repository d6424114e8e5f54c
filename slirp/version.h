/* What this is and what it is built on. */
#pragma once

#include "base/err.h"

/* The lines of --version; `coracle doctor` reads "libslirp: 4.7.0". */
struct err *version_print(int fd) ERR_RESULT;
