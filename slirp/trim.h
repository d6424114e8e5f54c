/* Memory that a quiet process does not need. */
#pragma once

/* Give back freed memory, and let go of pages of programs and libraries that the kernel can bring back when they are
 * needed: code, and constants that were never written. Costs the next packet some page faults. */
void trim_memory(void);
