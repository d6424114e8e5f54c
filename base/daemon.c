#include "base/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"

struct err *daemon_fork(bool *ret_parent, int *ret_fd)
{
    int fds[2];
    *ret_parent = false;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    pid_t pid = fork();
    if (pid < 0) {
        int errnum = errno;
        fd_close(fds[0]);
        fd_close(fds[1]);
        return ERR_SYS(errnum, "start a process");
    }
    if (pid == 0) {
        fd_close(fds[0]);
        *ret_fd = fds[1];
        (void)setsid();
        return NULL;
    }
    *ret_parent = true;
    fd_close(fds[1]);
    AUTO_FD int report = fds[0];
    struct err *outcome = NULL;
    TRY(err_recv(report, &outcome));
    return outcome;
}

void daemon_close_standard(void)
{
    AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
        (void)dup2(null, fd);
}
