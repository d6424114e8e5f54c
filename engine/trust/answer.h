/* Questions of trust.c, answered. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

/* Read, answer, until the other end closes. `signer`: only signing with GPG, as it is not confined. */
struct err *answer_run(int sock, bool signer, const char *private_dir) ERR_RESULT;
