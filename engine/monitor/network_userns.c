/* A namespace lives as long as a process or a descriptor: so a child makes it, we write its maps from outside, as the
 * kernel wants it (user_namespaces(7)), take a descriptor, and the child is gone. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/monitor/network.h"

/* In the child: only system calls. */
static void live(int sock)
{
    char byte = 0;
    if (unshare(CLONE_NEWUSER) < 0 || write(sock, &byte, 1) != 1)
        _exit(1);
    while (read(sock, &byte, 1) < 0 && errno == EINTR)
        continue;
    _exit(0);
}

static struct err *write_map(pid_t pid, const char *name, const char *text)
{
    char path[48];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return ERR_SYS(errno, "write %s of the container's user namespace", name);
    return NULL;
}

static struct err *map(pid_t pid, int sock, const char *uid_map, const char *gid_map, int *ret_fd)
{
    char path[48], byte;
    ssize_t n;
    do {
        n = read(sock, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n != 1)
        return ERR_NEW(ERR_UNSUPPORTED, "a user namespace for the container cannot be made here");
    TRY(write_map(pid, "uid_map", uid_map));
    TRY(write_map(pid, "gid_map", gid_map));
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? ERR_SYS(errno, "open the container's user namespace") : NULL;
}

struct err *network_make_userns(const char *uid_map, const char *gid_map, int *ret_fd)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return ERR_SYS(errno, "create a socket pair");
    AUTO_FD int ours = pair[0];
    AUTO_FD int its = pair[1];
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYS(errno, "start a process for the container's user namespace");
    if (pid == 0) {
        (void)close(ours);
        live(its);
    }
    its = fd_close(its);
    struct err *e = map(pid, ours, uid_map, gid_map, ret_fd);
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return e;
}
