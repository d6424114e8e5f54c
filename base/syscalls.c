#include "base/syscalls.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

int syscalls_add(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int nr = seccomp_syscall_resolve_name(names[i]);
        if (nr == __NR_SCMP_ERROR) /* not of this architecture */
            continue;
        int r = seccomp_rule_add(ctx, action, nr, 0);
        if (r < 0)
            return r;
    }
    return 0;
}

int syscalls_add_threads(scmp_filter_ctx ctx)
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

struct err *syscalls_restrict(int (*fill)(scmp_filter_ctx ctx, void *arg), void *arg)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!ctx)
        return err_oom();
    int r = fill(ctx, arg);
    if (!r)
        r = seccomp_load(ctx);
    seccomp_release(ctx);
    return r ? ERR_SYS_AS(ERR_UNSUPPORTED, r, "restrict system calls (seccomp)") : NULL;
}
