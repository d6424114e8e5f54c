/* The runtime's program as something that the container cannot overwrite.
 *
 * crun and runc, when started from an ordinary file, first copy or bind themselves to such a thing (CVE-2019-5736) and
 * execute again, which loads the program twice. What already lies on a read-only mount they run as it is, when
 * _LIBCONTAINER_CLONED_BINARY is set, and a sealed memory file too: the same protection for a third of the time. */
#pragma once

#include <stdbool.h>

/* *ret: a descriptor to execute: of a read-only mount of the file, which nobody else has, or where that cannot be
 * (before Linux 5.12) a sealed copy. -1 when that does not pay or cannot be (a script, a large program, no memory
 * files). To let go of a mount takes the kernel a millisecond of waiting (synchronize_rcu), so nobody should hurry to
 * close it; but as long as it is open the file system cannot be unmounted. Sets the variable, which concerns runtimes
 * alone, for this process's children. */
void sealed_open(const char *path, int *ret);
