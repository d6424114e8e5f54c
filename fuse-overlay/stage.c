#include "fuse-overlay/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

struct stage_name stage_name(uint64_t number)
{
    struct stage_name n;
    (void)snprintf(n.s, sizeof(n.s), "#%" PRIx64, number);
    return n;
}

uint64_t stage_new(struct overlay *fs)
{
    return ++fs->staged;
}

struct stage_dirent {
    uint64_t ino;
    int64_t off;
    unsigned short len;
    unsigned char type;
    char name[];
};

int stage_clear_dir(struct overlay *fs, int dirfd)
{
    for (bool again = true; again;) {
        again = false;
        if (lseek(dirfd, 0, SEEK_SET) < 0)
            return -errno;
        for (long n; (n = syscall(SYS_getdents64, dirfd, fs->dents, OVERLAY_DENTS_BYTES)) != 0;) {
            if (n < 0)
                return -errno;
            for (long at = 0; at < n;) {
                const struct stage_dirent *e = (void *)(fs->dents + at);
                at += e->len;
                /* Once more after a removal, until nothing is left that can be: some file systems skip entries. */
                if (e->type != DT_DIR && unlinkat(dirfd, e->name, 0) == 0)
                    again = true;
            }
        }
    }
    return 0;
}

void stage_remove(struct overlay *fs, uint64_t number)
{
    struct stage_name n = stage_name(number);
    if (unlinkat(fs->work_fd, n.s, 0) == 0 || errno != EISDIR)
        return;
    if (unlinkat(fs->work_fd, n.s, AT_REMOVEDIR) == 0 || errno != ENOTEMPTY)
        return;
    AUTO_FD int fd = openat(fs->work_fd, n.s, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && stage_clear_dir(fs, fd) == 0)
        (void)unlinkat(fs->work_fd, n.s, AT_REMOVEDIR);
}

int stage_place(struct overlay *fs, uint64_t number, int dirfd, const char *name, unsigned flags)
{
    struct stage_name n = stage_name(number);
    int r = renameat2(fs->work_fd, n.s, dirfd, name, flags) < 0 ? -errno : 0;
    if (r == -EINVAL && flags == RENAME_NOREPLACE) /* not every file system knows it */
        r = renameat(fs->work_fd, n.s, dirfd, name) < 0 ? -errno : 0;
    return r;
}
