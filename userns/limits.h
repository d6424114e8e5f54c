/* Errnos that speak of a limit of this process or user, or of a file system: which one it is. */
#pragma once

#include "base/err.h"

/* A clause with the limit, its value and what raises it; *ret stays NULL where the error does not come from one. */
struct err *limits_reason(const struct err *e, char **ret) ERR_RESULT;
