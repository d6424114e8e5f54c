#include "fuse-overlay/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "fuse-overlay/attr.h"
#include "fuse-overlay/quota.h"
#include "fuse-overlay/stage.h"

static bool file_is_listed(const struct overlay *fs, const struct file *f)
{
    return f->newer || fs->files_newest == f;
}

static void file_unlist(struct overlay *fs, struct file *f)
{
    if (!file_is_listed(fs, f))
        return;
    *(f->newer ? &f->newer->older : &fs->files_newest) = f->older;
    *(f->older ? &f->older->newer : &fs->files_oldest) = f->newer;
    f->newer = f->older = NULL;
    fs->n_files_open--;
}

static void file_list(struct overlay *fs, struct file *f)
{
    f->newer = NULL;
    f->older = fs->files_newest;
    *(f->older ? &f->older->newer : &fs->files_oldest) = f;
    fs->files_newest = f;
    fs->n_files_open++;
}

void file_put(struct file *f)
{
    if (atomic_fetch_sub(&f->refs, 1) != 1)
        return;
    fd_close(f->fd);
    mem_freep(&f);
}

/* The node lets go of its file; requests that use it finish. */
static void file_release(struct overlay *fs, struct node *n)
{
    struct file *f = n->file;
    if (!f)
        return;
    file_unlist(fs, f);
    n->file = NULL;
    f->node = NULL;
    file_put(f);
}

void file_disown(struct overlay *fs, struct node *n)
{
    if (n->file && n->file->staged)
        stage_remove(fs, n->file->staged);
    quota_forget(fs, n);
    file_release(fs, n);
}

int file_set(struct overlay *fs, struct node *n, int take_fd, bool is_writable)
{
    struct file *f = mem_zalloc(sizeof(*f));
    if (!f) {
        fd_close(take_fd);
        return -ENOMEM;
    }
    *f = (struct file){.node = n, .fd = take_fd, .is_writable = is_writable};
    atomic_init(&f->refs, 1);
    file_release(fs, n);
    n->file = f;
    if (n->names)
        file_list(fs, f);
    return 0;
}

void file_relist(struct overlay *fs, struct node *n)
{
    if (!n->file)
        return;
    bool listed = file_is_listed(fs, n->file);
    if (n->names && !listed && !n->file->is_path)
        file_list(fs, n->file);
    else if (!n->names && listed)
        file_unlist(fs, n->file);
}

/* O_NONBLOCK: should a FIFO have taken the file's place. */
static int file_open(struct overlay *fs, struct node *n, int flags)
{
    int dirfd = -1;
    const char *name = NULL;
    int r = attr_place(fs, n, &dirfd, &name);
    if (r < 0)
        return r;
    int fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int file_get(struct overlay *fs, struct node *n, bool write, struct file **ret)
{
    if (n->type != DT_REG)
        return n->type == DT_DIR ? -EISDIR : -EINVAL;
    struct file *f = n->file;
    if (!f || (write && !f->is_writable) || f->is_path) {
        if (!n->names)
            return f ? -EBADF : -ESTALE;
        int fd = file_open(fs, n, write ? O_RDWR : O_RDONLY);
        if (fd < 0)
            return fd;
        int r = file_set(fs, n, fd, write);
        if (r < 0)
            return r;
        f = n->file;
    } else if (fs->files_newest != f && file_is_listed(fs, f)) {
        file_unlist(fs, f);
        file_list(fs, f);
    }
    file_ref(f);
    *ret = f;
    return 0;
}

/* Writable where it may be, for a program may have it open for writing. */
int file_keep(struct overlay *fs, struct node *n)
{
    bool write = overlay_is_upper(fs, n->layer);
    if (n->file && (n->file->is_writable || !write || n->type != DT_REG))
        return 0;
    if (n->type != DT_REG) {
        int fd = file_open(fs, n, O_PATH);
        int r = fd < 0 ? fd : file_set(fs, n, fd, false);
        if (r == 0)
            n->file->is_path = true;
        return r;
    }
    int fd = file_open(fs, n, write ? O_RDWR : O_RDONLY);
    if (fd == -EACCES || fd == -ETXTBSY)
        fd = file_open(fs, n, O_RDONLY);
    if (fd < 0)
        return fd;
    return file_set(fs, n, fd, write);
}

void file_trim(struct overlay *fs)
{
    while (fs->n_files_open > fs->max_files_open)
        file_release(fs, fs->files_oldest->node);
}
