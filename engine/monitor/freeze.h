/* Pause: the cgroup's freezer where the container has a cgroup of its own, else SIGSTOP to every process of it.
 *
 * Stopping by signal is visible to parents inside (wait(2) with WUNTRACED) and can be undone by nobody inside, since
 * all are stopped. Processes that were stopped before stay stopped afterwards.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct server;

/* ERR_STATE: it is so already, or doesn't run. *ret_signals: there was no freezer. */
struct err *freeze_pause(struct server *s, bool *ret_signals) ERR_RESULT;
struct err *freeze_resume(struct server *s) ERR_RESULT;
/* A run is over, or about to be: forget, without a word. */
void freeze_forget(struct server *s);
