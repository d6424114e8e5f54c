/* coracle: parse, run, print, exit. */
#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/fd.h"
#include "cli/cli.h"

/* Memory is given back when we end, moments later: the heap grows in one step and never shrinks. */
#define HEAP_STEP (512 << 10)

int main(int argc, char **argv)
{
    (void)mallopt(M_TOP_PAD, HEAP_STEP);
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
    AUTO_CLI struct cli c = {0};
    int code = 0;
    fd_open_standard();
    fd_survive_size_limit();
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
