/* Giving memory back while nothing happens; base/trim.h has the other part of it.
 *
 * Starting a container touches code and stack that the quiet life afterwards never needs again; the kernel maps code in
 * windows of 64 KiB at that. With both given back a monitor that waits has a third of the memory.
 */
#pragma once

/* The unused part of the stack. */
void trim_stack(void);
