#include "base/trim.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

struct trim {
    uintptr_t page;
    bool libraries;
};

/* Relocated constants (RELRO) are in a writable segment. The first object is the program. */
static int trim_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    const struct trim *t = arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type != PT_LOAD || (ph->p_flags & PF_W))
            continue;
        uintptr_t start = (info->dlpi_addr + ph->p_vaddr) & ~(t->page - 1);
        uintptr_t end = (info->dlpi_addr + ph->p_vaddr + ph->p_memsz + t->page - 1) & ~(t->page - 1);
        (void)madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return !t->libraries;
}

void trim_memory(bool libraries)
{
    struct trim t = {.page = (uintptr_t)sysconf(_SC_PAGESIZE), .libraries = libraries};
    (void)malloc_trim(0);
    (void)dl_iterate_phdr(trim_object, &t);
}
