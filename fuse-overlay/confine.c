#include "fuse-overlay/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

/* linux/mount.h and sys/mount.h can't be included together everywhere. */
#define FSOPEN_CLOEXEC_ 1U
#define FSMOUNT_CLOEXEC_ 1U
#define FSCONFIG_SET_STRING_ 1U
#define FSCONFIG_CMD_CREATE_ 6U

#if defined(__x86_64__)
#define CONFINE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define CONFINE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define CONFINE_ARCH AUDIT_ARCH_RISCV64
#endif

/* clang-format off */
static const int confine_calls[] = {
    /* descriptors and data */
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_lseek, SYS_close, SYS_fcntl,
    SYS_copy_file_range,  SYS_fsync, SYS_fdatasync, SYS_sync_file_range, SYS_fallocate, SYS_ftruncate, SYS_ppoll,
#ifdef SYS_poll
    SYS_poll,
#endif
    /* files below open directories */
    SYS_openat, SYS_newfstatat, SYS_fstat, SYS_statx, SYS_fstatfs, SYS_getdents64, SYS_readlinkat, SYS_mkdirat, SYS_mknodat,
    SYS_unlinkat, SYS_renameat2, SYS_linkat, SYS_symlinkat, SYS_fchmodat, SYS_fchmod, SYS_fchownat, SYS_fchown,
    SYS_utimensat, SYS_fchdir, SYS_getcwd,
#ifdef SYS_renameat
    SYS_renameat,
#endif
    /* extended attributes */
    SYS_lgetxattr, SYS_fgetxattr, SYS_llistxattr, SYS_flistxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_lremovexattr,
    SYS_fremovexattr,
    /* memory, threads, time */
    SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_sched_yield,
    SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_sched_getscheduler, SYS_getcpu, SYS_uname, SYS_membarrier, SYS_exit, SYS_exit_group, SYS_getpid, SYS_gettid, SYS_clock_gettime,
    SYS_clock_nanosleep, SYS_nanosleep, SYS_getrandom, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
    SYS_sigaltstack, SYS_restart_syscall,
    /* leaving */
    SYS_umount2, SYS_tgkill,
};
/* clang-format on */

/* "Allow it, unless (argument & mask) differs from what is wanted." */
static const struct confine_condition {
    int call;
    unsigned argument;
    uint32_t mask, wanted;
} confine_conditions[] = {
    {SYS_mmap, 2, PROT_EXEC, 0},
    {SYS_mprotect, 2, PROT_EXEC, 0},
    {SYS_clone, 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM},
    {SYS_sched_setattr, 0, 0xffffffffU, 0}, /* the calling thread */
    {SYS_sched_getattr, 0, 0xffffffffU, 0},
    {SYS_ioctl, 1, 0xffffffffU, 0x40049409U}, /* FICLONE */
};

#ifdef CONFINE_ARCH
#define CONFINE_FILTER_MAX 256

struct confine_filter {
    struct sock_filter code[CONFINE_FILTER_MAX];
    unsigned short len;
};

static void add(struct confine_filter *f, uint16_t op, uint8_t jump_true, uint8_t jump_false, uint32_t value)
{
    f->code[f->len++] = (struct sock_filter){.code = op, .jt = jump_true, .jf = jump_false, .k = value};
}

static void confine_fill(struct confine_filter *f)
{
    const uint16_t load = BPF_LD | BPF_W | BPF_ABS, equal = BPF_JMP | BPF_JEQ | BPF_K, ret = BPF_RET | BPF_K;
    add(f, load, 0, 0, offsetof(struct seccomp_data, arch));
    add(f, equal, 1, 0, CONFINE_ARCH);
    add(f, ret, 0, 0, SECCOMP_RET_KILL_PROCESS);
    add(f, load, 0, 0, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < ARRAY_LEN(confine_calls); i++) {
        add(f, equal, 0, 1, (uint32_t)confine_calls[i]);
        add(f, ret, 0, 0, SECCOMP_RET_ALLOW);
    }
    for (size_t i = 0; i < ARRAY_LEN(confine_conditions); i++) {
        const struct confine_condition *c = &confine_conditions[i];
        add(f, equal, 0, 5, (uint32_t)c->call);
        /* The lower half of the argument: little-endian on all these. */
        add(f, load, 0, 0, (uint32_t)(offsetof(struct seccomp_data, args) + c->argument * sizeof(uint64_t)));
        add(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, c->mask);
        add(f, equal, 0, 1, c->wanted);
        add(f, ret, 0, 0, SECCOMP_RET_ALLOW);
        add(f, ret, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
    }
    add(f, ret, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
}
#endif

static struct err *confine_calls_only(void)
{
#ifdef CONFINE_ARCH
    struct confine_filter f = {.len = 0};
    _Static_assert(ARRAY_LEN(confine_calls) * 2 + ARRAY_LEN(confine_conditions) * 6 + 5 <= CONFINE_FILTER_MAX,
                   "the filter is too long");
    confine_fill(&f);
    const struct sock_fprog program = {.len = f.len, .filter = f.code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
        return ERR_SYS(errno, "restrict system calls (seccomp)");
#endif
    return NULL;
}

/* An empty file system that is mounted nowhere becomes the root. */
static void confine_root(void)
{
    AUTO_FD int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC_);
    if (fs < 0)
        return;
    (void)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING_, "size", "4k", 0);
    (void)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING_, "nr_inodes", "1", 0);
    (void)syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE_, NULL, NULL, 0);
    AUTO_FD int mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC_, 0);
    if (mnt < 0 || fchdir(mnt) < 0)
        return;
    (void)!chroot(".");
}

struct err *confine(void)
{
    (void)umask(0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return ERR_SYS(errno, "forbid new privileges");
    confine_root();
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return confine_calls_only();
}
