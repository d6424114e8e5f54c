/* The system calls that are left to coracle-layer. A list of what is needed, not of what is dangerous; everything else
 * answers ENOSYS, so that the C library takes its older ways (clone for clone3). */
#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/syscalls.h"
#include "engine/layer/confine.h"

/* The lists are grouped by what the calls are for, not one to a line. */
/* clang-format off */
/* Both purposes: descriptors that are open, files by directory descriptor, memory, threads, time. */
static const char *const confine_common[] = {
    "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "lseek", "_llseek", "close", "close_range",
    "fcntl", "fcntl64", "poll", "ppoll", "ppoll_time64", "fstat", "fstat64", "newfstatat", "fstatat64", "statx",
    "stat", "lstat", "fstatfs", "fstatfs64", "openat", "openat2", "readlinkat", "getdents64", "fchdir", "fgetxattr",
    "lgetxattr", "getxattr", "flistxattr", "llistxattr", "fadvise64", "fadvise64_64",
    "munmap", "mremap", "madvise", "brk",
    "futex", "futex_time64", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "membarrier", "exit",
    "exit_group", "gettid", "getpid", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    "restart_syscall",
    "clock_gettime", "clock_gettime64", "gettimeofday", "time", "getrandom", "uname", "getuid", "geteuid", "getgid",
    "getegid",
};

static const char *const confine_unpack[] = {
    "mkdirat", "mknodat", "symlinkat", "linkat", "unlinkat", "renameat", "renameat2", "fchown", "fchownat", "fchmod",
    "fchmodat", "fchmodat2", "chmod", "ftruncate", "ftruncate64", "fallocate", "utimensat", "utimensat_time64",
    "sync_file_range", "sync_file_range2", "fsetxattr", "lsetxattr", "fremovexattr", "umask",
};
/* clang-format on */

static int confine_fill(scmp_filter_ctx ctx, void *arg)
{
    enum confine_for purpose = *(const enum confine_for *)arg;
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 1);
    if (!r)
        r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    if (!r)
        r = syscalls_add(ctx, SCMP_ACT_ALLOW, confine_common, ARRAY_LEN(confine_common));
    if (!r && purpose == CONFINE_UNPACK)
        r = syscalls_add(ctx, SCMP_ACT_ALLOW, confine_unpack, ARRAY_LEN(confine_unpack));
    return r ? r : syscalls_add_threads(ctx);
}

struct err *confine_syscalls(enum confine_for purpose)
{
    return syscalls_restrict(confine_fill, &purpose);
}
