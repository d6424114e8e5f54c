/* Theory of operation
 *
 * stream.h reads, hashes and decompresses in threads of its own; this thread takes the tar apart and makes the entries.
 * Each name is cleaned lexically (name.h) and then followed from the target directory, one part at a time (dirs.h).
 * Nothing is ever opened by a path as a whole, no link is followed out of the tree, and nothing existing is written
 * to: files are created with O_EXCL, whatever had their name before is unlinked. The confinement of the process
 * (confine.h) is the second wall behind this one.
 */
#include "engine/layer/unpack.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/layer/entry.h"
#include "engine/layer/name.h"
#include "engine/layer/whiteout.h"

/* What is not done here: fsync (the store syncs a whole layer at once), cleaning up after a failure (the caller removes
 * the directory), and anything with the file system's free space but report ENOSPC. */

/* How much longer than its files a tar may be: headers, padding, what follows its end. */
#define UNPACK_HEADERS_MAX ((uint64_t)2 << 30)

struct unpack {
    const struct layer_unpack_opts *opts;
    struct stream *stream;
    struct entry_ctx ctx;
    uint64_t max_entries;
    uint64_t entries;
    char *name; /* NAME_BYTES_MAX + 1 */
};

static void unpack_done(struct unpack *u)
{
    dirs_free(u->ctx.links);
    dirs_free(u->ctx.dirs);
    tar_free(u->ctx.tar);
    stream_free(u->stream);
    free(u->name);
}
#define AUTO_UNPACK __attribute__((cleanup(unpack_done)))

static struct err *unpack_init(struct unpack *u)
{
    const struct layer_unpack_opts *o = u->opts;
    u->max_entries = o->max_entries ? o->max_entries : UNPACK_ENTRIES_MAX;
    u->ctx.max_bytes = o->max_bytes && o->max_bytes < UNPACK_BYTES_MAX ? o->max_bytes : UNPACK_BYTES_MAX;
    u->ctx.rootfd = o->target_dirfd;
    u->ctx.rules.single_id = o->single_id;
    u->ctx.rules.ignore_chown_errors = o->ignore_chown_errors;
    u->ctx.into_tree = o->insert != NULL;
    u->ctx.keep_kinds = o->insert && o->insert->keep_kinds;
    u->name = mem_alloc(NAME_BYTES_MAX + 1);
    if (!u->name)
        return err_oom();
    TRY(dirs_new(o->target_dirfd, &u->ctx.dirs));
    TRY(dirs_new(o->target_dirfd, &u->ctx.links));
    struct stream_opts so = {
        .fd = o->archive_fd,
        .copy_fd = o->blob_copy_fd,
        .max_bytes = u->ctx.max_bytes + UNPACK_HEADERS_MAX,
    };
    TRY(stream_open(&so, &u->stream));
    return tar_open(u->stream, &u->ctx.tar);
}

/* Directory `name`, "" for the root, becomes opaque. */
static struct err *unpack_opaque(struct unpack *u, const char *name)
{
    struct dirs_place place;
    TRY(dirs_find(u->ctx.dirs, name, true, &place));
    return whiteout_set_opaque(place.fd);
}

static struct err *unpack_whiteout(struct unpack *u, const char *name)
{
    struct dirs_place place;
    TRY(dirs_find(u->ctx.dirs, name, true, &place));
    dirs_touch(u->ctx.dirs);
    return whiteout_make(place.fd, place.name + sizeof(WHITEOUT_PREFIX) - 1);
}

static struct err *unpack_named(struct unpack *u, const char *name, struct archive_entry *entry)
{
    struct meta m;
    if (u->opts->format == LAYER_OVERLAY) {
        switch (whiteout_kind_of(name_last(name))) {
        case WHITEOUT_OPAQUE_DIR:
            return unpack_opaque(u, name);
        case WHITEOUT_FILE:
            return unpack_whiteout(u, name);
        case WHITEOUT_IGNORED:
            return NULL;
        case WHITEOUT_INVALID:
            return ERR_NEW(ERR_INVALID, "a whiteout of nothing that could be deleted");
        case WHITEOUT_NONE:
            break;
        }
    }
    TRY(meta_read(entry, &m));
    const struct layer_insert_opts *insert = u->opts->insert;
    if (insert && insert->own) {
        m.uid = insert->uid;
        m.gid = insert->gid;
    }
    if (insert && insert->keep_root && !*name)
        return NULL;
    return *name ? entry_make(&u->ctx, name, &m) : entry_root(&u->ctx, &m);
}

static struct err *unpack_entry(struct unpack *u, struct archive_entry *entry)
{
    const char *raw = archive_entry_pathname(entry);
    if (++u->entries > u->max_entries)
        return ERR_NEW(ERR_NO_SPACE, "the layer has more than %llu entries", (unsigned long long)u->max_entries);
    if (!raw)
        return ERR_NEW(ERR_CORRUPT, "not a valid tar archive: an entry without a name");
    TRY(name_clean(raw, "entry", u->name));
    return ERR_WRAP(unpack_named(u, u->name, entry), "%s", name_text(u->name).s);
}

static struct err *unpack_entries(struct unpack *u)
{
    for (;;) {
        struct archive_entry *entry = NULL;
        TRY(tar_next(u->ctx.tar, &entry));
        if (!entry)
            return NULL;
        TRY(unpack_entry(u, entry));
    }
}

/* Digests are compared at the end: what was unpacked until then is in a directory that nobody has seen. */
static struct err *unpack_check_digest(const char *what, const char *expected, const char *actual)
{
    if (!expected || strcmp(expected, actual) == 0)
        return NULL;
    return ERR_NEW(ERR_CORRUPT, "the %s is %s, where %s was expected", what, actual, expected);
}

struct err *unpack_layer(const struct layer_unpack_opts *opts, struct layer_result *ret)
{
    AUTO_UNPACK struct unpack u = {.opts = opts};
    struct stream_sums sums;
    TRY(unpack_init(&u));
    TRY(unpack_entries(&u));
    TRY(stream_finish(u.stream, &sums));
    TRY(unpack_check_digest("digest of the archive", opts->blob_digest, sums.blob_digest));
    TRY(unpack_check_digest("diff id of the layer", opts->diff_id, sums.tar_digest));
    *ret = (struct layer_result){
        .blob_bytes = sums.blob_bytes,
        .tar_bytes = sums.tar_bytes,
        .unpacked_bytes = u.ctx.bytes,
        .entries = u.entries,
        .ids_ignored = u.ctx.rules.ids_ignored,
        .xattrs_ignored = u.ctx.rules.xattrs_ignored,
        .devices_skipped = u.ctx.devices_skipped,
    };
    memcpy(ret->diff_id, sums.tar_digest, sizeof(ret->diff_id));
    memcpy(ret->blob_digest, sums.blob_digest, sizeof(ret->blob_digest));
    return NULL;
}
