#include "packed/tree.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/mem.h"

#include <squashfuse/squashfuse.h>

#define TREE_BLOCK 512 /* unit of st_blocks */
#define TREE_XATTRS_MAX 1024
/* Of each tree, in bytes: of a block size of 128 KiB 96 fragments, and 16 blocks. */
#define TREE_CACHE_METADATA ((size_t)1 << 20)
#define TREE_CACHE_FRAGMENTS ((size_t)12 << 20)
#define TREE_CACHE_DATA ((size_t)2 << 20)
#define TREE_CACHE_MIN 3

struct tree {
    sqfs fs;
};

static struct err *tree_refused(sqfs_err e)
{
    switch (e) {
    case SQFS_BADFORMAT:
        return ERR_NEW(ERR_INVALID, "this is no packed image (squashfs)");
    case SQFS_BADVERSION:
        return ERR_NEW(ERR_UNSUPPORTED, "this version of squashfs cannot be read (4.0 can)");
    case SQFS_BADCOMP:
        return ERR_NEW(ERR_UNSUPPORTED, "it is compressed in a way that cannot be read here");
    case SQFS_OK:
    case SQFS_ERR:
    case SQFS_UNSUP:
    default:
        return ERR_NEW(ERR_CORRUPT, "the packed image is damaged");
    }
}

/* The library keeps three fragments (the blocks that small files share), one block of a file and a few of metadata,
 * which is right for one reader. Where many read at once, each in another place, the same fragment would be
 * decompressed for every file in it. Blocks come into being when they are needed. */
static struct err *tree_enlarge_caches(struct tree *t)
{
    size_t block = t->fs.sb.block_size ? t->fs.sb.block_size : 1;
    const struct {
        sqfs_cache *cache;
        size_t bytes, block;
    } caches[] = {
        {&t->fs.md_cache, TREE_CACHE_METADATA, SQUASHFS_METADATA_SIZE},
        {&t->fs.frag_cache, TREE_CACHE_FRAGMENTS, block},
        {&t->fs.data_cache, TREE_CACHE_DATA, block},
    };
    for (size_t i = 0; i < ARRAY_LEN(caches); i++) {
        size_t n = caches[i].bytes / caches[i].block;
        sqfs_cache_destroy(caches[i].cache);
        *caches[i].cache = (sqfs_cache){0};
        if (sqfs_block_cache_init(caches[i].cache, n < TREE_CACHE_MIN ? TREE_CACHE_MIN : n) != SQFS_OK)
            return err_oom();
    }
    return NULL;
}

struct err *tree_open(int fd, struct tree **ret)
{
    struct tree *t = mem_zalloc(sizeof(*t));
    if (!t)
        return err_oom();
    sqfs_err e = sqfs_init(&t->fs, fd, 0);
    if (e != SQFS_OK) {
        mem_freep(&t); /* sqfs_init() has cleaned up behind itself */
        return tree_refused(e);
    }
    struct err *err = tree_enlarge_caches(t);
    if (err) {
        tree_free(t);
        return err;
    }
    *ret = t;
    return NULL;
}

void tree_free(struct tree *t)
{
    if (t)
        sqfs_destroy(&t->fs);
    mem_freep(&t);
}

uint64_t tree_root(const struct tree *t)
{
    return t->fs.sb.root_inode;
}

static int tree_inode(struct tree *t, uint64_t inode, sqfs_inode *ret)
{
    return sqfs_inode_get(&t->fs, ret, inode) == SQFS_OK ? 0 : -EIO;
}

static int tree_fill(struct tree *t, const sqfs_inode *i, struct stat *st)
{
    sqfs_id_t uid, gid;
    *st = (struct stat){
        .st_ino = i->base.inode_number,
        .st_mode = i->base.mode, /* the library has added the type */
        .st_nlink = i->nlink > 0 ? (nlink_t)i->nlink : 1,
        .st_mtime = i->base.mtime,
        .st_ctime = i->base.mtime,
        .st_atime = i->base.mtime,
        .st_blksize = (blksize_t)t->fs.sb.block_size,
    };
    if (S_ISREG(st->st_mode)) {
        if (i->xtra.reg.file_size > INT64_MAX)
            return -EIO;
        st->st_size = (off_t)i->xtra.reg.file_size;
        st->st_blocks = st->st_size / TREE_BLOCK + (st->st_size % TREE_BLOCK != 0);
    } else if (S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode)) {
        st->st_rdev = makedev((unsigned)i->xtra.dev.major, (unsigned)i->xtra.dev.minor);
    } else if (S_ISLNK(st->st_mode)) {
        st->st_size = (off_t)i->xtra.symlink_size;
    } else if (S_ISDIR(st->st_mode)) {
        st->st_size = (off_t)i->xtra.dir.dir_size;
    }
    if (sqfs_id_get(&t->fs, i->base.uid, &uid) != SQFS_OK || sqfs_id_get(&t->fs, i->base.guid, &gid) != SQFS_OK)
        return -EIO;
    st->st_uid = uid;
    st->st_gid = gid;
    return 0;
}

int tree_stat(struct tree *t, uint64_t inode, struct stat *ret)
{
    sqfs_inode i;
    int r = tree_inode(t, inode, &i);
    return r < 0 ? r : tree_fill(t, &i, ret);
}

static int tree_dir(struct tree *t, uint64_t inode, sqfs_inode *ret)
{
    int r = tree_inode(t, inode, ret);
    if (r < 0)
        return r;
    return S_ISDIR(ret->base.mode) ? 0 : -ENOTDIR;
}

int tree_lookup(struct tree *t, uint64_t dir, const char *name, uint64_t *ret)
{
    sqfs_inode i;
    sqfs_name buf;
    sqfs_dir_entry entry;
    bool found = false;
    size_t len = strlen(name);
    int r = tree_dir(t, dir, &i);
    if (r < 0)
        return r;
    if (len > SQUASHFS_NAME_LEN)
        return -ENAMETOOLONG;
    sqfs_dentry_init(&entry, buf);
    if (sqfs_dir_lookup(&t->fs, &i, name, len, &entry, &found) != SQFS_OK)
        return -EIO;
    if (!found)
        return -ENOENT;
    *ret = sqfs_dentry_inode(&entry);
    return 0;
}

int tree_readlink(struct tree *t, uint64_t inode, char *buf, size_t size)
{
    sqfs_inode i;
    int r = tree_inode(t, inode, &i);
    if (r < 0)
        return r;
    if (!S_ISLNK(i.base.mode))
        return -EINVAL;
    if (i.xtra.symlink_size >= size)
        return -ENAMETOOLONG;
    return sqfs_readlink(&t->fs, &i, buf, &size) == SQFS_OK ? 0 : -EIO;
}

ssize_t tree_read(struct tree *t, uint64_t inode, void *buf, size_t size, off_t offset)
{
    sqfs_inode i;
    int r = tree_inode(t, inode, &i);
    if (r < 0)
        return r;
    if (!S_ISREG(i.base.mode))
        return -EINVAL;
    if (offset < 0 || i.xtra.reg.file_size > INT64_MAX)
        return -EIO;
    if ((uint64_t)offset >= i.xtra.reg.file_size)
        return 0;
    sqfs_off_t n = (sqfs_off_t)size;
    if (sqfs_read_range(&t->fs, &i, offset, &n, buf) != SQFS_OK || n < 0 || (size_t)n > size)
        return -EIO;
    return n;
}

int tree_list(struct tree *t, uint64_t dir, off_t cookie, tree_entry_fn fn, void *arg)
{
    sqfs_inode i;
    sqfs_dir d;
    sqfs_name name;
    sqfs_dir_entry e;
    sqfs_err err = SQFS_OK;
    int r = tree_dir(t, dir, &i);
    if (r < 0)
        return r;
    if (sqfs_dir_open(&t->fs, &i, &d, cookie) != SQFS_OK)
        return -EIO;
    sqfs_dentry_init(&e, name);
    while (sqfs_dir_next(&t->fs, &d, &e, &err)) {
        const struct tree_entry entry = {
            .name = name,
            .inode = sqfs_dentry_inode(&e),
            .type = sqfs_dentry_mode(&e),
            .number = sqfs_dentry_inode_num(&e),
            .next = sqfs_dentry_next_offset(&e),
        };
        name[sqfs_dentry_name_size(&e)] = '\0'; /* the library doesn't, for names in a listing */
        /* A name with a slash, or one of these two, would be a way out of the directory. */
        if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            return -EIO;
        if (!fn(arg, &entry))
            return 0;
    }
    return err == SQFS_OK ? 0 : -EIO;
}

bool tree_has_xattrs(const struct tree *t)
{
    return t->fs.sb.xattr_id_table_start != UINT64_MAX && t->fs.xattr_info.xattr_ids > 0;
}

ssize_t tree_getxattr(struct tree *t, uint64_t inode, const char *name, void *buf, size_t size)
{
    sqfs_inode i;
    size_t len = size;
    sqfs_xattr x;
    bool found = false;
    int r = tree_inode(t, inode, &i);
    if (r < 0)
        return r;
    if (sqfs_xattr_open(&t->fs, &i, &x) != SQFS_OK || x.remain > TREE_XATTRS_MAX ||
        (x.remain && sqfs_xattr_find(&x, name, &found) != SQFS_OK))
        return -EIO;
    if (!found)
        return -ENODATA;
    if (sqfs_xattr_value_size(&x, &len) != SQFS_OK || len > XATTR_SIZE_MAX)
        return -EIO;
    if (size == 0)
        return (ssize_t)len;
    if (len > size)
        return -ERANGE;
    return sqfs_xattr_value(&x, buf) == SQFS_OK ? (ssize_t)len : -EIO;
}

ssize_t tree_listxattr(struct tree *t, uint64_t inode, char *buf, size_t size)
{
    sqfs_inode i;
    sqfs_xattr x;
    size_t total = 0;
    int r = tree_inode(t, inode, &i);
    if (r < 0)
        return r;
    if (sqfs_xattr_open(&t->fs, &i, &x) != SQFS_OK || x.remain > TREE_XATTRS_MAX)
        return -EIO;
    while (x.remain) {
        if (sqfs_xattr_read(&x) != SQFS_OK)
            return -EIO;
        size_t len = sqfs_xattr_name_size(&x);
        if (len == 0 || len > XATTR_NAME_MAX)
            return -EIO;
        if (size && total + len + 1 > size)
            return -ERANGE;
        if (size) {
            if (sqfs_xattr_name(&x, buf + total, true) != SQFS_OK)
                return -EIO;
            buf[total + len] = '\0';
        }
        total += len + 1;
    }
    return (ssize_t)total;
}

struct tree_usage tree_usage(const struct tree *t)
{
    const struct squashfs_super_block *sb = &t->fs.sb;
    return (struct tree_usage){.block_size = sb->block_size, .bytes = sb->bytes_used, .inodes = sb->inodes};
}
