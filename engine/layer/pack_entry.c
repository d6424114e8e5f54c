/* From a file and its stat to a header. Numbers only: names of users and groups belong to this host, and the image has
 * its own. Access and change times, inode and device numbers are left out, since they would give the same tree another
 * digest each time.
 */
#include "engine/layer/pack_entry.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/override.h"
#include "engine/layer/name.h"
#include "engine/layer/whiteout.h"

#define PACK_BUF ((size_t)256 << 10)
#define PACK_XATTRS_MAX ((size_t)64 << 10) /* XATTR_LIST_MAX and XATTR_SIZE_MAX of Linux */
#define PACK_NOBODY 65534
#define PACK_HOLES_MAX 4096 /* more fragments than this: packed as it reads */

static void pack_entry_freep(struct archive_entry **e)
{
    archive_entry_free(*e);
}
#define AUTO_ENTRY __attribute__((cleanup(pack_entry_freep)))

void pack_done(struct pack *p)
{
    sink_free(p->sink);
    strbuf_done(&p->name);
    inodes_done(&p->seen);
    free(p->buf);
}

/* As the container counts them. What it has no id for is nobody's there, as it sees it itself. */
static uint32_t pack_id(const struct idmap *m, uint32_t id)
{
    uint32_t ct;
    if (!m->count)
        return id;
    return idmap_to_ct(m, id, &ct) ? ct : PACK_NOBODY;
}

static struct err *pack_entry_new(const struct pack *p, const char *name, const struct stat *st,
                                  struct archive_entry **ret)
{
    bool is_dir = S_ISDIR(st->st_mode), plain = p->mode == PACK_FILES;
    struct archive_entry *e = archive_entry_new();
    if (!e)
        return err_oom();
    archive_entry_copy_pathname(e, name);
    archive_entry_set_filetype(e, st->st_mode & S_IFMT);
    archive_entry_set_perm(e, !plain ? st->st_mode & 07777 : is_dir ? 0755 : 0644);
    archive_entry_set_uid(e, plain ? 0 : pack_id(&p->opts->uids, st->st_uid));
    archive_entry_set_gid(e, plain ? 0 : pack_id(&p->opts->gids, st->st_gid));
    archive_entry_set_mtime(e, plain ? 0 : st->st_mtim.tv_sec, plain ? 0 : st->st_mtim.tv_nsec);
    archive_entry_set_size(e, 0);
    *ret = e;
    return NULL;
}

/* What a layer carries: what Podman takes, and ACLs. The rest is this host's business. */
static bool pack_wants_xattr(const char *name)
{
    if (strcmp(name, OVERRIDE_RECORD) == 0)
        return false;
    return (strncmp(name, "user.", 5) == 0 && !whiteout_owns_xattr(name)) || strcmp(name, "security.capability") == 0 ||
           strcmp(name, "system.posix_acl_access") == 0 || strcmp(name, "system.posix_acl_default") == 0;
}

static struct err *pack_add_xattrs(struct archive_entry *e, int fd)
{
    ssize_t len = flistxattr(fd, NULL, 0);
    if (len <= 0) /* none, or no such thing on this file system */
        return NULL;
    AUTO_FREE char *names = mem_alloc(PACK_XATTRS_MAX);
    AUTO_FREE char *value = mem_alloc(PACK_XATTRS_MAX);
    if (!names || !value)
        return err_oom();
    len = flistxattr(fd, names, PACK_XATTRS_MAX);
    for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
        if (!pack_wants_xattr(names + at))
            continue;
        ssize_t size = fgetxattr(fd, names + at, value, PACK_XATTRS_MAX);
        if (size < 0 && errno != ENODATA)
            return ERR_SYS(errno, "read extended attribute %s", names + at);
        if (size >= 0)
            archive_entry_xattr_add_entry(e, names + at, value, (size_t)size);
    }
    return NULL;
}

static struct err *pack_put(struct pack *p, struct archive_entry *e)
{
    p->entries++;
    return sink_entry(p->sink, e);
}

void pack_entry_owner(const struct pack *p, int fd, struct stat *st)
{
    struct override o;
    if (p->opts->single_id && override_read_fd(fd, &o))
        override_apply(&o, st);
}

struct err *pack_entry_directory(struct pack *p, int fd, const struct stat *st)
{
    AUTO_ENTRY struct archive_entry *e = NULL;
    TRY(pack_entry_new(p, p->name.len ? strbuf_str(&p->name) : ".", st, &e));
    if (p->mode != PACK_FILES)
        TRY(pack_add_xattrs(e, fd));
    return pack_put(p, e);
}

/* The map of a sparse file comes from the file system (lseek(2) SEEK_DATA). Where that knows no holes, the file is
 * packed in full, as is a file without holes. The position of the file is moved. */
static void pack_add_holes(struct archive_entry *e, int fd, const struct stat *st)
{
    if ((uint64_t)st->st_blocks * 512 >= (uint64_t)st->st_size)
        return;
    int n = 0;
    for (off_t at = 0; at < st->st_size && n < PACK_HOLES_MAX; n++) {
        off_t data = lseek(fd, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO && n == 0) /* one hole only; an empty piece at its end says so */
            archive_entry_sparse_add_entry(e, st->st_size, 0);
        if (data < 0)
            break;
        off_t hole = lseek(fd, data, SEEK_HOLE);
        if (hole < 0 || (data == 0 && hole >= st->st_size))
            break;
        archive_entry_sparse_add_entry(e, data, (hole < st->st_size ? hole : st->st_size) - data);
        at = hole;
    }
    if (n == PACK_HOLES_MAX)
        archive_entry_sparse_clear(e);
}

/* libarchive wants the holes as zeros, and leaves them out. */
static struct err *pack_data(struct pack *p, int fd, uint64_t size)
{
    if (!p->buf && !(p->buf = mem_alloc(PACK_BUF)))
        return err_oom();
    for (uint64_t at = 0; at < size;) {
        ssize_t n = pread(fd, p->buf, PACK_BUF, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_SYS(errno, "read");
        if (n == 0)
            break;
        TRY(sink_data(p->sink, p->buf, (size_t)n));
        at += (uint64_t)n;
    }
    p->bytes += size;
    return NULL;
}

struct err *pack_entry_file(struct pack *p, int fd, const struct stat *st)
{
    AUTO_ENTRY struct archive_entry *e = NULL;
    const char *name = strbuf_str(&p->name), *first = NULL;
    TRY(pack_entry_new(p, name, st, &e));
    if (p->mode != PACK_FILES && st->st_nlink > 1)
        TRY(inodes_see(&p->seen, st, name, &first));
    if (first) {
        archive_entry_copy_hardlink(e, first);
        return pack_put(p, e);
    }
    archive_entry_set_size(e, st->st_size);
    if (p->mode != PACK_FILES) {
        TRY(pack_add_xattrs(e, fd));
        pack_add_holes(e, fd, st);
    }
    TRY(pack_put(p, e));
    return pack_data(p, fd, (uint64_t)st->st_size);
}

struct err *pack_entry_other(struct pack *p, int dirfd, const char *name, const struct stat *st)
{
    AUTO_ENTRY struct archive_entry *e = NULL;
    const char *first = NULL;
    if (p->mode == PACK_FILES && !S_ISLNK(st->st_mode))
        return ERR_NEW(ERR_INVALID, "a FIFO or device cannot be part of an image archive");
    TRY(pack_entry_new(p, strbuf_str(&p->name), st, &e));
    if (p->mode != PACK_FILES && st->st_nlink > 1)
        TRY(inodes_see(&p->seen, st, strbuf_str(&p->name), &first));
    if (first)
        archive_entry_copy_hardlink(e, first);
    else if (S_ISLNK(st->st_mode)) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(dirfd, name, target, sizeof(target) - 1);
        if (n < 0)
            return errno == ENOENT || errno == EINVAL ? NULL : ERR_SYS(errno, "read symbolic link");
        target[n] = '\0';
        archive_entry_copy_symlink(e, target);
    } else if (!S_ISFIFO(st->st_mode))
        archive_entry_set_rdev(e, st->st_rdev);
    return pack_put(p, e);
}

/* An empty file in the same directory; owner and time of the mark. */
static struct err *pack_mark(struct pack *p, const char *name, const struct stat *st)
{
    AUTO_ENTRY struct archive_entry *e = NULL;
    struct stat mark = {.st_mode = S_IFREG, .st_uid = st->st_uid, .st_gid = st->st_gid, .st_mtim = st->st_mtim};
    TRY(pack_entry_new(p, name, &mark, &e));
    return pack_put(p, e);
}

struct err *pack_entry_whiteout(struct pack *p, const struct stat *st)
{
    AUTO_FREE char *name = NULL;
    const char *victim = strbuf_str(&p->name);
    size_t parent = name_parent_len(victim);
    TRY(mem_asprintf(&name, "%.*s%s" WHITEOUT_PREFIX "%s", (int)parent, victim, parent ? "/" : "", name_last(victim)));
    return pack_mark(p, name, st);
}

struct err *pack_entry_opaque(struct pack *p, const struct stat *st)
{
    AUTO_FREE char *name = NULL;
    TRY(mem_asprintf(&name, "%s%s" WHITEOUT_OPAQUE, strbuf_str(&p->name), p->name.len ? "/" : ""));
    return pack_mark(p, name, st);
}
