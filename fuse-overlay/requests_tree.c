/* Requests that change names. Declared in requests.h. */
#include <errno.h>
#include <fcntl.h>

#include "fuse-overlay/attr.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/protocol.h"
#include "fuse-overlay/requests.h"
#include "fuse-overlay/tree.h"

/* `fi`: of a file that is open with this answer; or NULL. */
static void reply_entry(struct overlay *fs, fuse_req_t req, int r, struct node *n, const struct fuse_entry_param *e,
                        const struct fuse_file_info *fi)
{
    requests_unlock(fs);
    if (r < 0) {
        fuse_reply_err(req, -r);
    } else if ((fi ? fuse_reply_create(req, e, fi) : fuse_reply_entry(req, e)) < 0) {
        pthread_mutex_lock(&fs->lock);
        node_forget(fs, n, 1);
        requests_unlock(fs);
    }
}

static void make(fuse_req_t req, struct tree_new *t, fuse_ino_t parent, const struct fuse_file_info *fi)
{
    struct overlay *fs = requests_fs(req);
    const struct fuse_ctx *ctx = fuse_req_ctx(req);
    struct fuse_entry_param e = {.ino = 0};
    struct node *n = NULL;
    struct stat raw;
    t->uid = ctx->uid;
    t->gid = ctx->gid;
    t->umask = ctx->umask;
    pthread_mutex_lock(&fs->lock);
    t->parent = node_get(fs, parent);
    int r = tree_make(fs, t, &n, &raw);
    if (r == 0)
        requests_entry(fs, n, &raw, &e);
    reply_entry(fs, req, r, n, &e, fi);
}

void request_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    struct tree_new t = {.name = name, .mode = mode & S_IFMT ? mode : mode | S_IFREG, .rdev = rdev};
    make(req, &t, parent, NULL);
}

/* Who only writes a new file does so past the page cache of this mount: the data goes from the program's memory to the
 * layer's cache at once, and the kernel need not ask for the file's capabilities first. Whoever reads it later gets it
 * from there. Before Linux 6.6 (protocol 7.39) such a write did not drop what others had of the file in the page cache,
 * so there files are made by MKNOD. */
void request_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
    struct tree_new t = {.name = name, .mode = S_IFREG | (mode & 07777)};
    if (!requests_fs(req)->protocol->has_direct) {
        fuse_reply_err(req, ENOSYS);
        return;
    }
    fi->direct_io = (fi->flags & O_ACCMODE) == O_WRONLY;
    fi->keep_cache = !fi->direct_io;
    make(req, &t, parent, fi);
}

void request_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct tree_new t = {.name = name, .mode = S_IFDIR | (mode & 07777)};
    make(req, &t, parent, NULL);
}

void request_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
    struct tree_new t = {.name = name, .mode = S_IFLNK | 0777, .target = target};
    make(req, &t, parent, NULL);
}

void request_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
    struct overlay *fs = requests_fs(req);
    struct fuse_entry_param e = {.ino = 0};
    struct stat raw;
    pthread_mutex_lock(&fs->lock);
    struct node *n = node_get(fs, ino);
    int r = tree_link(fs, n, node_get(fs, parent), name);
    if (r == 0)
        r = attr_raw(fs, n, &raw);
    if (r == 0)
        requests_entry(fs, n, &raw, &e);
    reply_entry(fs, req, r, n, &e, NULL);
}

void request_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct overlay *fs = requests_fs(req);
    pthread_mutex_lock(&fs->lock);
    int r = tree_unlink(fs, node_get(fs, parent), name);
    requests_unlock(fs);
    fuse_reply_err(req, -r);
}

void request_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct overlay *fs = requests_fs(req);
    pthread_mutex_lock(&fs->lock);
    int r = tree_rmdir(fs, node_get(fs, parent), name);
    requests_unlock(fs);
    fuse_reply_err(req, -r);
}

void request_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name,
                    unsigned flags)
{
    struct overlay *fs = requests_fs(req);
    pthread_mutex_lock(&fs->lock);
    int r = tree_rename(fs, node_get(fs, parent), name, node_get(fs, new_parent), new_name, flags);
    requests_unlock(fs);
    fuse_reply_err(req, -r);
}
