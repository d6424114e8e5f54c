/* The system calls that are left to coracle-layer. A list of what is needed, not of what is dangerous; everything else
 * answers ENOSYS, so that the C library takes its older ways (clone for clone3). */
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

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

/* Memory that is never executable, threads but no processes, signals to ourselves only (abort). */
static int confine_allow_conditional(scmp_filter_ctx ctx)
{
    static const struct scmp_arg_cmp not_exec = {
        .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
    const struct scmp_arg_cmp thread = {
        .arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_THREAD | CLONE_VM, .datum_b = CLONE_THREAD | CLONE_VM};
    const struct scmp_arg_cmp self = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()};
    static const int memory[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
    int r = 0;
    for (size_t i = 0; !r && i < ARRAY_LEN(memory); i++)
        r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, memory[i], 1, &not_exec);
    if (!r)
        r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, &thread);
    return r ? r : seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);
}

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
    return r ? r : confine_allow_conditional(ctx);
}

struct err *confine_syscalls(enum confine_for purpose)
{
    return syscalls_restrict(confine_fill, &purpose);
}
