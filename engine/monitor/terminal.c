#include "engine/monitor/terminal.h"

#include <errno.h>
#include <unistd.h>

static struct err *terminal_set(int fd, bool all, struct terminal *ret)
{
    struct termios raw;
    if (fd < 0 || !isatty(fd))
        return NULL;
    if (tcgetattr(fd, &ret->saved) < 0)
        return ERR_SYS(errno, "read the terminal's settings");
    raw = ret->saved;
    if (all)
        cfmakeraw(&raw);
    else
        raw.c_oflag &= ~(tcflag_t)OPOST;
    if (tcsetattr(fd, TCSANOW, &raw) < 0)
        return ERR_SYS(errno, "set the terminal to raw mode");
    ret->fd = fd;
    return NULL;
}

struct err *terminal_raw(int fd, struct terminal *ret)
{
    return terminal_set(fd, true, ret);
}

struct err *terminal_raw_output(int fd, struct terminal *ret)
{
    return terminal_set(fd, false, ret);
}

void terminal_restore(struct terminal *t)
{
    if (t->fd >= 0)
        (void)tcsetattr(t->fd, TCSANOW, &t->saved);
    t->fd = -1;
}
