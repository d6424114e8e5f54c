#include "fuse-overlay/xattr.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuse-overlay/attr.h"
#include "fuse-overlay/changes.h"
#include "fuse-overlay/copyup.h"
#include "fuse-overlay/quota.h"
#include "fuse-overlay/xattrname.h"

/* By descriptor for what has no name any more; else a name relative to the working directory, which belongs to whoever
 * holds the lock: there is no getxattrat(2) before Linux 6.13. */
static int xattr_place(struct overlay *fs, struct node *n, int *ret_fd, const char **ret_name)
{
    int dirfd = -1;
    int r = attr_place(fs, n, &dirfd, ret_name);
    *ret_fd = -1;
    if (r == -ESTALE && n->file && !n->file->is_path) {
        *ret_fd = n->file->fd;
        return 0;
    }
    if (r < 0)
        return r == -ESTALE ? -EOPNOTSUPP : r;
    return fchdir(dirfd) < 0 ? -errno : 0;
}

static ssize_t xattr_list_raw(int fd, const char *name, char *buf, size_t size)
{
    ssize_t n = fd >= 0 ? flistxattr(fd, buf, size) : llistxattr(name, buf, size);
    return n < 0 ? -errno : n;
}

/* None at all? Asked once for each node. */
static bool xattr_is_plain(struct node *n, int fd, const char *name)
{
    if (n->flags & NODE_PLAIN)
        return true;
    ssize_t len = xattr_list_raw(fd, name, NULL, 0);
    if (len != 0 && len != -EOPNOTSUPP) /* a file system without them: who asks for access lists wants to hear "none" */
        return false;
    n->flags |= NODE_PLAIN;
    return true;
}

/* Ids in an access control list (acl(5), linux/posix_acl_xattr.h): a version, then tag, permissions, id. */
struct xattr_acl_entry {
    uint16_t tag, perm;
    uint32_t id;
};
#define ACL_TAG_USER 2
#define ACL_TAG_GROUP 8

static bool xattr_is_acl(const struct overlay *fs, const char *name)
{
    return (fs->opts->uids.count || fs->opts->gids.count) && strncmp(name, "system.posix_acl_", 17) == 0;
}

static int xattr_map_acl(const struct overlay *fs, char *value, size_t size, bool to_disk)
{
    struct xattr_acl_entry e;
    for (size_t at = 4; at + sizeof(e) <= size; at += sizeof(e)) {
        memcpy(&e, value + at, sizeof(e));
        unsigned tag = le16toh(e.tag);
        if (tag != ACL_TAG_USER && tag != ACL_TAG_GROUP)
            continue;
        const struct ids_map *map = tag == ACL_TAG_USER ? &fs->opts->uids : &fs->opts->gids;
        uint32_t id = le32toh(e.id), mapped = 0;
        int r = to_disk ? ids_to_host(map, id, &mapped) : 0;
        if (r < 0)
            return -EINVAL;
        e.id = htole32(to_disk ? mapped : ids_to_ct(map, id, fs->overflow_uid));
        memcpy(value + at, &e, sizeof(e));
    }
    return 0;
}

int xattr_get(struct overlay *fs, struct node *n, const char *name, char *buf, size_t size)
{
    char disk[XATTRNAME_MAX + 1];
    const char *place = NULL;
    int fd = -1;
    int r = xattrname_to_disk(name, disk);
    if (r < 0 || n->flags & NODE_PLAIN)
        return r < 0 ? r : -ENODATA;
    r = xattr_place(fs, n, &fd, &place);
    if (r < 0)
        return r;
    if (xattr_is_plain(n, fd, place))
        return -ENODATA;
    ssize_t len = fd >= 0 ? fgetxattr(fd, disk, buf, size) : lgetxattr(place, disk, buf, size);
    if (len < 0)
        return -errno;
    if (size && xattr_is_acl(fs, name))
        (void)xattr_map_acl(fs, buf, (size_t)len, false);
    return (int)len;
}

/* Names as they show, in the same buffer: they are never longer than on disk. */
static size_t xattr_show_names(char *names, size_t len)
{
    size_t to = 0;
    char shown[XATTRNAME_MAX + 1];
    for (size_t at = 0; at < len;) {
        size_t n = strnlen(names + at, len - at) + 1;
        if (at + n > len)
            break;
        if (xattrname_to_tree(names + at, shown)) {
            size_t shown_len = strlen(shown) + 1;
            memmove(names + to, shown, shown_len);
            to += shown_len;
        }
        at += n;
    }
    return to;
}

int xattr_list(struct overlay *fs, struct node *n, char *buf, size_t size)
{
    const char *place = NULL;
    int fd = -1;
    int r = n->flags & NODE_PLAIN ? 0 : xattr_place(fs, n, &fd, &place);
    if (r < 0 || xattr_is_plain(n, fd, place))
        return r;
    AUTO_FREE char *names = mem_alloc(XATTR_LIST_MAX);
    if (!names)
        return -ENOMEM;
    ssize_t len = xattr_list_raw(fd, place, names, XATTR_LIST_MAX);
    if (len < 0)
        return (int)len;
    size_t shown = xattr_show_names(names, (size_t)len);
    if (size && shown > size)
        return -ERANGE;
    if (size)
        memcpy(buf, names, shown);
    return (int)shown;
}

/* Into the upper layer, and there. */
static int xattr_place_up(struct overlay *fs, struct node *n, int *ret_fd, const char **ret_name)
{
    if (!fs->writable)
        return -EROFS;
    int r = n->type == DT_DIR ? copyup_dir(fs, n) : copyup_file(fs, n, -1, 0);
    if (r < 0)
        return r;
    changes_node(fs, n);
    return xattr_place(fs, n, ret_fd, ret_name);
}

/* What the file takes, with its attributes; 0 without limits (quota.h). */
static int64_t xattr_bytes(struct overlay *fs, struct node *n)
{
    struct stat st;
    return fs->quota && attr_raw(fs, n, &st) == 0 ? quota_stat_bytes(&st) : 0;
}

int xattr_set(struct overlay *fs, struct node *n, const char *name, const char *value, size_t size, int flags)
{
    char disk[XATTRNAME_MAX + 1];
    const char *place = NULL;
    int fd = -1;
    AUTO_FREE char *mapped = NULL;
    int r = xattrname_to_disk(name, disk);
    if (r == 0 && xattr_is_acl(fs, name)) {
        mapped = mem_alloc(size);
        if (!mapped)
            return -ENOMEM;
        memcpy(mapped, value, size);
        r = xattr_map_acl(fs, mapped, size, true);
        value = mapped;
    }
    if (r == 0)
        r = xattr_place_up(fs, n, &fd, &place);
    if (r < 0)
        return r;
    r = quota_take(fs, (int64_t)size, 0);
    if (r < 0)
        return r;
    int64_t before = xattr_bytes(fs, n);
    n->flags &= (uint8_t)~NODE_PLAIN;
    r = fd >= 0 ? fsetxattr(fd, disk, value, size, flags) : lsetxattr(place, disk, value, size, flags);
    r = r < 0 ? -errno : 0;
    quota_add(fs, xattr_bytes(fs, n) - before - (int64_t)size, 0);
    return r;
}

int xattr_remove(struct overlay *fs, struct node *n, const char *name)
{
    char disk[XATTRNAME_MAX + 1];
    const char *place = NULL;
    int fd = -1;
    int r = xattrname_to_disk(name, disk);
    /* What is not there need not be copied up to be removed. */
    if (r == 0)
        r = xattr_get(fs, n, name, NULL, 0);
    if (r >= 0)
        r = xattr_place_up(fs, n, &fd, &place);
    if (r < 0)
        return r;
    int64_t before = xattr_bytes(fs, n);
    r = fd >= 0 ? fremovexattr(fd, disk) : lremovexattr(place, disk);
    r = r < 0 ? -errno : 0;
    quota_add(fs, xattr_bytes(fs, n) - before, 0);
    return r;
}
