/* Order: limits, no_new_privs, Landlock, capabilities, seccomp last, as it forbids all of the others.
 *
 * gpg is a large program that is started from here with bytes from strangers. It may read and run what the system has
 * installed, write into one private directory, and reach no socket: not the user's keyring, agent or files.
 */
#include "engine/trust/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/privileges.h"
#include "base/syscalls.h"

#define MEMORY_MAX ((rlim_t)1 << 30)
#define FILES_MAX ((rlim_t)256)
#define FILE_BYTES_MAX ((rlim_t)64 << 20)
#define CPU_SEC_MAX ((rlim_t)120)

/* Rights of Landlock that newer kernels know and this build's header may not. */
#define LL_TRUNCATE ((uint64_t)1 << 14) /* ABI 3 */
#define LL_NET ((uint64_t)3)            /* ABI 4: bind and connect */
#define LL_READ ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR))
#define LL_FILE ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE))

static const struct {
    const char *path;
    uint64_t access;
} allowed_paths[] = {
    {"/usr", LL_READ | LANDLOCK_ACCESS_FS_EXECUTE},
    {"/bin", LL_READ | LANDLOCK_ACCESS_FS_EXECUTE},
    {"/lib", LL_READ | LANDLOCK_ACCESS_FS_EXECUTE},
    {"/lib64", LL_READ | LANDLOCK_ACCESS_FS_EXECUTE},
    {"/etc", LL_READ},
    {"/dev/null", LL_FILE},
    {"/dev/urandom", LANDLOCK_ACCESS_FS_READ_FILE},
    {"/dev/random", LANDLOCK_ACCESS_FS_READ_FILE},
};

static void landlock_allow(int ruleset, const char *path, uint64_t access)
{
    AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);
    const struct landlock_path_beneath_attr beneath = {.allowed_access = access, .parent_fd = fd};
    if (fd >= 0)
        (void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
}

/* Zero, or the errno that says why not. */
static int landlock(const char *private_dir)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 0)
        return errno;
    uint64_t rules[2] = {((uint64_t)LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1, LL_NET};
    if (abi >= 3)
        rules[0] |= LL_TRUNCATE;
    AUTO_FD int fd = (int)syscall(SYS_landlock_create_ruleset, rules, abi >= 4 ? sizeof rules : sizeof *rules, 0);
    if (fd < 0)
        return errno;
    for (size_t i = 0; i < ARRAY_LEN(allowed_paths); i++)
        landlock_allow(fd, allowed_paths[i].path, allowed_paths[i].access);
    if (private_dir)
        landlock_allow(fd, private_dir, rules[0] & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE);
    return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? errno : 0;
}

/* The lists are grouped by what the calls are for, not one to a line. */
/* clang-format off */
static const char *const allowed[] = {
    "read", "readv", "pread64", "write", "writev", "pwrite64", "lseek", "_llseek", "close", "close_range", "fcntl",
    "fcntl64", "ftruncate", "ftruncate64", "poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6",
    "pselect6_time64", "fstat", "fstat64", "newfstatat", "fstatat64", "statx", "stat", "stat64",
    "lstat", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "getcwd", "fstatfs",
    "fstatfs64", "statfs", "statfs64", "sendmsg", "sendto", "recvmsg", "recvfrom",
    "getsockopt", "memfd_create",
    "munmap", "mremap", "madvise", "brk", "futex", "futex_time64", "set_robust_list", "rseq", "sched_yield",
    "sched_getaffinity", "membarrier", "mlock", "munlock", "exit", "exit_group", "gettid", "getpid", "getppid",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "sigreturn",
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_nanosleep", "clock_nanosleep_time64", "nanosleep",
    "gettimeofday", "time", "times", "getrusage", "getrandom", "uname", "sysinfo", "getuid", "geteuid", "getgid",
    "getegid", "getresuid", "getresgid", "prlimit64", "getrlimit", "ugetrlimit", "arch_prctl", "set_tid_address",
};
/* For gpg: programs, pipes, files of its own. */
static const char *const allowed_gpg[] = {
    "open", "openat",
    "execve", "vfork", "fork", "wait4", "waitid", "waitpid", "pipe", "pipe2", "dup", "dup2", "dup3", "alarm", "setitimer",
    "mkdir", "mkdirat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "chmod", "fchmod",
    "fchmodat", "chdir", "fchdir", "fsync", "fdatasync", "utimensat", "flock", "umask", "setrlimit", "fadvise64",
    "getpgrp", "getpgid", "tgkill", "kill", "ioctl", "capget", "setuid", "setgid", "getgroups",
};
/* clang-format on */

#define NAMESPACES \
    (CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* Programs need executable memory to be loaded; without programs there is none, and nothing is opened for writing. */
static int fill(scmp_filter_ctx ctx, void *arg)
{
    bool programs = *(const bool *)arg;
    static const struct scmp_arg_cmp not_exec = {
        .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
    static const struct scmp_arg_cmp no_namespace = {
        .arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = NAMESPACES, .datum_b = 0};
    const struct scmp_arg_cmp self = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()};
    static const struct scmp_arg_cmp read_only[] = {
        {.arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = O_ACCMODE | O_CREAT | O_TRUNC, .datum_b = O_RDONLY},
        {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = O_ACCMODE | O_CREAT | O_TRUNC, .datum_b = O_RDONLY}};
    static const int memory[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    if (!r)
        r = syscalls_add(ctx, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));
    if (!r && programs)
        r = syscalls_add(ctx, SCMP_ACT_ALLOW, allowed_gpg, ARRAY_LEN(allowed_gpg));
    for (size_t i = 0; !r && i < ARRAY_LEN(memory); i++)
        r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, memory[i], programs ? 0 : 1, &not_exec);
    if (!r && programs)
        r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, &no_namespace);
    if (!r && !programs)
        r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, &read_only[0]);
    if (!r && !programs)
        r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, &read_only[1]);
    if (!r && !programs)
        r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);
    return r;
}

static void limit(int what, rlim_t max)
{
    struct rlimit l;
    if (getrlimit((__rlimit_resource_t)what, &l) < 0 || (l.rlim_max != RLIM_INFINITY && l.rlim_max <= max))
        return;
    l = (struct rlimit){.rlim_cur = max, .rlim_max = max};
    (void)setrlimit((__rlimit_resource_t)what, &l);
}

struct err *confine_process(const char *private_dir)
{
    bool programs = private_dir != NULL;
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, FILES_MAX);
    limit(RLIMIT_FSIZE, FILE_BYTES_MAX);
    limit(RLIMIT_CPU, CPU_SEC_MAX);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    limit(RLIMIT_AS, MEMORY_MAX);
#endif
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return ERR_SYS(errno, "forbid new privileges");
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int missing = landlock(private_dir);
    if (missing)
        log_debug("coracle-trust without Landlock (errno %d): seccomp alone", missing);
    TRY(privileges_drop());
    return syscalls_restrict(fill, &programs);
}
