/* coracle-session --start: decides about the ids, makes the namespaces, and leaves a holder behind. */
#pragma once

#include "base/err.h"

/* `dir` is the prepared session directory, `root` the data directory; descriptors 3 the lock, 4 the pipe on which the
 * holder (or, for a failure, this process) reports. Returns when the holder has been executed. */
struct err *starter_run(const char *dir, const char *root) ERR_RESULT;
