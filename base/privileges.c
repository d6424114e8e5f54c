#include "base/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct err *privileges_keep(const unsigned *caps, size_t n)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3], next[_LINUX_CAPABILITY_U32S_3] = {{.effective = 0}};
    if (n && syscall(SYS_capget, &header, now) < 0)
        return ERR_SYS(errno, "read capabilities");
    for (size_t i = 0; i < n; i++)
        next[0].permitted |= now[0].permitted & 1u << caps[i];
    next[0].effective = next[0].permitted;
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, next) < 0 ? ERR_SYS(errno, "drop capabilities") : NULL;
}

struct err *privileges_drop(void)
{
    return privileges_keep(NULL, 0);
}

struct err *privileges_seal(void)
{
    const struct rlimit no_core = {0};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return ERR_SYS(errno, "forbid new privileges");
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return NULL;
}
