/* Theory of operation
 *
 * The tree is walked by descriptors, each directory's names sorted by bytes, so that one tree always gives one archive.
 * An entry's type is what its open descriptor says, never what a name said before; links are not followed; a container
 * may change the tree meanwhile, and the worst that this does is an archive of two moments: a file that shrinks is
 * filled with zeros up to the size in its header, one that grows is cut there, one that vanishes is left out.
 *
 * The recursion is as deep as the tree, NAME_DEPTH_MAX at most; a level holds its names and one descriptor.
 */
#include "engine/layer/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/layer/name.h"
#include "engine/layer/pack_entry.h"
#include "engine/layer/whiteout.h"

/* All names of a directory, sorted by bytes. A second open of it, so that the position of `dirfd` stays. */
static struct err *pack_list(int dirfd, struct strv *ret)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        struct err *e = ERR_SYS(errno, "read directory");
        (void)fd_close(fd);
        return e;
    }
    struct err *e = NULL;
    errno = 0;
    for (const struct dirent *d; !e && (d = readdir(dir)); errno = 0) {
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            e = strv_add(ret, d->d_name);
    }
    if (!e && errno)
        e = ERR_SYS(errno, "read directory");
    (void)closedir(dir);
    strv_sort(ret);
    return e;
}

static struct err *pack_directory(struct pack *p, int dirfd, const struct stat *st, size_t depth);

/* A regular file or directory, which has to be opened. */
static struct err *pack_openable(struct pack *p, int dirfd, const char *name, size_t depth)
{
    struct stat st;
    AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return NULL; /* removed meanwhile */
    if (fd < 0 || fstat(fd, &st) < 0)
        return ERR_SYS(errno, "open");
    pack_entry_owner(p, fd, &st);
    if (S_ISDIR(st.st_mode))
        return pack_directory(p, fd, &st, depth + 1);
    if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) /* recorded */
        return pack_entry_other(p, dirfd, name, &st);
    return S_ISREG(st.st_mode) ? pack_entry_file(p, fd, &st) : NULL;
}

static bool pack_is_empty(int dirfd, const char *name)
{
    AUTO_STRV struct strv names = STRV_INIT;
    AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_ERR struct err *e = fd >= 0 ? pack_list(fd, &names) : NULL;
    return fd >= 0 && !e && names.count == 0;
}

/* A mount point that some runtime made: an empty file or directory of that name is no part of the tree. */
static bool pack_is_skipped(const struct pack *p, int dirfd, const char *name, const struct stat *st)
{
    const char *path = strbuf_str(&p->name);
    if (!strv_contains(&p->opts->skip, path))
        return strv_contains(&p->opts->omit, path);
    return S_ISREG(st->st_mode) ? st->st_size == 0 : S_ISDIR(st->st_mode) && pack_is_empty(dirfd, name);
}

/* p->name is the whole name of the entry. */
static struct err *pack_one(struct pack *p, int dirfd, const char *name, size_t depth)
{
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "stat");
    if (pack_is_skipped(p, dirfd, name, &st))
        return NULL;
    if (whiteout_is_one(dirfd, name, &st))
        return p->mode == PACK_DIFF ? pack_entry_whiteout(p, &st) : NULL;
    if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return pack_openable(p, dirfd, name, depth);
    return S_ISSOCK(st.st_mode) ? NULL : pack_entry_other(p, dirfd, name, &st);
}

/* p->name is the one buffer for names: each level appends to it and cuts it off again. After an error it still names
 * the entry that failed, for the message, which only the outermost level adds. */
static struct err *pack_children(struct pack *p, int dirfd, size_t depth)
{
    AUTO_STRV struct strv names = STRV_INIT;
    size_t len = p->name.len;
    TRY(pack_list(dirfd, &names));
    for (size_t i = 0; i < names.count; i++) {
        strbuf_truncate(&p->name, len);
        if (len)
            TRY(strbuf_putc(&p->name, '/'));
        TRY(strbuf_puts(&p->name, names.items[i]));
        struct err *e = pack_one(p, dirfd, names.items[i], depth);
        if (e)
            return depth ? e : ERR_WRAP(e, "%s", name_text(strbuf_str(&p->name)).s);
    }
    strbuf_truncate(&p->name, len);
    return NULL;
}

static struct err *pack_directory(struct pack *p, int dirfd, const struct stat *st, size_t depth)
{
    if (depth > NAME_DEPTH_MAX)
        return ERR_NEW(ERR_UNSUPPORTED, "directories are nested deeper than %d", NAME_DEPTH_MAX);
    TRY(pack_entry_directory(p, dirfd, st));
    if (p->mode == PACK_DIFF && whiteout_dir_is_opaque(dirfd))
        TRY(pack_entry_opaque(p, st));
    return pack_children(p, dirfd, depth);
}

/* A layer has its root as "./" with owner and time, as Podman's have; an outer archive has not. */
static struct err *pack_tree(struct pack *p, int source_dirfd)
{
    struct stat st;
    if (fstat(source_dirfd, &st) < 0)
        return ERR_SYS(errno, "stat the source directory");
    pack_entry_owner(p, source_dirfd, &st);
    if (p->opts->only) {
        TRY(strbuf_puts(&p->name, p->opts->only));
        return ERR_WRAP(pack_one(p, source_dirfd, p->opts->only, 0), "%s", name_text(strbuf_str(&p->name)).s);
    }
    if (p->opts->no_root)
        return pack_children(p, source_dirfd, 0);
    return pack_directory(p, source_dirfd, &st, 0);
}

static struct err *pack_run(struct pack *p, int source_dirfd, int archive_fd, enum layer_compression compression,
                            struct layer_result *ret)
{
    TRY(sink_open(archive_fd, compression, &p->sink));
    TRY(pack_tree(p, source_dirfd));
    TRY(sink_close(p->sink, ret));
    ret->entries = p->entries;
    ret->unpacked_bytes = p->bytes;
    return NULL;
}

struct err *pack_layer(const struct layer_pack_opts *opts, struct layer_result *ret)
{
    AUTO_PACK struct pack p = {.mode = opts->diff ? PACK_DIFF : PACK_WHOLE, .opts = opts};
    struct layer_result result = {.entries = 0};
    TRY(pack_run(&p, opts->source_dirfd, opts->archive_fd, opts->compression, &result));
    *ret = result;
    return NULL;
}

struct err *pack_archive(int source_dirfd, int archive_fd)
{
    const struct layer_pack_opts opts = {.no_root = true};
    AUTO_PACK struct pack p = {.mode = PACK_FILES, .opts = &opts};
    struct layer_result result;
    return pack_run(&p, source_dirfd, archive_fd, LAYER_PLAIN, &result);
}
