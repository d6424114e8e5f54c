/* What musl lacks of glibc, included into everything that is compiled for programs linked to it (meson.build).
 *
 * Why there are such programs: before main(), glibc asks the processor about its caches, some ninety CPUID
 * instructions. Each costs 0.1 µs on bare metal, but leaves the machine to the hypervisor in a virtual one: 7 µs where
 * this was measured, so 0.6 of the 0.75 ms that an empty static program takes there. musl's takes 0.15 ms.
 */
#pragma once

#include <string.h>
#include <sys/stat.h>

#ifndef STATX_BASIC_STATS /* musl has statx(2) since 1.2.5 */
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *ret)
{
    return (int)syscall(SYS_statx, dirfd, path, flags, mask, ret);
}
#endif

/* musl's allocator gives whole groups back by itself. */
static inline int malloc_trim(size_t pad)
{
    (void)pad;
    return 0;
}

/* Users compare and search for glibc's words. */
const char *musl_strerror(int errnum);
#define strerror musl_strerror
