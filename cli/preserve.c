#include "cli/preserve.h"

#include <fcntl.h>

#include "base/number.h"

#define PRESERVE_MAX 1024

static struct err *check_open(const char *flag, int fd)
{
    if (fcntl(fd, F_GETFD) >= 0)
        return NULL;
    return ERR_NEW(ERR_INVALID,
                   "file descriptor %d is not available - the %s option requires that file descriptors must be passed",
                   fd, flag);
}

struct err *preserve_count(uint64_t fds, const struct strv *only, uint32_t *ret)
{
    *ret = (uint32_t)fds;
    if (fds && only->count)
        return ERR_NEW(ERR_INVALID, "cannot specify both --preserve-fds and --preserve-fd");
    if (fds > PRESERVE_MAX)
        return ERR_NEW(ERR_INVALID, "--preserve-fds: more than %d descriptors", PRESERVE_MAX);
    for (int fd = 3; fd < 3 + (int)fds; fd++)
        TRY(check_open("preserve-fds", fd));
    for (size_t i = 0; i < only->count; i++) {
        int64_t fd;
        struct err *e = number_parse_i64(only->items[i], 3, 2 + PRESERVE_MAX, &fd);
        if (e) {
            err_drop(e);
            return ERR_NEW(ERR_INVALID, "--preserve-fd: \"%s\" is not the number of a descriptor from 3 on",
                           only->items[i]);
        }
        TRY(check_open("preserve-fd", (int)fd));
        if (fd - 2 > *ret)
            *ret = (uint32_t)(fd - 2);
    }
    return NULL;
}
