/* Processes by descriptor, and what is done where an old seccomp filter refuses the calls of that kind: such a filter
 * says EPERM to calls that it has never heard of, which the kernel itself does not say here, and ENOSYS means a kernel
 * before 5.3. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/proc.h"

#define PIDFD_INFO_MAX ((size_t)8 << 10)

struct err *proc_pidfd_open(pid_t pid, int *ret)
{
    char path[32];
    long fd = syscall(SYS_pidfd_open, pid, 0);           /* close-on-exec from birth */
    if (fd < 0 && (errno == EPERM || errno == ENOSYS)) { /* EPERM is never the kernel's answer: an old filter's */
        int errnum = errno;
        (void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && errno != ENOENT)
            errno = errnum;
        else if (fd < 0)
            errno = access("/proc/self", F_OK) < 0 ? errnum : ESRCH;
    }
    if (fd < 0)
        return ERR_SYS(errno, "open process %d", (int)pid);
    *ret = (int)fd;
    return NULL;
}

bool proc_is_pollable(int pidfd)
{
    struct stat st;
    return fstat(pidfd, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* The number behind `key` at the beginning of a line; 0 when there is none. */
static pid_t pidfd_number(int dirfd, const char *path, const char *key)
{
    AUTO_FREE char *text = NULL;
    uint64_t number = 0;
    struct err *e = file_read(dirfd, path, PIDFD_INFO_MAX, &text, NULL);
    char *at = e ? NULL : strstr(text, key);
    if (at) {
        at += strlen(key);
        at += strspn(at, " \t");
        at[strcspn(at, "\n")] = '\0';
        e = number_parse_u64(at, INT32_MAX, &number);
    }
    err_drop(e); /* "-1": it has ended */
    return (pid_t)number;
}

/* A real pidfd has its process in fdinfo (proc(5)); a directory of /proc vanishes with it. */
static pid_t pidfd_process(int pidfd)
{
    char path[48];
    if (!proc_is_pollable(pidfd))
        return pidfd_number(pidfd, "status", "\nPid:");
    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
    return pidfd_number(AT_FDCWD, path, "\nPid:");
}

int proc_pidfd_signal(int pidfd, int sig)
{
    if (syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == 0)
        return 0;
    int errnum = errno;
    pid_t pid = errnum == EPERM || errnum == ENOSYS ? pidfd_process(pidfd) : 0;
    if (pid <= 0) {
        errno = errnum == EPERM || errnum == ENOSYS ? ESRCH : errnum;
        return -1;
    }
    return kill(pid, sig);
}
