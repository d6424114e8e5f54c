#include "slirp/port_confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/privileges.h"

#if defined(__x86_64__)
#define CONFINE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define CONFINE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define CONFINE_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define CONFINE_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define CONFINE_ARCH AUDIT_ARCH_S390X
#endif

#define CONFINE_X32_BIT 0x40000000u /* calls of the x32 kind on x86-64; none of ours */

#ifdef CONFINE_ARCH

/* Each name is one comparison that leads to "allow". */
/* clang-format off */
static const int allowed[] = {
    SYS_recvmsg, SYS_sendmsg, SYS_recvfrom, SYS_sendto, SYS_socket, SYS_setsockopt, SYS_bind, SYS_connect, SYS_close,
    SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex, SYS_rt_sigreturn, SYS_rt_sigprocmask,
    SYS_ppoll, SYS_restart_syscall, SYS_exit_group, SYS_getpid, SYS_gettid,
};
/* clang-format on */

#define STMT(op, value) ((struct sock_filter){.code = (op), .k = (value)})
#define JUMP(op, value, if_true, if_false) \
    ((struct sock_filter){.code = (op), .jt = (uint8_t)(if_true), .jf = (uint8_t)(if_false), .k = (value)})

static struct err *restrict_calls(void)
{
    const uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;
    struct sock_filter code[ARRAY_LEN(allowed) + 8];
    size_t n = 0;
    code[n++] = STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[n++] = JUMP(BPF_JMP | BPF_JEQ | BPF_K, CONFINE_ARCH, 1, 0);
    code[n++] = STMT(BPF_RET | BPF_K, refuse);
    code[n++] = STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    code[n++] = JUMP(BPF_JMP | BPF_JGE | BPF_K, CONFINE_X32_BIT, ARRAY_LEN(allowed), 0);
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++) /* jumps over the rest and over "refuse" */
        code[n++] = JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[i], ARRAY_LEN(allowed) - i, 0);
    code[n++] = STMT(BPF_RET | BPF_K, refuse);
    code[n++] = STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0
               ? ERR_SYS_AS(ERR_UNSUPPORTED, errno, "restrict system calls (seccomp)")
               : NULL;
}

#else

static struct err *restrict_calls(void)
{
    return NULL; /* an architecture whose number this file doesn't know: capabilities alone */
}

#endif

struct err *port_confine(void)
{
    static const unsigned keep[] = {CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE};
    TRY(privileges_seal());
    TRY(privileges_keep(keep, ARRAY_LEN(keep)));
    return restrict_calls();
}
