/* Listings. Declared in requests.h.
 *
 * A position is what came before it: 0 the start, 1 ".", 2 "..", above that a name's cookie + 2. Cookies are never used
 * twice in a directory, so positions stay valid whatever is created or removed meanwhile. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "fuse-overlay/attr.h"
#include "fuse-overlay/lookup.h"
#include "fuse-overlay/merge.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/origin.h"
#include "fuse-overlay/requests.h"

#define POSITION_DOTS 2
#define LISTING_MAX ((size_t)1 << 20)

struct listing {
    fuse_req_t req;
    struct overlay *fs;
    struct node *dir;
    char *buf;
    size_t size, len;
    bool is_plus;
    bool is_bare; /* is_plus, but attributes of directories only */
};

/* Append an entry; false: it doesn't fit. */
static bool listing_add(struct listing *l, const char *name, const struct fuse_entry_param *e, off_t next)
{
    size_t room = l->size - l->len;
    size_t n = l->is_plus ? fuse_add_direntry_plus(l->req, l->buf + l->len, room, name, e, next)
                          : fuse_add_direntry(l->req, l->buf + l->len, room, name, &e->attr, next);
    if (n > room)
        return false;
    l->len += n;
    return true;
}

/* "." and "..", which are not looked up. */
static bool listing_dots(struct listing *l, off_t *at)
{
    const struct node *dir = l->dir;
    const struct node *up = dir->names ? dir->names->parent : dir;
    for (; *at < POSITION_DOTS; (*at)++) {
        struct fuse_entry_param e = {.attr = {.st_ino = *at == 0 ? dir->ino : up->ino, .st_mode = S_IFDIR}};
        if (!listing_add(l, *at == 0 ? "." : "..", &e, *at + 1))
            return false;
    }
    return true;
}

/* Is there room for one more? Asked before a node is made and remembered for it. */
static bool listing_fits(const struct listing *l, const char *name)
{
    struct fuse_entry_param none = {.ino = 0};
    size_t n = l->is_plus ? fuse_add_direntry_plus(l->req, NULL, 0, name, &none, 0)
                          : fuse_add_direntry(l->req, NULL, 0, name, &none.attr, 0);
    return n <= l->size - l->len;
}

static bool listing_entry(struct listing *l, struct dentry *d)
{
    struct fuse_entry_param e = {.ino = 0};
    struct node *n = NULL;
    struct stat raw;
    if (!listing_fits(l, d->name))
        return false;
    if (l->is_plus && !(l->is_bare && d->type != DT_DIR) && lookup_node(l->fs, d, &n, &raw) == 0) {
        requests_entry(l->fs, n, &raw, &e);
    } else {
        bool known = d->flags & DENTRY_NODE;
        e.attr.st_ino = known ? d->node->ino : origin_ino(l->fs, d->layer, d->ino);
        e.attr.st_mode = (mode_t)DTTOIF(d->type);
    }
    return listing_add(l, d->name, &e, (off_t)d->cookie + POSITION_DOTS);
}

static int listing_fill(struct listing *l, off_t at)
{
    if (l->dir->type != DT_DIR || at < 0)
        return l->dir->type != DT_DIR ? -ENOTDIR : -EINVAL;
    int r = l->dir->flags & NODE_REMOVED ? 0 : merge_load(l->fs, l->dir);
    if (r < 0 || !listing_dots(l, &at))
        return r;
    if (l->dir->flags & NODE_REMOVED)
        return 0;
    uint64_t cookie = (uint64_t)at - POSITION_DOTS;
    for (struct dentry *d; (d = dir_next(l->dir->dir, cookie)); cookie = d->cookie) {
        if (!listing_entry(l, d))
            break;
    }
    return 0;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t at, bool is_plus)
{
    struct listing l = {.req = req, .fs = requests_fs(req), .is_plus = is_plus};
    l.size = size < LISTING_MAX ? size : LISTING_MAX;
    AUTO_FREE char *buf = l.buf = mem_alloc(l.size);
    if (!buf) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    pthread_mutex_lock(&l.fs->lock);
    l.dir = node_get(l.fs, ino);
    /* In the middle of a directory the kernel asks for attributes because its entries are being looked up. */
    if (is_plus && at == 0) {
        l.is_bare = habit_list(&l.fs->habit);
        l.dir->flags &= (uint8_t)~NODE_BARE;
        l.dir->flags |= l.is_bare ? NODE_BARE : 0;
    }
    int r = listing_fill(&l, at);
    requests_unlock(l.fs);
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_buf(req, buf, l.len);
}

void request_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)fi;
    list(req, ino, size, off, false);
}

void request_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)fi;
    list(req, ino, size, off, true);
}
