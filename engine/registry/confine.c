#include "engine/registry/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/privileges.h"
#include "base/syscalls.h"

#define LL_TRUNCATE ((uint64_t)1 << 14) /* ABI 3 */
#define LL_BIND_TCP ((uint64_t)1)       /* ABI 4 */

static const char *const readable[] = {
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/lib/ssl",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/run/systemd/resolve",
    "/usr/share/pki",
    "/etc/localtime",
    "/dev/urandom",
    "/dev/null",
};

static void landlock_allow(int ruleset, const char *path)
{
    AUTO_FD int fd = path ? open(path, O_PATH | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    struct landlock_path_beneath_attr beneath = {
        .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR, .parent_fd = fd};
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0) {
        beneath.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE; /* a file */
        (void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    }
}

/* Zero, or the errno that says why not. */
static int landlock(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 0)
        return errno;
    uint64_t rules[2] = {((uint64_t)LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1, LL_BIND_TCP};
    if (abi >= 2)
        rules[0] |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        rules[0] |= LL_TRUNCATE;
    AUTO_FD int fd = (int)syscall(SYS_landlock_create_ruleset, rules, abi >= 4 ? sizeof rules : sizeof *rules, 0);
    if (fd < 0)
        return errno;
    for (size_t i = 0; i < ARRAY_LEN(readable); i++)
        landlock_allow(fd, readable[i]);
    landlock_allow(fd, getenv("SSL_CERT_FILE"));
    landlock_allow(fd, getenv("SSL_CERT_DIR"));
    return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? errno : 0;
}

/* The list is grouped by what the calls are for, not one to a line. */
/* clang-format off */
static const char *const allowed[] = {
    "read", "readv", "pread64", "write", "writev", "lseek", "_llseek", "close", "fcntl", "fcntl64", "ftruncate",
    "ftruncate64", "poll", "ppoll", "ppoll_time64", "select", "pselect6", "pipe", "pipe2", "eventfd2", "ioctl",
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "fstat", "fstat64", "newfstatat", "fstatat64", "statx", "stat", "lstat", "access", "faccessat", "faccessat2",
    "readlink", "readlinkat", "getdents64", "getcwd", "fstatfs",
    "connect", "bind", "getsockname", "getpeername", "getsockopt", "setsockopt", "sendto", "sendmsg", "sendmmsg",
    "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64", "shutdown", "socketpair",
    "munmap", "mremap", "madvise", "brk", "futex", "futex_time64", "set_robust_list", "rseq", "sched_yield",
    "sched_getaffinity", "membarrier", "exit", "exit_group", "gettid", "getpid", "getppid", "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
    "clock_gettime", "clock_gettime64", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom", "uname",
    "sysinfo", "getuid", "geteuid", "getgid", "getegid", "prlimit64", "getrlimit",
};
/* clang-format on */

static int allow_conditional(scmp_filter_ctx ctx)
{
    static const struct scmp_arg_cmp read_only[] = {
        {.arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = O_ACCMODE | O_CREAT | O_TRUNC, .datum_b = O_RDONLY},
        {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = O_ACCMODE | O_CREAT | O_TRUNC, .datum_b = O_RDONLY}};
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
    int r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, &read_only[0]);
    if (!r)
        r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, &read_only[1]);
    for (size_t i = 0; !r && i < ARRAY_LEN(families); i++) {
        const struct scmp_arg_cmp family = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)families[i]};
        r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, &family);
    }
    return r ? r : syscalls_add_threads(ctx);
}

static int fill(scmp_filter_ctx ctx, void *arg)
{
    (void)arg;
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    if (!r)
        r = syscalls_add(ctx, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));
    return r ? r : allow_conditional(ctx);
}

struct err *confine_process(void)
{
    TRY(privileges_seal());
    int missing = landlock();
    if (missing)
        log_debug("coracle-registry without Landlock (errno %d): seccomp alone", missing);
    TRY(privileges_drop());
    return syscalls_restrict(fill, NULL);
}
