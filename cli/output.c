#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/cli.h"

struct err *output_open(const char *path, int *ret_fd)
{
    if (!path) {
        if (isatty(STDOUT_FILENO))
            return ERR_NEW(ERR_INVALID, "refusing to export to terminal. Use -o flag or redirect");
        return fd_duplicate(STDOUT_FILENO, ret_fd);
    }
    *ret_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (*ret_fd >= 0)
        return NULL;
    return ERR_WRAP(cli_errno(errno, "open", path), "creating file \"%s\"", path);
}
