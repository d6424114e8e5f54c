#include "base/trim.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define TRIM_SPARE_PAGES 4
#define TRIM_STACK ((uintptr_t)128 << 10) /* below the frame at hand; far less than the limit of the stack */
#define TRIM_RANGES_MAX 128               /* four of each library; what is beyond stays */
#define TRIM_MSEC_PER_SEC 1000
#define TRIM_NSEC_PER_MSEC 1000000L

/* What can go, known before the first of it does: looking at a program header brings its page back. */
struct trim {
    uintptr_t page;
    bool libraries;
    struct {
        uintptr_t start, len;
    } ranges[TRIM_RANGES_MAX];
    size_t n;
};

/* Relocated constants (RELRO) are in a writable segment. The first object is the program. */
static int trim_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct trim *t = arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum && t->n < ARRAY_LEN(t->ranges); i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type != PT_LOAD || (ph->p_flags & PF_W))
            continue;
        uintptr_t start = (info->dlpi_addr + ph->p_vaddr) & ~(t->page - 1);
        uintptr_t end = (info->dlpi_addr + ph->p_vaddr + ph->p_memsz + t->page - 1) & ~(t->page - 1);
        t->ranges[t->n].start = start;
        t->ranges[t->n++].len = end - start;
    }
    return !t->libraries;
}

/* System calls from here, not from libc, whose code is among what goes; syscall(2), "Architecture calling conventions".
 * Returns a negative errno. */
#if defined(__x86_64__)
static inline long trim_call(long number, long a, long b, long c, long d)
{
    long ret;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = 0;
    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return ret;
}
#elif defined(__aarch64__)
static inline long trim_call(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = 0;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory", "cc");
    return x0;
}
#else
static inline long trim_call(long number, long a, long b, long c, long d)
{
    long ret = syscall(number, a, b, c, d, 0L);
    return ret < 0 ? -errno : ret;
}
#endif

int trim_poll(struct pollfd *fds, unsigned n, int timeout_msec, bool libraries)
{
    struct trim t = {.page = (uintptr_t)sysconf(_SC_PAGESIZE), .libraries = libraries};
    struct timespec limit = {.tv_sec = timeout_msec / TRIM_MSEC_PER_SEC,
                             .tv_nsec = timeout_msec % TRIM_MSEC_PER_SEC * TRIM_NSEC_PER_MSEC};
    long wait = timeout_msec < 0 ? 0 : (long)(uintptr_t)&limit;
    (void)malloc_trim(0);
    (void)dl_iterate_phdr(trim_object, &t);
    for (size_t i = 0; i < t.n; i++)
        (void)trim_call(SYS_madvise, (long)t.ranges[i].start, (long)t.ranges[i].len, MADV_DONTNEED, 0);
    long ready = trim_call(SYS_ppoll, (long)(uintptr_t)fds, (long)n, wait, 0);
    if (ready >= 0)
        return (int)ready;
    errno = (int)-ready;
    return -1;
}

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
