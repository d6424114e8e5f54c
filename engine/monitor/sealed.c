#include "engine/monitor/sealed.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/storage/mountapi.h"

#define SEALED_MAX_BYTES ((off_t)4 << 20) /* crun has 0.4 MB; copying runc's 9 MB costs more than it saves */
#define SEALED_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool is_binary(int fd, off_t *ret_size)
{
    char magic[4];
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    *ret_size = st.st_size;
    return pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) && memcmp(magic, "\177ELF", 4) == 0;
}

/* Detached: it is in no mount namespace, and goes with the last process that uses it. */
static int mount_read_only(const char *path)
{
    AUTO_FD int mnt = mountapi_clone(path, false);
    if (mnt < 0 || mountapi_setattr(mnt, false, MOUNTAPI_RDONLY, 0) < 0 ||
        setenv("_LIBCONTAINER_CLONED_BINARY", "1", 1) < 0)
        return -1;
    return TAKE_FD(mnt);
}

static bool copy_all(int from, int to, off_t size)
{
    off_t at = 0;
    while (at < size)
        if (sendfile(to, from, &at, (size_t)(size - at)) <= 0)
            return false;
    return true;
}

static int copy_sealed(int from, off_t size)
{
    if (size > SEALED_MAX_BYTES)
        return -1;
    AUTO_FD int to = memfd_create("runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (to < 0 || !copy_all(from, to, size) || fcntl(to, F_ADD_SEALS, SEALED_SEALS) < 0)
        return -1;
    return TAKE_FD(to);
}

void sealed_open(const char *path, int *ret)
{
    off_t size;
    *ret = -1;
    AUTO_FD int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0 || !is_binary(from, &size))
        return;
    *ret = mount_read_only(path);
    if (*ret < 0)
        *ret = copy_sealed(from, size);
}
