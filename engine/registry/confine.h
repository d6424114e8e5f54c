/* Giving up rights before the first stranger is spoken to.
 *
 * No capabilities, no new privileges; Landlock (where the kernel has it) leaves certificates and the files that names
 * are resolved with, for reading, and no listening; seccomp leaves sockets to connect, open descriptors, threads and
 * memory that is never executable. Opening for writing is refused by seccomp, whether there is Landlock or not.
 * What resolving names loads at run time (NSS modules) must have been loaded before. Sources: landlock(7), seccomp(2).
 */
#pragma once

#include "base/err.h"

/* Of the whole process, while it has one thread. ERR_UNSUPPORTED. */
struct err *confine_process(void) ERR_RESULT;
