/* Memory that a quiet process does not need. */
#pragma once

#include <stdbool.h>

/* Give freed memory back, and let go of pages of the program, and with `libraries` of those too, that the kernel can
 * bring back when they are needed: code, and constants that were never written to (relocated ones are, and stay). Costs
 * page faults when work comes again. */
void trim_memory(bool libraries);
