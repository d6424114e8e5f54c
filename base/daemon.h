/* Programs that stay behind: whoever started one waits until it works, and no longer. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* Fork. The child returns with *ret_parent false, in a session and process group of its own, so that nobody's Ctrl-C
 * arrives there, and says with err_send() to *ret_fd how its start went. The parent returns after that, with the same
 * outcome and *ret_parent true; nothing is left for it to do but to end. */
struct err *daemon_fork(bool *ret_parent, int *ret_fd) ERR_RESULT;
/* 0, 1 and 2 become /dev/null, where there is one. */
void daemon_close_standard(void);
