/* --preserve-fds and --preserve-fd: which of the caller's descriptors become the container's. A runtime passes the
 * first N behind stdio, each by its number: what lies between two that were named is /dev/null there. */
#include <errno.h>
#include <fcntl.h>

#include "base/number.h"
#include "engine/container/internal.h"

struct err *container_preserved(uint32_t count, const struct strv *only, int *ret_null, int *ret_fds)
{
    *ret_null = only->count ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
    if (only->count && *ret_null < 0)
        return ERR_SYS(errno, "open /dev/null");
    for (uint32_t i = 0; i < count; i++)
        ret_fds[i] = only->count ? *ret_null : (int)(3 + i);
    for (size_t i = 0; i < only->count; i++) {
        int64_t fd = 0;
        TRY_WRAP(number_parse_i64(only->items[i], 3, 2 + (int64_t)count, &fd), "--preserve-fd");
        ret_fds[fd - 3] = (int)fd;
    }
    return NULL;
}
