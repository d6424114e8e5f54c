/* What is left to coracle-slirp once it is set up: the descriptors it has, internet sockets, memory, time. No file, no
 * program, no capability, no new right, no look at other processes. libslirp parses what hostile containers send and
 * has had many memory bugs: the process is written as if they were found already. */
#pragma once

#include "base/err.h"

/* In the order that rights allow: limits, an empty root (needs CAP_SYS_ADMIN here, or a new user namespace), no
 * capabilities, no new privileges, not dumpable. All descriptors stay; those not needed have been closed before. */
struct err *sandbox_enter(void) ERR_RESULT;
/* The system calls, last. Everything not in the list answers ENOSYS; running programs or looking into others kills. */
struct err *sandbox_filter(void) ERR_RESULT;
