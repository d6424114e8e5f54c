/* The order of steps: limits first, since raising one needs a capability; no_new_privs before Landlock, which asks for
 * it; chroot before the capabilities go; seccomp last, as it forbids all of the others.
 *
 * Landlock would be enough for names, but not every kernel has it, and a layer unpacked under Landlock alone would
 * still see the host's files by stat(2). The chroot is enough for names, but a descriptor that leaked would be a way
 * out of it; so would CAP_SYS_CHROOT, which is gone afterwards. Together they leave nothing.
 *
 * Landlock before ABI 2 (Linux 5.19) denies every link and rename between directories, whatever the rules say; layers
 * have hard links, so there it is not used.
 */
#include "engine/layer/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/privileges.h"

#define CONFINE_FILES ((rlim_t)1024)
#define CONFINE_MEMORY ((rlim_t)4 << 30) /* zstd windows and xz dictionaries of 1 GiB, at most */

/* Rights of Landlock that newer kernels know and this build's header does not. */
#define CONFINE_LL_TRUNCATE ((uint64_t)1 << 14)  /* ABI 3 */
#define CONFINE_LL_IOCTL_DEV ((uint64_t)1 << 15) /* ABI 5 */
#define CONFINE_LL_NET ((uint64_t)3)             /* ABI 4: bind and connect */
#define CONFINE_LL_SCOPES ((uint64_t)3)          /* ABI 6: abstract sockets and signals */

/* struct landlock_ruleset_attr as of ABI 6. */
struct confine_ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

static uint64_t confine_landlock_handled(long abi)
{
    uint64_t fs = ((uint64_t)LANDLOCK_ACCESS_FS_REFER << 1) - 1; /* all of ABI 2 */
    fs |= abi >= 3 ? CONFINE_LL_TRUNCATE : 0;
    fs |= abi >= 5 ? CONFINE_LL_IOCTL_DEV : 0;
    return fs;
}

/* Below the directory. Devices cannot be opened usefully, nor programs run, from a layer that is being made. */
static uint64_t confine_landlock_allowed(uint64_t handled, enum confine_for purpose)
{
    if (purpose == CONFINE_PACK)
        return LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    return handled & ~((uint64_t)LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                       LANDLOCK_ACCESS_FS_MAKE_BLOCK | CONFINE_LL_IOCTL_DEV);
}

/* Zero, or the errno that says why not. */
static int confine_landlock(int dirfd, enum confine_for purpose)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 0)
        return errno;
    if (abi < 2) /* it refuses hard links between directories */
        return EOPNOTSUPP;
    struct confine_ruleset rules = {
        .fs = confine_landlock_handled(abi),
        .net = abi >= 4 ? CONFINE_LL_NET : 0,
        .scoped = abi >= 6 ? CONFINE_LL_SCOPES : 0,
    };
    size_t size = abi >= 6 ? sizeof(rules) : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
    AUTO_FD int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (fd < 0)
        return errno;
    struct landlock_path_beneath_attr beneath = {
        .allowed_access = confine_landlock_allowed(rules.fs, purpose),
        .parent_fd = dirfd,
    };
    if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0 ||
        syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        return errno;
    return 0;
}

/* The directory becomes "/". Zero, or the errno that says why not: EPERM outside of a user namespace. */
static int confine_root(int dirfd)
{
    return fchdir(dirfd) < 0 || chroot(".") < 0 || chdir("/") < 0 ? errno : 0;
}

static struct err *confine_files(int dirfd, enum confine_for purpose, int *ret_landlock)
{
    int root = confine_root(dirfd);
    int landlock = confine_landlock(dirfd, purpose);
    *ret_landlock = landlock;
    if (!root || !landlock)
        return NULL;
    return ERR_SYS_AS(ERR_UNSUPPORTED, root,
                      "this host lets an archive be handled neither in a root of its own (chroot) nor under Landlock "
                      "(errno %d)",
                      landlock);
}

/* Keep these, if held; nothing inheritable or ambient. */
static struct err *confine_capabilities(enum confine_for purpose)
{
    static const unsigned unpack[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SETFCAP};
    static const unsigned pack[] = {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER};
    return purpose == CONFINE_UNPACK ? privileges_keep(unpack, ARRAY_LEN(unpack))
                                     : privileges_keep(pack, ARRAY_LEN(pack));
}

/* Set a limit to at most `max`; `raise` lifts the soft limit up to that where the hard one allows. */
static struct err *confine_limit(int what, rlim_t max, bool raise)
{
    struct rlimit l;
    if (getrlimit((__rlimit_resource_t)what, &l) < 0)
        return ERR_SYS(errno, "read a resource limit");
    rlim_t wanted = l.rlim_max == RLIM_INFINITY || l.rlim_max > max ? max : l.rlim_max;
    if (!raise && l.rlim_cur != RLIM_INFINITY && l.rlim_cur < wanted)
        wanted = l.rlim_cur;
    l = (struct rlimit){.rlim_cur = wanted, .rlim_max = wanted};
    return setrlimit((__rlimit_resource_t)what, &l) < 0 ? ERR_SYS(errno, "set a resource limit") : NULL;
}

static struct err *confine_limits(void)
{
    TRY(confine_limit(RLIMIT_NOFILE, CONFINE_FILES, true));
    TRY(confine_limit(RLIMIT_CORE, 0, false));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    TRY(confine_limit(RLIMIT_AS, CONFINE_MEMORY, false));
#endif
    return NULL;
}

struct err *confine_process(int dirfd, enum confine_for purpose, int *ret_landlock)
{
    (void)umask(0);
    (void)signal(SIGPIPE, SIG_IGN);
    fd_survive_size_limit();
    TRY(confine_limits());
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return ERR_SYS(errno, "forbid new privileges");
    TRY(confine_files(dirfd, purpose, ret_landlock));
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    TRY(confine_capabilities(purpose));
    return confine_syscalls(purpose);
}
