#include "fuse-overlay/writeout.h"

#include <fcntl.h>

#include "fuse-overlay/file.h"

static void writeout_start(const struct file *f)
{
    /* Where the file system can't, it is written when the kernel sees fit, as any other file. */
    (void)sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

void writeout_add(struct overlay *fs, struct file *f)
{
    unsigned n = atomic_load(&fs->n_unwritten);
    if (fs->opts->is_volatile || fs->opts->no_fsync)
        return;
    if (n == OVERLAY_UNWRITTEN_MAX) {
        writeout_start(f);
        return;
    }
    file_ref(f);
    fs->unwritten[n] = f;
    atomic_store(&fs->n_unwritten, n + 1);
}

bool writeout_one(struct overlay *fs)
{
    struct file *f = NULL;
    if (atomic_load(&fs->n_unwritten) == 0) /* as nearly always: without the lock */
        return false;
    pthread_mutex_lock(&fs->lock);
    unsigned n = atomic_load(&fs->n_unwritten);
    if (n > 0) {
        f = fs->unwritten[n - 1];
        atomic_store(&fs->n_unwritten, n - 1);
    }
    pthread_mutex_unlock(&fs->lock);
    if (!f)
        return false;
    writeout_start(f);
    file_put(f);
    return true;
}
