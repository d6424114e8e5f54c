/* The file never changes, so the kernel may keep whatever it was told for as long as it likes: names, attributes,
 * contents of files and directories. What is asked again and again is asked once, and 64 programs that read the same
 * image read the kernel's memory. OPEN and OPENDIR answer ENOSYS, after which the kernel opens without asking
 * (FUSE_NO_OPEN_SUPPORT, and keeps cached pages as with FOPEN_KEEP_CACHE); so does every question for extended
 * attributes of an image that has none. */
#include "packed/requests.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include "base/mem.h"

#define FOREVER_SEC 1e8                    /* about three years */
#define REQUEST_READ_MAX ((size_t)1 << 20) /* bytes of one READ */
#define COOKIE_OURS 2                      /* "." and ".." come before what the image has */

/* What this thread works with. */
static _Thread_local struct {
    struct tree *tree;
    char *buf; /* REQUEST_READ_MAX */
} mine;

struct err *requests_begin(const struct packed *p, struct tree *take_tree)
{
    mine.tree = take_tree;
    if (!mine.tree)
        TRY(tree_open(p->fd, &mine.tree));
    void *buf = mmap(NULL, REQUEST_READ_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buf == MAP_FAILED)
        return err_oom();
    mine.buf = buf;
    return NULL;
}

void requests_end(void)
{
    tree_free(mine.tree);
    mine.tree = NULL;
    if (mine.buf)
        (void)munmap(mine.buf, REQUEST_READ_MAX);
    mine.buf = NULL;
}

/* FUSE's number of the root is 1; 0 is none. */
static uint64_t inode_of(fuse_ino_t ino)
{
    return ino == FUSE_ROOT_ID ? tree_root(mine.tree) : ino - 2;
}

static fuse_ino_t ino_of(uint64_t inode)
{
    return inode == tree_root(mine.tree) ? FUSE_ROOT_ID : inode + 2;
}

/* What stat(2) says of it, with ids that exist here. */
static int show(fuse_req_t req, uint64_t inode, struct stat *ret)
{
    const struct packed *p = fuse_req_userdata(req);
    uint32_t outside;
    int r = tree_stat(mine.tree, inode, ret);
    if (r < 0)
        return r;
    if (!idmap_to_host(&p->uids, ret->st_uid, &outside))
        ret->st_uid = 0;
    if (!idmap_to_host(&p->gids, ret->st_gid, &outside))
        ret->st_gid = 0;
    return 0;
}

static int entry_of(fuse_req_t req, uint64_t inode, struct fuse_entry_param *ret)
{
    *ret = (struct fuse_entry_param){
        .ino = ino_of(inode),
        .attr_timeout = FOREVER_SEC,
        .entry_timeout = FOREVER_SEC,
    };
    return show(req, inode, &ret->attr);
}

static void request_init(void *userdata, struct fuse_conn_info *conn)
{
    const unsigned want = FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_NO_OPEN_SUPPORT |
                          FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_READDIRPLUS |
                          FUSE_CAP_READDIRPLUS_AUTO;
    (void)userdata;
    conn->want = conn->capable & want;
    conn->max_readahead = REQUEST_READ_MAX;
    conn->time_gran = 1000000000;
}

static void request_unsupported(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    (void)fi;
    fuse_reply_err(req, ENOSYS);
}

static void request_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param e;
    uint64_t inode;
    int r = tree_lookup(mine.tree, inode_of(parent), name, &inode);
    if (r == -ENOENT) { /* that, too, is remembered */
        e = (struct fuse_entry_param){.entry_timeout = FOREVER_SEC};
        fuse_reply_entry(req, &e);
        return;
    }
    if (r == 0)
        r = entry_of(req, inode, &e);
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_entry(req, &e);
}

static void request_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct stat st;
    (void)fi;
    int r = show(req, inode_of(ino), &st);
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_attr(req, &st, FOREVER_SEC);
}

static void request_readlink(fuse_req_t req, fuse_ino_t ino)
{
    char target[PATH_MAX];
    int r = tree_readlink(mine.tree, inode_of(ino), target, sizeof(target));
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_readlink(req, target);
}

static void request_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    (void)fi;
    if (size > REQUEST_READ_MAX)
        size = REQUEST_READ_MAX;
    ssize_t n = tree_read(mine.tree, inode_of(ino), mine.buf, size, offset);
    if (n < 0)
        fuse_reply_err(req, (int)-n);
    else
        fuse_reply_buf(req, mine.buf, (size_t)n);
}

/* --- directories */

struct listing {
    fuse_req_t req;
    bool plus;
    size_t size, used;
};

/* False: full. */
static bool list_put(struct listing *l, const char *name, const struct fuse_entry_param *e, off_t next)
{
    char *to = mine.buf + l->used;
    size_t room = l->size - l->used;
    size_t n = l->plus ? fuse_add_direntry_plus(l->req, to, room, name, e, next)
                       : fuse_add_direntry(l->req, to, room, name, &e->attr, next);
    if (n > room)
        return false;
    l->used += n;
    return true;
}

static bool list_entry(void *arg, const struct tree_entry *entry)
{
    struct listing *l = arg;
    struct fuse_entry_param e = {.attr = {.st_ino = entry->number, .st_mode = entry->type}};
    if (l->plus && entry_of(l->req, entry->inode, &e) < 0)
        e = (struct fuse_entry_param){.attr = {.st_ino = entry->number, .st_mode = entry->type}}; /* to be looked up */
    return list_put(l, entry->name, &e, entry->next + COOKIE_OURS);
}

/* Their own entries; those have no attributes, the kernel knows them. */
static bool list_dots(struct listing *l, off_t from)
{
    static const char *const dots[] = {".", ".."};
    const struct fuse_entry_param e = {.attr = {.st_ino = FUSE_ROOT_ID, .st_mode = S_IFDIR}};
    for (off_t i = from; i < COOKIE_OURS; i++) {
        if (!list_put(l, dots[i], &e, i + 1))
            return false;
    }
    return true;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool plus)
{
    struct listing l = {.req = req, .plus = plus, .size = size < REQUEST_READ_MAX ? size : REQUEST_READ_MAX};
    int r = 0;
    if (offset < 0)
        r = -EINVAL;
    else if (offset >= COOKIE_OURS || list_dots(&l, offset))
        r = tree_list(mine.tree, inode_of(ino), offset > COOKIE_OURS ? offset - COOKIE_OURS : 0, list_entry, &l);
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_buf(req, mine.buf, l.used);
}

static void request_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    (void)fi;
    list(req, ino, size, offset, false);
}

static void request_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    (void)fi;
    list(req, ino, size, offset, true);
}

/* --- the rest */

static void reply_xattr(fuse_req_t req, ssize_t n, size_t size)
{
    if (n < 0)
        fuse_reply_err(req, (int)-n);
    else if (size == 0)
        fuse_reply_xattr(req, (size_t)n);
    else
        fuse_reply_buf(req, mine.buf, (size_t)n);
}

static void request_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    ssize_t n = -ENOSYS; /* and the kernel never asks again */
    if (tree_has_xattrs(mine.tree))
        n = tree_getxattr(mine.tree, inode_of(ino), name, mine.buf, size < REQUEST_READ_MAX ? size : REQUEST_READ_MAX);
    reply_xattr(req, n, size);
}

static void request_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    ssize_t n = -ENOSYS;
    if (tree_has_xattrs(mine.tree))
        n = tree_listxattr(mine.tree, inode_of(ino), mine.buf, size < REQUEST_READ_MAX ? size : REQUEST_READ_MAX);
    reply_xattr(req, n, size);
}

static void request_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct tree_usage u = tree_usage(mine.tree);
    unsigned long block = u.block_size ? u.block_size : 1;
    const struct statvfs st = {
        .f_bsize = block,
        .f_frsize = block,
        .f_blocks = (u.bytes + block - 1) / block,
        .f_files = u.inodes,
        .f_namemax = NAME_MAX,
    };
    (void)ino;
    fuse_reply_statfs(req, &st);
}

/* Nothing is held for a number. */
static void request_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
    (void)ino;
    (void)nlookup;
    fuse_reply_none(req);
}

static void request_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    (void)count;
    (void)forgets;
    fuse_reply_none(req);
}

const struct fuse_lowlevel_ops requests_ops = {
    .init = request_init,
    .lookup = request_lookup,
    .forget = request_forget,
    .forget_multi = request_forget_multi,
    .getattr = request_getattr,
    .readlink = request_readlink,
    .open = request_unsupported,
    .opendir = request_unsupported,
    .read = request_read,
    .readdir = request_readdir,
    .readdirplus = request_readdirplus,
    .getxattr = request_getxattr,
    .listxattr = request_listxattr,
    .statfs = request_statfs,
};
