/* coracle: parse, run, print, exit. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/fd.h"
#include "cli/cli.h"

int main(int argc, char **argv)
{
    AUTO_CLI struct cli c = {0};
    int code = 0;
    fd_open_standard();
    struct err *e = cli_parse(&c, argc, argv);
    if (!e)
        e = cli_run(&c, &code);
    if (e) {
        cli_print_error(&c, e);
        if (!code)
            code = err_exit_code(e);
        err_free(e);
    }
    return code;
}
