#include "engine/monitor/trim.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRIM_SPARE_PAGES 4
#define TRIM_STACK ((uintptr_t)128 << 10) /* below the frame at hand; far less than the limit of the stack */

/* Only what was never written to: code and constants. Relocated constants (RELRO) are in a writable segment. */
static int trim_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    uintptr_t page = *(const uintptr_t *)arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type != PT_LOAD || (ph->p_flags & PF_W))
            continue;
        uintptr_t start = (info->dlpi_addr + ph->p_vaddr) & ~(page - 1);
        uintptr_t end = (info->dlpi_addr + ph->p_vaddr + ph->p_memsz + page - 1) & ~(page - 1);
        (void)madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 1; /* the first object is the program */
}

void trim_memory(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    /* The frames of this function and of what it calls reach below that address, maybe into the next page. */
    uintptr_t top = ((uintptr_t)__builtin_frame_address(0) & ~(page - 1)) - TRIM_SPARE_PAGES * page;
    (void)malloc_trim(0);
    /* Pages below the stack pointer hold nothing; the kernel refuses those that it hasn't made yet, which is fine. */
    for (uintptr_t at = top; at > top - TRIM_STACK; at -= page) {
        if (madvise((void *)at, page, MADV_DONTNEED) < 0)
            break;
    }
    (void)dl_iterate_phdr(trim_object, &page);
}
