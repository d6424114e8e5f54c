#include "rootless/rung.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "userns/refused.h"

#define RUNGS_FILE "rungs"
#define RUNGS_FILE_MAX 1024
#define PING_RANGE "/proc/sys/net/ipv4/ping_group_range"

/* --- trying, in a child; each returns 0 or an errno */

/* In a mount namespace of its own, over a directory that is there; what it hides is of no interest any more. */
static int try_mount(const char *type, const char *target)
{
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return errno;
    return mount(type, target, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ? errno : 0;
}

static int exit_code_of(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

/* Only a process of the new pid namespace can mount its proc. */
static int try_proc(void)
{
    pid_t pid = fork();
    if (pid < 0)
        return errno;
    if (pid == 0)
        _exit(try_mount("proc", "/proc"));
    return exit_code_of(pid);
}

static int try_sysfs(void)
{
    return try_mount("sysfs", "/sys");
}

static int try_sysctl(void)
{
    int fd = open(PING_RANGE, O_WRONLY | O_CLOEXEC);
    int errnum = fd < 0 ? errno : 0;
    (void)fd_close(fd);
    return errnum == ENOENT ? 0 : errnum; /* a kernel without it needs none */
}

static int try_mqueue(void)
{
    return try_mount("mqueue", "/proc");
}

/* A name is what a container has one for, and the profiles of other engines refuse setting it where CAP_SYS_ADMIN was
 * not given to their container. */
static int try_uts(void)
{
    struct utsname u;
    return uname(&u) < 0 || sethostname(u.nodename, strlen(u.nodename)) < 0 ? errno : 0;
}

static int try_seccomp(void)
{
    struct sock_filter allow = {.code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW};
    const struct sock_fprog program = {.len = 1, .filter = &allow};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return errno;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? errno : 0;
}

/* In the order of the enum. */
static const struct {
    const char *name, *need;
    int spaces;       /* CLONE_NEW*: made first; 0: none */
    int (*try)(void); /* in them; NULL: they are all */
    enum refused_step step;
} rung_table[RUNG_COUNT] = {
    [RUNG_PID_NS] = {"pid namespaces", "namespaces", CLONE_NEWPID, NULL, REFUSED_PID_NS},
    [RUNG_IPC_NS] = {"IPC namespaces", "namespaces", CLONE_NEWIPC, NULL, REFUSED_IPC_NS},
    [RUNG_UTS_NS] = {"UTS namespaces", "namespaces", CLONE_NEWUTS, try_uts, REFUSED_UTS_NS},
    [RUNG_CGROUP_NS] = {"cgroup namespaces", "namespaces", CLONE_NEWCGROUP, NULL, REFUSED_CGROUP_NS},
    [RUNG_NET_NS] = {"network namespaces", "network namespaces", CLONE_NEWNET, NULL, REFUSED_NET_NS},
    [RUNG_PROC] = {"a new /proc", "proc", CLONE_NEWNS | CLONE_NEWPID, try_proc, REFUSED_PROC},
    [RUNG_SYSFS] = {"a new /sys", "sysfs", CLONE_NEWNS | CLONE_NEWNET, try_sysfs, REFUSED_SYSFS},
    [RUNG_SYSCTL] = {"writing to /proc/sys", "sysctls", CLONE_NEWNET, try_sysctl, REFUSED_SYSCTL},
    [RUNG_MQUEUE] = {"a new /dev/mqueue", NULL, CLONE_NEWNS | CLONE_NEWIPC, try_mqueue, REFUSED_MOUNT},
    [RUNG_SECCOMP] = {"seccomp filters", "seccomp", 0, try_seccomp, REFUSED_SECCOMP},
};

static int try_rung(enum rung r)
{
    if (rung_table[r].spaces && unshare(rung_table[r].spaces) < 0)
        return errno;
    return rung_table[r].try ? rung_table[r].try() : 0;
}

const char *rung_name(enum rung r)
{
    return rung_table[r].name;
}

bool rung_is_of(enum rung r, const char *need)
{
    return rung_table[r].need && strcmp(rung_table[r].need, need) == 0;
}

static struct err *probe_one(enum rung r, int (*enter)(void), int *ret_errnum)
{
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYS(errno, "fork");
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        int errnum = enter ? enter() : 0;
        _exit(errnum ? errnum : try_rung(r));
    }
    *ret_errnum = exit_code_of(pid);
    return NULL;
}

struct err *rungs_probe(int (*enter)(void), struct rungs *ret)
{
    struct rungs r = {{0}};
    for (unsigned i = 0; i < RUNG_COUNT; i++)
        TRY(probe_one((enum rung)i, enter, &r.errnum[i]));
    *ret = r;
    return NULL;
}

struct err *rung_reason(enum rung r, int errnum, char **ret)
{
    return refused_reason(rung_table[r].step, errnum, ret);
}

/* --- remembered as long as the session lives: numbers in the order of the enum */

struct err *rungs_save(const char *run_dir, const struct rungs *r)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    AUTO_FD int dir = -1;
    TRY(file_open_dir(AT_FDCWD, run_dir, &dir));
    for (size_t i = 0; i < RUNG_COUNT; i++)
        TRY(strbuf_printf(&text, "%d ", r->errnum[i]));
    return file_write_atomic(dir, RUNGS_FILE, text.data, text.len, 0600, FILE_NOSYNC);
}

struct err *rungs_load(const char *run_dir, struct rungs *ret)
{
    AUTO_FREE char *path = NULL, *text = NULL;
    AUTO_STRV struct strv words = STRV_INIT;
    struct rungs r = {{0}};
    TRY(path_join(&path, run_dir, RUNGS_FILE));
    TRY(file_read(AT_FDCWD, path, RUNGS_FILE_MAX, &text, NULL));
    TRY(strv_split(text, ' ', &words));
    if (words.count < RUNG_COUNT)
        return ERR_NEW(ERR_NOT_FOUND, "%s is of another version", path);
    for (size_t i = 0; i < RUNG_COUNT; i++) {
        int64_t value;
        TRY_WRAP(number_parse_i64(words.items[i], 0, 255, &value), "%s", path);
        r.errnum[i] = (int)value;
    }
    *ret = r;
    return NULL;
}
