/* coracle-overlay: an overlay file system in user space.
 *
 * One process per mount. Layers are numbered from the top: 0 is the upper directory where there is one
 * (`fs->writable`), the others are never written to. All state hangs off `struct overlay`:
 *
 *     node     what the kernel knows by a number (its address): a file or directory of the merged tree
 *     dentry   a name in a directory of the merged tree; several for a file with hard links
 *     dir      what a directory's node has besides: its names, once read, and the directories it consists of
 *     realdir  a directory of one layer, with a descriptor while it is in use; everything is reached by *at() from
 * there file     a descriptor of a regular file, or of anything that has lost its last name
 *
 * Always: a directory is either not read at all, or complete: then every lookup, also of what does not exist, is
 * answered from memory, since nobody else writes to these layers. What lives in a lower layer still has the name it has
 * there (whatever is renamed was copied up before). Whoever touches any of this holds `fs->lock`; only data (read,
 * write, fsync, the copying of large files) moves without it, through a counted `file`.
 *
 * Errors: functions that answer a request return 0 or a negative errno, because an errno is what the answer consists of
 * and most of them (ENOENT, ENODATA) are no failures. Setting up reports `struct err *`, as everywhere.
 *
 * Source: Documentation/filesystems/overlayfs.rst, fuse.rst and include/uapi/linux/fuse.h of the kernel.
 */
#pragma once

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"
#include "fuse-overlay/habit.h"
#include "fuse-overlay/ids.h"
#include "fuse-overlay/options.h"

#define LAYER_UPPER 0
#define OVERLAY_DENTS_BYTES ((size_t)64 << 10)
#define OVERLAY_UNWRITTEN_MAX 16

struct layer {
    int fd; /* its top directory; owned */
    dev_t dev;
    uint32_t dev_index;         /* 0, 1 …: file systems that the layers lie on, for inode numbers */
    const char *override_xattr; /* owner and mode are in this attribute of each file; NULL: in the inode */
    bool is_nosuid;             /* set-user-id bits mean nothing there, so they must not begin to by copying up */
};

struct realdir {
    struct realdir *parent;        /* NULL: top of the layer; holds a reference */
    struct realdir *newer, *older; /* order of use, while a descriptor is open */
    int fd;                        /* -1: opened when needed */
    uint32_t refs;
    uint16_t layer;
    bool is_pinned; /* removed: could not be opened again */
    char *name;     /* in parent */
};

struct file {
    struct file *newer, *older; /* as in realdir, while it belongs to a node and that has a name */
    struct node *node;          /* NULL: replaced or forgotten meanwhile */
    int fd;
    atomic_uint refs; /* the node's, and one for each request that works without the lock */
    bool is_writable;
    bool is_path;    /* O_PATH: a link, FIFO or device that lost its name */
    uint64_t staged; /* made by O_TMPFILE: its name in the work directory, or 0 */
};

enum node_flags {
    NODE_PLAIN = 1,    /* known to have no extended attributes */
    NODE_HASHED = 2,   /* in fs->inodes: more than one link */
    NODE_BUSY = 4,     /* being copied up without the lock: wait on fs->copied */
    NODE_REMOVED = 8,  /* a directory without a name */
    NODE_CHANGED = 16, /* a directory that fs->changes has */
    NODE_BARE = 32,    /* a directory that was listed without attributes */
};

struct node {
    uint64_t lookups; /* how often the kernel has been told of it; FORGET takes them back */
    struct node *hash_next;
    struct dentry *names; /* NULL: the root, or removed */
    uint64_t ino;         /* as shown; stays the same over copy-up */
    uint64_t real_ino;    /* in its layer */
    union {
        struct dir *dir;   /* type == DT_DIR */
        struct file *file; /* else; may be NULL */
    };
    uint32_t refs; /* children that have nodes, requests without the lock, one for lookups > 0 */
    uint16_t layer;
    uint8_t type; /* DT_* */
    uint8_t flags;
};

enum dentry_flags {
    DENTRY_LOWER = 1,    /* a lower layer has something visible under this name: removing needs a whiteout */
    DENTRY_WHITEOUT = 2, /* no entry: the upper directory has a whiteout of this name */
    DENTRY_WH_FILE = 4,  /* the upper directory has ".wh.<name>" */
    DENTRY_OPEN = 8,     /* while a directory is read: lower directories of this name still join */
    DENTRY_NODE = 16,    /* `node` is valid, else `ino` */
    DENTRY_HIDDEN = 32,  /* while a directory is read: a lower whiteout */
    DENTRY_SEEN = 64,    /* while a directory is read: found in the layer at hand or one above */
};

struct dentry {
    struct dentry *hash_next;
    struct node *parent;
    union {
        struct node *node;
        uint64_t ino; /* of the real file in its layer */
    };
    union {
        struct dentry *alias;     /* another name of the same node; not for directories */
        struct layer_set *joined; /* directories: the layers it consists of; NULL: `layer` alone */
    };
    uint64_t cookie; /* position in listings: grows in a directory, never used twice; 0: not listed */
    uint32_t hash;
    uint16_t layer; /* where it was found first */
    uint8_t type;
    uint8_t flags;
    char name[];
};

struct layer_set {
    uint32_t count;
    uint16_t layers[]; /* from the top */
};

struct dir {
    struct realdir **reals; /* from the top */
    uint32_t n_reals;
    bool is_loaded;
    mode_t mode;             /* of the directory as shown; for S_ISGID */
    struct dentry **buckets; /* a power of two of them */
    uint32_t n_buckets, n_entries;
    struct dentry **order; /* by cookie; NULL where something was removed */
    uint32_t n_order, order_cap, n_listed, n_subdirs;
    uint64_t last_cookie;
};

struct overlay {
    pthread_mutex_t lock;
    pthread_cond_t copied;
    const struct options *opts; /* borrowed */
    struct layer *layers;       /* owned, n_layers */
    size_t n_layers;
    bool writable;
    bool wh_known;      /* which of these it is was found out */
    bool wh_xattrs;     /* whiteouts are empty files with an attribute */
    bool wh_files;      /* whiteouts cannot be devices here */
    int work_fd;        /* staging directory on the upper directory's file system; -1 */
    uint64_t staged;    /* counter for names in it */
    bool have_whiteout; /* work_fd holds "whiteout", to be linked */
    struct node *root;
    struct node **inodes; /* nodes with several links, by (file system, inode) */
    size_t n_inode_buckets, n_inodes;
    struct origins *origins; /* what was copied up (origin.h) */
    struct changes *changes; /* directories that were changed (changes.h) */
    struct quota *quota;     /* limits (quota.h), or NULL */
    struct realdir *dirs_newest, *dirs_oldest;
    struct file *files_newest, *files_oldest;
    uint32_t n_dirs_open, n_files_open, max_dirs_open, max_files_open;
    uid_t fs_uid; /* what a file belongs to that this process makes */
    gid_t fs_gid;
    uid_t overflow_uid; /* how ids look that have no meaning in this user namespace */
    gid_t overflow_gid;
    double timeout;
    struct protocol *protocol;                     /* what the kernel offered (protocol.h) */
    struct habit habit;                            /* what listings are for */
    char *dents;                                   /* buffer for getdents64(2) and small files, used under the lock */
    struct file *unwritten[OVERLAY_UNWRITTEN_MAX]; /* copied up, not yet on their way to the disk (writeout.h) */
    atomic_uint n_unwritten;                       /* changes under the lock */
};

/* Open the layers and the upper and work directories named in `opts`, which stays borrowed; makes the root node.
 * ERR_NOT_FOUND, ERR_INVALID, ERR_UNSUPPORTED; the text names the directory. */
struct err *overlay_open(const struct options *opts, struct overlay **ret) ERR_RESULT;
/* Empty the work directory and close everything. */
void overlay_close(struct overlay *fs);

static inline bool overlay_is_upper(const struct overlay *fs, unsigned layer)
{
    return fs->writable && layer == LAYER_UPPER;
}

/* An entry name in a request: one component, not "." or "..", not one of the format's own. 0, -ENOENT … */
static inline bool overlay_name_is_own(const char *name)
{
    return name[0] == '.' && name[1] == 'w' && name[2] == 'h' && name[3] == '.';
}
