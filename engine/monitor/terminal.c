#include "engine/monitor/terminal.h"

#include <errno.h>
#include <unistd.h>

struct err *terminal_raw(int fd, struct terminal *ret)
{
    struct termios raw;
    if (fd < 0 || !isatty(fd))
        return NULL;
    if (tcgetattr(fd, &ret->saved) < 0)
        return ERR_SYS(errno, "read the terminal's settings");
    raw = ret->saved;
    cfmakeraw(&raw);
    if (tcsetattr(fd, TCSANOW, &raw) < 0)
        return ERR_SYS(errno, "set the terminal to raw mode");
    ret->fd = fd;
    return NULL;
}

void terminal_restore(struct terminal *t)
{
    if (t->fd >= 0)
        (void)tcsetattr(t->fd, TCSANOW, &t->saved);
    t->fd = -1;
}
