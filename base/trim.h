/* Memory that a quiet process does not need.
 *
 * Starting something touches code and stack that the quiet life afterwards never needs again; the kernel maps code in
 * windows of 64 KiB at that. Those few functions through which a process goes to sleep are enough to bring half of a
 * small program back, and a window of each library: hence one function that gives memory back and sleeps.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>

/* Give freed memory back, and let go of pages of the program, and with `libraries` of those too, that the kernel can
 * bring back when they are needed: code, and constants that were never written to (relocated ones are, and stay). Then
 * poll(2), which returns what it says, -1 for any error. Costs page faults when work comes again. */
int trim_poll(struct pollfd *fds, unsigned n, int timeout_msec, bool libraries);
/* The unused part of the stack. */
void trim_stack(void);
