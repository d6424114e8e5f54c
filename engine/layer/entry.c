/* How an entry is made: try to create it, exclusively and without following links; if the name is taken, decide what
 * becomes of what is there, and try again. The common case, a new name, costs no lookup of its own:
 *
 *     file        openat(O_EXCL), pwrite, futimens, close; fchown and fchmod if they are needed
 *     directory   mkdirat, openat, fchmod, futimens, close
 *
 * Nothing that exists is opened for writing: a file that is replaced is unlinked first, so that its other hard links,
 * and whatever a link of that name points to, keep their content.
 */
#include "engine/layer/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/layer/name.h"
#include "engine/layer/whiteout.h"

#define ENTRY_WRITE_BACK_BYTES ((int64_t)256 << 10)

/* A directory is not to be replaced by something else. */
static struct err *entry_check_kind(const struct entry_ctx *c, const struct dirs_place *place)
{
    struct stat st;
    if (c->into_tree && file_is_mount(place->fd, place->name))
        return ERR_SYS(EBUSY, "replace what is mounted there");
    if (!c->keep_kinds || fstatat(place->fd, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
        return NULL;
    return ERR_NEW(ERR_EXISTS, "cannot overwrite a directory with something else");
}

struct err *entry_clear(struct entry_ctx *c, const struct dirs_place *place)
{
    TRY(entry_check_kind(c, place));
    TRY(file_remove_tree(place->fd, place->name));
    /* Directories that are gone may be on the other stack. */
    dirs_reset(c->links);
    return NULL;
}

static struct err *entry_write_at(int fd, const char *data, size_t len, uint64_t offset)
{
    while (len) {
        ssize_t n = pwrite(fd, data, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_SYS(errno, "write");
        data += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return NULL;
}

/* Every limit is checked before the write that would pass it. Sizes of files with holes are checked one by one, not
 * summed up: /var/log/lastlog of some images has 300 GB, all of them holes. */
struct err *entry_write_data(struct entry_ctx *c, int fd, int64_t size)
{
    uint64_t end = 0;
    if (size < 0 || (uint64_t)size > c->max_bytes)
        return ERR_NEW(size < 0 ? ERR_INVALID : ERR_NO_SPACE, "a file of %lld bytes, where the limit is %llu",
                       (long long)size, (unsigned long long)c->max_bytes);
    for (;;) {
        const void *data = NULL;
        size_t len = 0;
        uint64_t offset = 0;
        TRY(tar_data(c->tar, &data, &len, &offset));
        if (!len)
            break;
        c->bytes += len;
        if (c->bytes > c->max_bytes)
            return ERR_NEW(ERR_NO_SPACE, "the files are larger than the limit of %llu bytes",
                           (unsigned long long)c->max_bytes);
        if (offset > (uint64_t)size || len > (uint64_t)size - offset)
            return ERR_NEW(ERR_CORRUPT, "the data goes beyond the size of the file");
        TRY(entry_write_at(fd, data, len, offset));
        end = offset + len;
    }
    if (end < (uint64_t)size && ftruncate(fd, size) < 0)
        return ERR_SYS(errno, "make a hole");
    return NULL;
}

/* The data is written before owner and mode are set: a setuid bit would not survive the writes. */
static struct err *entry_regular(struct entry_ctx *c, const struct dirs_place *place, const struct meta *m)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    mode_t mode = m->mode & 0777;
    AUTO_FD int fd = openat(place->fd, place->name, flags, mode);
    if (fd < 0 && errno == EEXIST && c->into_tree && file_is_mount(place->fd, place->name)) {
        fd = openat(place->fd, place->name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        mode = (mode_t)-1;
    } else if (fd < 0 && errno == EEXIST) {
        TRY(entry_clear(c, place));
        fd = openat(place->fd, place->name, flags, mode);
    }
    if (fd < 0)
        return ERR_SYS(errno, "create");
    TRY(entry_write_data(c, fd, archive_entry_size(m->entry)));
    if (archive_entry_size(m->entry) >= ENTRY_WRITE_BACK_BYTES) /* as for input.c's copy: the disk begins now */
        (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return meta_apply_fd(&c->rules, m, fd, place->gid, mode);
}

/* The name is taken. *ret_opaque: by a whiteout of this layer, so that the directory must hide what is below. */
static struct err *entry_directory_over(struct entry_ctx *c, const struct dirs_place *place, bool *ret_opaque)
{
    struct stat st;
    if (fstatat(place->fd, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "stat");
    if (S_ISDIR(st.st_mode))
        return NULL;
    if (c->keep_kinds)
        return ERR_NEW(ERR_EXISTS, "exists but is not a directory");
    *ret_opaque = whiteout_is_one(place->fd, place->name, &st);
    TRY(entry_clear(c, place));
    return mkdirat(place->fd, place->name, 0700) < 0 ? ERR_SYS(errno, "make directory") : NULL;
}

/* Made private, and opened by the mode that the archive says only when everything else about it is set. */
static struct err *entry_directory(struct entry_ctx *c, const struct dirs_place *place, const struct meta *m)
{
    bool opaque = false;
    gid_t gid = place->gid;
    mode_t mode = 0700;
    if (mkdirat(place->fd, place->name, 0700) < 0) {
        if (errno != EEXIST)
            return ERR_SYS(errno, "make directory");
        gid = (gid_t)-1; /* perhaps an old directory: whatever it had until now */
        mode = (mode_t)-1;
        TRY(entry_directory_over(c, place, &opaque));
    }
    AUTO_FD int fd = openat(place->fd, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open directory");
    if (opaque)
        TRY(whiteout_set_opaque(fd));
    return meta_apply_fd(&c->rules, m, fd, gid, mode);
}

struct err *entry_root(struct entry_ctx *c, const struct meta *m)
{
    if (archive_entry_filetype(m->entry) != AE_IFDIR || archive_entry_hardlink(m->entry))
        return ERR_NEW(ERR_INVALID, "the root of the layer is not a directory");
    TRY(meta_apply_fd(&c->rules, m, c->rootfd, (gid_t)-1, (mode_t)-1));
    dirs_set_root_time(c->dirs, &m->times[1]);
    return NULL;
}

/* Any target is fine: it is text, and means something only in the container. */
static struct err *entry_symlink(struct entry_ctx *c, const struct dirs_place *place, const struct meta *m)
{
    const char *target = archive_entry_symlink(m->entry);
    if (!target || !*target || strlen(target) >= PATH_MAX)
        return ERR_NEW(ERR_INVALID, "a symbolic link whose target is missing or too long");
    if (symlinkat(target, place->fd, place->name) < 0) {
        if (errno != EEXIST)
            return ERR_SYS(errno, "make symbolic link");
        TRY(entry_clear(c, place));
        if (symlinkat(target, place->fd, place->name) < 0)
            return ERR_SYS(errno, "make symbolic link");
    }
    return meta_apply_at(&c->rules, m, place, true);
}

static struct err *entry_fifo(struct entry_ctx *c, const struct dirs_place *place, const struct meta *m)
{
    if (mknodat(place->fd, place->name, S_IFIFO | 0600, 0) < 0) {
        if (errno != EEXIST)
            return ERR_SYS(errno, "make FIFO");
        TRY(entry_clear(c, place));
        if (mknodat(place->fd, place->name, S_IFIFO | 0600, 0) < 0)
            return ERR_SYS(errno, "make FIFO");
    }
    return meta_apply_at(&c->rules, m, place, false);
}

/* The link replaces what has its name, unless that is the very same file already. */
static struct err *entry_link_over(struct entry_ctx *c, const struct dirs_place *from, const struct dirs_place *place)
{
    struct stat a, b;
    if (fstatat(from->fd, from->name, &a, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(place->fd, place->name, &b, AT_SYMLINK_NOFOLLOW) < 0)
        return ERR_SYS(errno, "stat");
    if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return NULL;
    if (S_ISDIR(a.st_mode))
        return ERR_NEW(ERR_INVALID, "a hard link to a directory");
    TRY(entry_check_kind(c, place));
    /* Not entry_clear(): `from` must stay valid. If its directory goes with what is removed here, linkat() says so. */
    TRY(file_remove_tree(place->fd, place->name));
    struct err *e =
        linkat(from->fd, from->name, place->fd, place->name, 0) < 0 ? ERR_SYS(errno, "make hard link") : NULL;
    dirs_reset(c->links);
    return e;
}

static struct err *entry_link_failed(const char *target, int errnum)
{
    if (errnum == ENOENT)
        return ERR_SYS_AS(ERR_INVALID, errnum, "a hard link to \"%s\", which is not in this layer",
                          name_text(target).s);
    if (errnum == EPERM)
        return ERR_SYS_AS(ERR_INVALID, errnum, "a hard link to \"%s\", which cannot be linked", name_text(target).s);
    return ERR_SYS(errnum, "make hard link to %s", name_text(target).s);
}

/* The target is a name of this archive; its parents are followed as those of an entry are, itself it is not (linkat
 * without AT_SYMLINK_FOLLOW): a link to a symbolic link is a second name of that link. Owner, mode and times are the
 * inode's, set with its first name. */
static struct err *entry_hardlink(struct entry_ctx *c, const struct dirs_place *place, const char *target)
{
    struct dirs_place from;
    AUTO_FREE char *clean = mem_alloc(NAME_BYTES_MAX + 1);
    if (!clean)
        return err_oom();
    TRY(name_clean(target, "hard link to", clean));
    if (!*clean)
        return ERR_NEW(ERR_INVALID, "a hard link to the root of the layer");
    struct err *e = dirs_find(c->links, clean, false, &from);
    if (e) {
        int errnum = err_errno(e);
        if (errnum != ENOENT)
            return ERR_WRAP(e, "a hard link to \"%s\"", name_text(target).s);
        err_drop(e);
        return entry_link_failed(target, errnum);
    }
    if (linkat(from.fd, from.name, place->fd, place->name, 0) == 0)
        return NULL;
    return errno == EEXIST ? entry_link_over(c, &from, place) : entry_link_failed(target, errno);
}

/* Not possible in a user namespace; images bring a few (/dev/null), and the runtime makes /dev anew. As Podman does. A
 * user with one id has a record of it: an empty file, which is shown as what it stands for. A device 0/0 would be a
 * whiteout that is none. */
static struct err *entry_device(struct entry_ctx *c, const struct dirs_place *place, const struct meta *m)
{
    if (c->rules.single_id && !c->into_tree && archive_entry_rdev(m->entry) != 0)
        return entry_regular(c, place, m);
    c->devices_skipped++;
    return NULL;
}

struct err *entry_make(struct entry_ctx *c, const char *name, const struct meta *m)
{
    struct dirs_place place;
    const char *hardlink = archive_entry_hardlink(m->entry);
    TRY(dirs_find(c->dirs, name, true, &place));
    dirs_touch(c->dirs);
    if (hardlink)
        return entry_hardlink(c, &place, hardlink);
    switch (archive_entry_filetype(m->entry)) {
    case AE_IFREG:
        return entry_regular(c, &place, m);
    case AE_IFDIR:
        return entry_directory(c, &place, m);
    case AE_IFLNK:
        return entry_symlink(c, &place, m);
    case AE_IFIFO:
        return entry_fifo(c, &place, m);
    case AE_IFCHR:
    case AE_IFBLK:
        return entry_device(c, &place, m);
    default:
        return ERR_NEW(ERR_INVALID, "an entry of a type that a layer cannot hold");
    }
}
