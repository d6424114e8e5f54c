/* unpack_archive(): the outer archives of docker save and oci-archive.
 *
 * They are containers of blobs, whose names are then read by the image code: so there are only files and directories,
 * with modes of our own, and no link can stand where a file is opened later. docker save does use links, to name one
 * layer twice; as they may come before what they point to, they are collected, and made as hard links when everything
 * else is there. Targets are followed lexically, from link to link, never through directories that are links.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/layer/entry.h"
#include "engine/layer/name.h"
#include "engine/layer/unpack.h"

#define EXTRACT_ENTRIES_MAX ((uint64_t)1 << 17)
#define EXTRACT_LINKS_MAX ((size_t)1 << 16)
#define EXTRACT_HEADERS_MAX ((uint64_t)256 << 20)

/* A member that stands for another one, clean names both. */
struct extract_link {
    char *name;
    char *target;
};

struct extract {
    struct entry_ctx ctx;
    struct stream *stream;
    uint64_t entries;
    struct extract_link *links;
    size_t n_links, cap_links;
    char *name; /* each NAME_BYTES_MAX + 1 */
    char *target;
};

static void extract_done(struct extract *x)
{
    dirs_free(x->ctx.links);
    dirs_free(x->ctx.dirs);
    tar_free(x->ctx.tar);
    stream_free(x->stream);
    for (size_t i = 0; i < x->n_links; i++) {
        free(x->links[i].name);
        free(x->links[i].target);
    }
    free(x->links);
    free(x->name);
    free(x->target);
}
#define AUTO_EXTRACT __attribute__((cleanup(extract_done)))

static struct err *extract_init(struct extract *x, int archive_fd, int target_dirfd, uint64_t max_bytes)
{
    x->ctx.rootfd = target_dirfd;
    x->ctx.max_bytes = max_bytes && max_bytes < UNPACK_BYTES_MAX ? max_bytes : UNPACK_BYTES_MAX;
    x->name = mem_alloc(NAME_BYTES_MAX + 1);
    x->target = mem_alloc(NAME_BYTES_MAX + 1);
    if (!x->name || !x->target)
        return err_oom();
    TRY(dirs_new(target_dirfd, &x->ctx.dirs));
    TRY(dirs_new(target_dirfd, &x->ctx.links));
    struct stream_opts so = {.fd = archive_fd, .copy_fd = -1, .max_bytes = x->ctx.max_bytes + EXTRACT_HEADERS_MAX};
    TRY(stream_open(&so, &x->stream));
    return tar_open(x->stream, &x->ctx.tar);
}

/* The target may come later in the archive: links are made at the end. */
static struct err *extract_add_link(struct extract *x, const char *target)
{
    AUTO_FREE char *name = NULL;
    AUTO_FREE char *to = NULL;
    TRY(name_clean(target, "link to", x->target));
    TRY(mem_strdup(x->name, &name));
    TRY(mem_strdup(x->target, &to));
    TRY(mem_grow(&x->links, x->n_links, &x->cap_links, sizeof(*x->links), EXTRACT_LINKS_MAX));
    x->links[x->n_links++] = (struct extract_link){.name = TAKE_PTR(name), .target = TAKE_PTR(to)};
    return NULL;
}

/* A symbolic link is relative to the directory it is in. */
static struct err *extract_symlink(struct extract *x, const char *target)
{
    AUTO_FREE char *whole = NULL;
    if (!target || !*target || *target == '/')
        return ERR_NEW(ERR_INVALID, "a symbolic link that leads out of the archive");
    TRY(mem_asprintf(&whole, "%.*s/%s", (int)name_parent_len(x->name), x->name, target));
    return extract_add_link(x, whole);
}

static struct err *extract_regular(struct extract *x, struct archive_entry *entry)
{
    struct dirs_place place;
    TRY(dirs_find(x->ctx.dirs, x->name, true, &place));
    TRY(entry_clear(&x->ctx, &place));
    AUTO_FD int fd = openat(place.fd, place.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return ERR_SYS(errno, "create");
    return entry_write_data(&x->ctx, fd, archive_entry_size(entry));
}

static struct err *extract_directory(struct extract *x)
{
    struct dirs_place place;
    TRY(dirs_find(x->ctx.dirs, x->name, true, &place));
    return mkdirat(place.fd, place.name, 0755) < 0 && errno != EEXIST ? ERR_SYS(errno, "make directory") : NULL;
}

static struct err *extract_named(struct extract *x, struct archive_entry *entry)
{
    const char *hardlink = archive_entry_hardlink(entry);
    bool is_dir = archive_entry_filetype(entry) == AE_IFDIR;
    if (!*x->name)
        return is_dir && !hardlink ? NULL : ERR_NEW(ERR_INVALID, "the root of the archive is not a directory");
    if (hardlink)
        return extract_add_link(x, hardlink);
    if (is_dir)
        return extract_directory(x);
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return extract_regular(x, entry);
    case AE_IFLNK:
        return extract_symlink(x, archive_entry_symlink(entry));
    default:
        return ERR_NEW(ERR_INVALID, "a FIFO or device, where files are expected");
    }
}

static struct err *extract_entries(struct extract *x)
{
    for (;;) {
        struct archive_entry *entry = NULL;
        TRY(tar_next(x->ctx.tar, &entry));
        if (!entry)
            return NULL;
        const char *raw = archive_entry_pathname(entry);
        if (++x->entries > EXTRACT_ENTRIES_MAX)
            return ERR_NEW(ERR_NO_SPACE, "the archive has more than %llu entries",
                           (unsigned long long)EXTRACT_ENTRIES_MAX);
        if (!raw)
            return ERR_NEW(ERR_CORRUPT, "not a valid tar archive: an entry without a name");
        TRY(name_clean(raw, "entry", x->name));
        TRY_WRAP(extract_named(x, entry), "%s", name_text(x->name).s);
    }
}

/* *ret_made is false when the target is not there (yet: it may be another link). */
static struct err *extract_make_link(struct extract *x, const struct extract_link *l, bool *ret_made)
{
    struct dirs_place from, to;
    struct stat st;
    *ret_made = false;
    struct err *e =
        *l->target ? dirs_find(x->ctx.links, l->target, false, &from) : ERR_NEW(ERR_INVALID, "a link to a directory");
    if (e && err_errno(e) == ENOENT) {
        err_drop(e);
        return NULL;
    }
    TRY(e);
    if (fstatat(from.fd, from.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "stat %s", name_text(l->target).s);
    if (!S_ISREG(st.st_mode))
        return ERR_NEW(ERR_INVALID, "a link to a directory");
    TRY(dirs_find(x->ctx.dirs, l->name, true, &to));
    *ret_made = true;
    if (strcmp(l->name, l->target) == 0)
        return NULL;
    TRY(file_remove_tree(to.fd, to.name));
    return linkat(from.fd, from.name, to.fd, to.name, 0) < 0 ? ERR_SYS(errno, "make hard link") : NULL;
}

/* Links may lead to links: as long as a pass makes any, there may be more to make. */
static struct err *extract_links(struct extract *x)
{
    for (size_t left = x->n_links; left;) {
        size_t missing = 0;
        for (size_t i = 0; i < left; i++) {
            bool made = false;
            struct extract_link l = x->links[i];
            TRY_WRAP(extract_make_link(x, &l, &made), "%s", name_text(l.name).s);
            if (made)
                continue;
            x->links[i] = x->links[missing];
            x->links[missing++] = l;
        }
        if (missing == left)
            return ERR_NEW(ERR_INVALID, "%s: a link to \"%s\", which is not in the archive",
                           name_text(x->links[0].name).s, name_text(x->links[0].target).s);
        left = missing;
    }
    return NULL;
}

struct err *unpack_archive(int archive_fd, int target_dirfd, uint64_t max_bytes)
{
    AUTO_EXTRACT struct extract x = {.entries = 0};
    struct stream_sums sums;
    TRY(extract_init(&x, archive_fd, target_dirfd, max_bytes));
    TRY(extract_entries(&x));
    TRY(stream_finish(x.stream, &sums));
    return extract_links(&x);
}
