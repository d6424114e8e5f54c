/* Names: containers/image's "dir:" has blobs by the hex of their digests, the document as manifest.json and those of a
 * list's images as <hex>.manifest.json; an OCI layout has all of them in blobs/sha256, and an index of what was asked
 * for (https://github.com/opencontainers/image-spec/blob/main/image-layout.md).
 */
#include "engine/image/push_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/image/save_internal.h"

struct push_files {
    struct save save;
    struct image_save_opts opts;
    struct strv names; /* in the index: one or none */
    json_t *entries;   /* of the index */
};

static void push_files_free(struct push_files *f)
{
    strv_done(&f->names);
    json_unrefp(&f->entries);
    mem_freep(&f);
}

static bool is_dir(const struct push_files *f)
{
    return f->opts.format == IMAGE_DOCKER_DIR;
}

static struct err *prepare(struct push_files *f, const struct image_push_files *to)
{
    f->entries = json_array();
    if (!f->entries)
        return err_oom();
    if (to->reference)
        TRY(strv_add(&f->names, to->reference));
    TRY(save_begin(&f->save));
    return is_dir(f) ? save_text(&f->save, "version", SAVE_DIR_VERSION) : save_oci_dirs(&f->save);
}

struct err *push_files_open(struct engine *e, const struct image_push_files *to, struct push_files **ret)
{
    if (to->format == IMAGE_DOCKER_ARCHIVE)
        return ERR_NEW(ERR_INVALID, "docker-archive: holds images of Docker's format alone");
    struct push_files *f = mem_zalloc(sizeof *f);
    if (!f)
        return err_oom();
    f->opts =
        (struct image_save_opts){.format = to->format, .path = to->path, .fd = -1, .add = to->format == IMAGE_OCI_DIR};
    f->save = (struct save){.engine = e, .opts = &f->opts, .dirfd = -1};
    struct err *error = prepare(f, to);
    if (error) {
        error = save_end(&f->save, error);
        push_files_free(f);
        return error;
    }
    *ret = f;
    return NULL;
}

struct err *push_files_close(struct push_files *take_f, struct err *take_e)
{
    struct err *e = take_e;
    if (!e && !is_dir(take_f))
        e = save_oci_index(&take_f->save, &take_f->names, take_f->entries);
    e = save_end(&take_f->save, e);
    push_files_free(take_f);
    return e;
}

bool push_files_want_oci(const struct push_files *f)
{
    return !is_dir(f);
}

struct place {
    char s[sizeof "blobs/sha256/" + 64];
};

static struct place place_of(const struct push_files *f, const char *digest)
{
    struct place p = {.s = ""};
    const char *dir = is_dir(f) ? "" : "blobs/sha256/";
    memcpy(p.s, dir, strlen(dir));
    memcpy(p.s + strlen(dir), digest_hex(digest), 64);
    return p;
}

bool push_files_has(const struct push_files *f, const char *digest)
{
    return file_exists(f->save.dirfd, place_of(f, digest).s);
}

struct err *push_files_put_blob(struct push_files *f, const char *digest, int fd)
{
    struct place p = place_of(f, digest);
    if (file_exists(f->save.dirfd, p.s))
        return NULL;
    return save_file(&f->save, fd, p.s);
}

struct err *push_files_put_manifest(struct push_files *f, const char *text, const char *media_type, bool top)
{
    struct digest digest = digest_of(text, strlen(text));
    AUTO_FREE char *name = NULL;
    if (is_dir(f)) {
        TRY(top ? mem_strdup("manifest.json", &name) : mem_asprintf(&name, "%s.manifest.json", digest_hex(digest.s)));
        return save_text(&f->save, name, text);
    }
    TRY(save_text(&f->save, place_of(f, digest.s).s, text));
    return top ? save_oci_entry(f->entries, text, media_type, f->names.count ? f->names.items[0] : NULL) : NULL;
}
