#include "rootless/holder_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

static void holder_child_report(const struct holder_child *c, enum holder_step step, int errnum)
{
    const struct holder_report r = {.step = (int32_t)step, .errnum = errnum};
    ssize_t n = write(c->report_fd, &r, sizeof(r)); /* 8 bytes into a pipe: whole or not at all */
    (void)n;
}

static _Noreturn void holder_child_fail(const struct holder_child *c, enum holder_step step)
{
    holder_child_report(c, step, errno);
    _exit(1);
}

static void holder_child_wait(const struct holder_child *c)
{
    char go;
    ssize_t n;
    do {
        n = read(c->go_fd, &go, 1);
    } while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(1);
}

static void holder_child_write_hello(const struct holder_child *c)
{
    int fd = open(c->hello_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        holder_child_fail(c, HOLDER_HELLO);
    ssize_t n = write(fd, c->hello, c->hello_len);
    if (n < 0 || (size_t)n != c->hello_len)
        holder_child_fail(c, HOLDER_HELLO);
    (void)close(fd);
}

void holder_child_run(const struct holder_child *c)
{
    char *const no_env[] = {NULL};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* until exec; cleared again below */
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        holder_child_fail(c, HOLDER_CREATE);
    holder_child_report(c, HOLDER_CREATED, 0);
    holder_child_wait(c);
    if (c->drop_groups && setgroups(0, NULL) < 0)
        holder_child_fail(c, HOLDER_IDS);
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        holder_child_fail(c, HOLDER_IDS);
    /* What the host mounts and unmounts from now on happens here too; never the other way. */
    if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        holder_child_fail(c, HOLDER_SLAVE);
    if (mount("coracle", c->tmp_path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=64m,nr_inodes=262144") < 0)
        holder_child_fail(c, HOLDER_TMPFS);
    /* What commands mount below it (volumes in memory) shows in monitors that are there already: slaves of ours. */
    if (mount("none", c->tmp_path, NULL, MS_SHARED, NULL) < 0)
        holder_child_fail(c, HOLDER_SLAVE);
    holder_child_write_hello(c);
    if (chdir("/") < 0)
        holder_child_fail(c, HOLDER_EXEC);
    (void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    /* Ourselves once more, with nothing in memory of what came before. */
    (void)execve("/proc/self/exe", c->argv, no_env);
    holder_child_fail(c, HOLDER_EXEC);
}
