/* Why a layer is given a place of its own: ext4 puts a directory beside its parent, so all layers would go where images
 * were removed a moment ago, and it passes over each single inode that was freed within the last minute (or five:
 * recently_deleted() in fs/ext4/ialloc.c), again for every file. Layers of 30,000 files took 1.8 s of CPU time for
 * that. And two unpackers in one block group wait for each other.
 *
 * Why a process syncs beside us: at the end everything has to be on disk, and until then the kernel would write next to
 * nothing. syncfs(2) can only be waited for, cannot be interrupted, and may take long: so it is in a child, which
 * neither an error nor Ctrl-C has to wait for. A thread would hold up our end.
 */
#include "engine/image/content_disk.h"

#include <linux/fs.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

/* Each sync is a commit of the file system's journal, which small layers are not worth. */
#define BEGIN_BYTES ((uint64_t)16 << 20)

void content_spread(int dirfd)
{
    int flags = 0;
    if (ioctl(dirfd, FS_IOC_GETFLAGS, &flags) < 0)
        return;
    flags |= FS_TOPDIR_FL;
    (void)ioctl(dirfd, FS_IOC_SETFLAGS, &flags);
}

/* It keeps nothing open that anybody waits for the end of. */
static void sync_and_exit(int dirfd)
{
    if (dup2(dirfd, STDIN_FILENO) < 0)
        _exit(1);
    fd_close_from(STDIN_FILENO + 1);
    _exit(syncfs(STDIN_FILENO) < 0 ? 1 : 0); /* an error comes again, where store_sync_files() asks */
}

static bool is_under_way(struct content_disk *d)
{
    if (d->child > 0 && waitpid(d->child, NULL, WNOHANG) != 0)
        d->child = 0;
    return d->child > 0;
}

void content_disk_begin(struct content_disk *d, int dirfd, uint64_t bytes)
{
    d->ready_bytes += bytes;
    if (d->ready_bytes < BEGIN_BYTES || is_under_way(d))
        return;
    d->ready_bytes = 0;
    pid_t pid = fork();
    if (pid == 0)
        sync_and_exit(dirfd);
    d->child = pid;
}

void content_disk_done(struct content_disk *d)
{
    (void)is_under_way(d); /* else it is our heir's to wait for */
    *d = (struct content_disk){.child = 0};
}
