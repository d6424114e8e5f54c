#include "slirp/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/privileges.h"

#define SANDBOX_FILES ((rlim_t)1 << 20)
#define SANDBOX_CAP_MAX 63 /* capabilities that 64-bit sets can hold */

static struct err *sandbox_limit(int what, rlim_t max)
{
    struct rlimit l;
    if (getrlimit((__rlimit_resource_t)what, &l) < 0)
        return ERR_SYS(errno, "read a resource limit");
    rlim_t wanted = l.rlim_max == RLIM_INFINITY || l.rlim_max > max ? max : l.rlim_max;
    l = (struct rlimit){.rlim_cur = wanted, .rlim_max = wanted};
    return setrlimit((__rlimit_resource_t)what, &l) < 0 ? ERR_SYS(errno, "set a resource limit") : NULL;
}

/* One descriptor for each connection of the container: as many as we may have. No files, no core dumps. */
static struct err *sandbox_limits(void)
{
    TRY(sandbox_limit(RLIMIT_NOFILE, SANDBOX_FILES));
    TRY(sandbox_limit(RLIMIT_CORE, 0));
    TRY(sandbox_limit(RLIMIT_FSIZE, 0));
    return sandbox_limit(RLIMIT_MSGQUEUE, 0);
}

/* An empty, read-only file system in place of everything. It is mounted over a directory that every host has, made the
 * root with the old one stacked on it, and the old one taken away (pivot_root(2), the example of "." and "."). */
static int sandbox_mount_root(void)
{
    static const char *const places[] = {"/tmp", "/proc", "/dev", "/sys"};
    int errnum = ENOENT;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return errno;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (mount("none", places[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
                  "size=4k,nr_inodes=1,mode=0111") < 0) {
            errnum = errno;
            continue;
        }
        if (chdir(places[i]) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
            chdir("/") < 0)
            return errno;
        return 0;
    }
    return errnum;
}

static struct err *sandbox_root(void)
{
    /* Inside of a session, and for root, we have what it takes; an ordinary user takes a user namespace. */
    if (unshare(CLONE_NEWNS) < 0 && (errno != EPERM || unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0))
        return ERR_SYS_AS(ERR_UNSUPPORTED, errno, "make a mount namespace for the sandbox");
    int errnum = sandbox_mount_root();
    return errnum ? ERR_SYS_AS(ERR_UNSUPPORTED, errnum, "make an empty root for the sandbox") : NULL;
}

static struct err *sandbox_capabilities(void)
{
    /* Past the last one that the kernel knows: EINVAL. */
    for (unsigned long cap = 0; cap <= SANDBOX_CAP_MAX; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            break;
    }
    return privileges_drop();
}

struct err *sandbox_enter(void)
{
    (void)umask(077);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    TRY(sandbox_limits());
    TRY(sandbox_root());
    TRY(sandbox_capabilities());
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return ERR_SYS(errno, "forbid new privileges");
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return NULL;
}
