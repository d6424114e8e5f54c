/* Giving memory back while nothing happens.
 *
 * Starting a container touches code and stack that the quiet life afterwards never needs again; the kernel maps code in
 * windows of 64 KiB at that. Pages of the program file are dropped from our page table here (they stay in the page
 * cache, and come back by themselves where they are used), and so is the unused part of the stack. A monitor that waits
 * has a third of the memory then.
 */
#pragma once

void trim_memory(void);
