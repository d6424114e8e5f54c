#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"

bool file_is_mount(int dirfd, const char *name)
{
    struct statx st;
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    return statx(dirfd, name, flags, STATX_TYPE, &st) == 0 && st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}
