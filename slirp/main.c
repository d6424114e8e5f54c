/* coracle-slirp: a network for one network namespace. See slirp.h. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/number.h"
#include "slirp/alone.h"
#include "slirp/engine.h"
#include "slirp/hub.h"

static struct err *main_with(struct err *(*run)(int take_sock), const char *number)
{
    uint64_t fd = 0;
    TRY(number_parse_u64(number, 1 << 20, &fd));
    return run((int)fd);
}

int main(int argc, char **argv)
{
    struct err *e;
    fd_open_standard();
    if (argc == 3 && !strcmp(argv[1], "--engine"))
        e = main_with(engine_run, argv[2]);
    else if (argc == 4 && !strcmp(argv[1], "--hub")) /* the network's id is for those who look at processes */
        e = main_with(hub_run, argv[2]);
    else
        e = alone_run(argc, argv);
    if (e)
        log_write(LOG_LEVEL_ERROR, "coracle-slirp: %s", err_text(e));
    int code = e ? 1 : 0;
    err_drop(e);
    /* Not exit(): nothing is buffered, and the sandbox would not let a leak checker work. */
    _exit(code);
}
