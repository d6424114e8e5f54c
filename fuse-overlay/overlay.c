#include "fuse-overlay/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/override.h"
#include "fuse-overlay/changes.h"
#include "fuse-overlay/node.h"
#include "fuse-overlay/origin.h"
#include "fuse-overlay/quota.h"
#include "fuse-overlay/realdir.h"

#define OVERLAY_STAGING "work" /* below workdir, where the kernel's overlay stages as well */
#define OVERLAY_OPEN_MAX 2048  /* directories or files whose descriptors are kept */

/* Attributes that hold owner and mode, as fuse-overlayfs and containers/storage write them. */
static const char *const override_names[] = {
    "user.containers.override_stat",
    "user.fuseoverlayfs.override_stat",
    "security.fuseoverlayfs.override_stat",
};

static struct err *layer_open(const char *path, struct layer *ret)
{
    struct stat st;
    struct statvfs vfs;
    AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open layer %s", path);
    if (fstat(fd, &st) < 0 || fstatvfs(fd, &vfs) < 0)
        return ERR_SYS(errno, "look at layer %s", path);
    *ret = (struct layer){.dev = st.st_dev, .is_nosuid = vfs.f_flag & ST_NOSUID};
    /* The top directory of a layer tells whether owners are in attributes. */
    if (flistxattr(fd, NULL, 0) > 0) {
        for (size_t i = 0; i < ARRAY_LEN(override_names) && !ret->override_xattr; i++) {
            if (fgetxattr(fd, override_names[i], NULL, 0) >= 0)
                ret->override_xattr = override_names[i];
        }
    }
    ret->fd = TAKE_FD(fd);
    return NULL;
}

/* Number the file systems: inode numbers are unique only within one. */
static void layers_number(struct overlay *fs)
{
    uint32_t next = 0;
    for (size_t i = 0; i < fs->n_layers; i++) {
        size_t same = 0;
        while (fs->layers[same].dev != fs->layers[i].dev)
            same++;
        fs->layers[i].dev_index = same < i ? fs->layers[same].dev_index : next++;
    }
}

static struct err *layers_open(struct overlay *fs)
{
    const struct options *o = fs->opts;
    fs->layers = mem_zalloc((o->lowers.count + 1) * sizeof(struct layer));
    if (!fs->layers)
        return err_oom();
    if (o->upper) {
        TRY(layer_open(o->upper, &fs->layers[0]));
        fs->n_layers = 1;
        fs->writable = true;
        if (o->xattr_permissions)
            fs->layers[0].override_xattr = override_names[o->xattr_permissions == 1 ? 2 : 0];
    }
    for (size_t i = 0; i < o->lowers.count; i++) {
        TRY(layer_open(o->lowers.items[i], &fs->layers[fs->n_layers]));
        fs->n_layers++;
    }
    layers_number(fs);
    return NULL;
}

/* An empty staging directory. What is in it was left by a mount that ended badly. */
static struct err *work_open(struct overlay *fs)
{
    const char *path = fs->opts->work;
    struct stat st;
    AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open workdir %s", path);
    if (fstat(fd, &st) < 0)
        return ERR_SYS(errno, "look at workdir %s", path);
    if (st.st_dev != fs->layers[0].dev)
        return ERR_NEW(ERR_INVALID, "workdir %s is not on the file system of upperdir", path);
    if (mkdirat(fd, OVERLAY_STAGING, 0700) < 0) {
        if (errno != EEXIST)
            return ERR_SYS(errno, "create a directory in workdir %s", path);
        TRY_WRAP(file_remove_tree(fd, OVERLAY_STAGING), "empty workdir %s", path);
        if (mkdirat(fd, OVERLAY_STAGING, 0700) < 0)
            return ERR_SYS(errno, "create a directory in workdir %s", path);
    }
    fs->work_fd = openat(fd, OVERLAY_STAGING, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fs->work_fd < 0 ? ERR_SYS(errno, "open the staging directory in workdir %s", path) : NULL;
}

/* Mark the upper directory as one whose owners are in attributes, as fuse-overlayfs does. */
static struct err *upper_mark(const struct overlay *fs)
{
    const struct layer *l = &fs->layers[0];
    if (!fs->opts->xattr_permissions || fgetxattr(l->fd, l->override_xattr, NULL, 0) >= 0)
        return NULL;
    struct stat st;
    char text[OVERRIDE_MAX];
    if (fstat(l->fd, &st) < 0)
        return ERR_SYS(errno, "look at upperdir %s", fs->opts->upper);
    struct override o = {.uid = st.st_uid, .gid = st.st_gid, .mode = st.st_mode};
    if (fsetxattr(l->fd, l->override_xattr, text, override_format(&o, text), 0) < 0)
        return ERR_SYS(errno, "set attribute %s of upperdir %s", l->override_xattr, fs->opts->upper);
    return NULL;
}

static struct err *root_make(struct overlay *fs)
{
    struct stat st;
    if (fstat(fs->layers[0].fd, &st) < 0)
        return ERR_SYS(errno, "look at the topmost layer");
    struct node *root = node_new(DT_DIR, 0, st.st_ino, origin_ino(fs, 0, st.st_ino));
    if (!root)
        return err_oom();
    fs->root = root;
    root->refs = 1;
    root->dir->reals = mem_alloc(fs->n_layers * sizeof(struct realdir *));
    if (!root->dir->reals)
        return err_oom();
    for (size_t i = 0; i < fs->n_layers; i++) {
        struct realdir *rd = realdir_new(NULL, ".", (unsigned)i, fs->layers[i].fd);
        if (!rd)
            return err_oom();
        root->dir->reals[root->dir->n_reals++] = rd;
        fs->layers[i].fd = -1; /* its realdir owns it */
    }
    return NULL;
}

/* As many descriptors as this process may have; half of them for keeping directories and files open. */
static void limits_raise(struct overlay *fs)
{
    struct rlimit l = {.rlim_cur = 1024, .rlim_max = 1024};
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        struct rlimit more = {.rlim_cur = l.rlim_max, .rlim_max = l.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &more) == 0)
            l = more;
    }
    rlim_t used = fs->n_layers + 32 + OVERLAY_UNWRITTEN_MAX, left = l.rlim_cur > used ? l.rlim_cur - used : 0;
    rlim_t each = left / 4 < OVERLAY_OPEN_MAX ? left / 4 : OVERLAY_OPEN_MAX;
    fs->max_dirs_open = fs->max_files_open = each < 8 ? 8 : (uint32_t)each;
}

/* The id that stands for those without a meaning here (user_namespaces(7)). */
static uint32_t overflow_id(const char *path)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    uint64_t id = 65534;
    struct err *e = file_read(AT_FDCWD, path, 64, &text, &len);
    if (!e) {
        text[strcspn(text, "\n")] = '\0';
        e = number_parse_u64(text, UINT32_MAX, &id);
    }
    err_drop(e);
    return (uint32_t)id;
}

static struct err *overlay_start(struct overlay *fs)
{
    TRY(layers_open(fs));
    if (fs->writable) {
        TRY(work_open(fs));
        TRY(upper_mark(fs));
        TRY(quota_open(fs));
    }
    fs->fs_uid = geteuid();
    fs->fs_gid = getegid();
    fs->overflow_uid = overflow_id("/proc/sys/kernel/overflowuid");
    fs->overflow_gid = overflow_id("/proc/sys/kernel/overflowgid");
    fs->timeout = fs->opts->timeout;
    habit_init(&fs->habit);
    fs->origins = origins_new();
    fs->changes = changes_new();
    fs->dents = mem_alloc(OVERLAY_DENTS_BYTES);
    if (!fs->origins || !fs->changes || !fs->dents)
        return err_oom();
    limits_raise(fs);
    return root_make(fs);
}

struct err *overlay_open(const struct options *opts, struct overlay **ret)
{
    struct overlay *fs = mem_zalloc(sizeof(*fs));
    if (!fs)
        return err_oom();
    fs->opts = opts;
    fs->work_fd = -1;
    (void)pthread_mutex_init(&fs->lock, NULL);
    (void)pthread_cond_init(&fs->copied, NULL);
    struct err *e = overlay_start(fs);
    if (e)
        overlay_close(fs);
    else
        *ret = fs;
    return e;
}

/* The process ends: what the kernel still remembers is not freed one by one. */
void overlay_close(struct overlay *fs)
{
    if (!fs)
        return;
    for (size_t i = 0; i < fs->n_layers; i++)
        fd_close(fs->layers[i].fd);
    fd_close(fs->work_fd);
    origins_free(fs->origins);
    changes_free(fs->changes);
    quota_free(fs->quota);
    mem_freep(&fs->dents);
    mem_freep(&fs->inodes);
    mem_freep(&fs->layers);
    (void)pthread_cond_destroy(&fs->copied);
    (void)pthread_mutex_destroy(&fs->lock);
    mem_freep(&fs);
}
