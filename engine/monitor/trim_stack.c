#include "engine/monitor/trim_stack.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRIM_SPARE_PAGES 4
#define TRIM_STACK ((uintptr_t)128 << 10) /* below the frame at hand; far less than the limit of the stack */

void trim_stack(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    /* The frames of this function and of what it calls reach below that address, maybe into the next page. */
    uintptr_t top = ((uintptr_t)__builtin_frame_address(0) & ~(page - 1)) - TRIM_SPARE_PAGES * page;
    /* Pages below the stack pointer hold nothing; the kernel refuses those that it hasn't made yet, which is fine. */
    for (uintptr_t at = top; at > top - TRIM_STACK; at -= page) {
        if (madvise((void *)at, page, MADV_DONTNEED) < 0)
            break;
    }
}
