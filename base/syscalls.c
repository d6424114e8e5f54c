#include "base/syscalls.h"

#include <errno.h>

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
