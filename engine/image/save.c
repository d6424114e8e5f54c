/* `save`: from images to an archive or a directory.
 *
 * The files are gathered in staging, as links to blobs, and packed from there into the archive; a directory is filled
 * directly. Blobs go out as they came in. A file appears whole or not at all; a directory that was made and could not
 * be filled is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/image/flat.h"
#include "engine/image/outside.h"
#include "engine/image/progress.h"
#include "engine/image/reference.h"
#include "engine/image/save_internal.h"
#include "engine/layer/layer.h"
#include "engine/store/digest.h"
#include "engine/store/name.h"

static const struct {
    struct err *(*fill)(const struct save *s);
    bool is_archive, several;
} formats[] = {
    [IMAGE_DOCKER_ARCHIVE] = {save_docker_archive, true, true},
    [IMAGE_OCI_ARCHIVE] = {save_oci, true, true},
    [IMAGE_OCI_DIR] = {save_oci, false, true},
    [IMAGE_DOCKER_DIR] = {save_docker_dir, false, false},
};

struct err *save_text(const struct save *s, const char *path, const char *text)
{
    return ERR_WRAP(file_write_atomic(s->dirfd, path, text, strlen(text), 0644, FILE_NOSYNC), "write %s", path);
}

struct err *save_blob(const struct save *s, const struct save_image *i, const char *digest, const char *path)
{
    AUTO_FD int from = -1;
    if (file_exists(s->dirfd, path))
        return NULL;
    TRY(i->flat ? flat_open(i->flat, digest, 0, &from) : store_blob_open(engine_store(s->engine), digest, &from, NULL));
    return save_file(s, from, path);
}

struct err *save_file(const struct save *s, int from, const char *path)
{
    struct fd_path link = fd_proc_path(from);
    if (s->may_link && linkat(AT_FDCWD, link.s, s->dirfd, path, AT_SYMLINK_FOLLOW) == 0)
        return NULL;
    AUTO_FD int to = openat(s->dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (to < 0)
        return ERR_SYS(errno, "create %s", path);
    if (lseek(from, 0, SEEK_SET) < 0)
        return ERR_SYS(errno, "seek");
    return ERR_WRAP(file_copy_data(from, to), "write %s", path);
}

struct err *save_manifest_text(const struct save *s, const struct save_image *i, bool docker, char **ret)
{
    if (i->manifest.is_docker == docker && !i->compressed)
        return image_read_manifest_text(s->engine, i->image, ret);
    return manifest_build(docker, &i->manifest.config, i->manifest.entries, i->manifest.count, i->manifest.annotations,
                          ret);
}

static struct err *compress(const struct save *s, int empty_dirfd, const char *digest, int to, struct layer_result *ret)
{
    AUTO_FD int from = -1;
    struct layer_job *job;
    TRY(store_blob_open(engine_store(s->engine), digest, &from, NULL));
    const struct layer_recode_opts opts = {.archive_fd = from,
                                           .output_fd = to,
                                           .empty_dirfd = empty_dirfd,
                                           .blob_digest = digest,
                                           .compression = LAYER_GZIP};
    TRY(layer_recode_start(&opts, &job));
    return layer_job_finish(job, ret);
}

struct err *save_compressed(const struct save *s, struct save_image *i, size_t index)
{
    static const char temporary[] = "layer.tmp";
    struct store *store = engine_store(s->engine);
    struct manifest_descriptor *d = &i->manifest.entries[index];
    struct store_staging staging;
    struct layer_result result = {.entries = 0};
    const char *type;
    AUTO_FD int to = openat(s->dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (to < 0)
        return ERR_SYS(errno, "create %s", temporary);
    TRY(store_staging_new(store, &staging)); /* empty: where the compressor is locked up */
    struct err *e = compress(s, staging.dirfd, d->digest, to, &result);
    store_staging_done(store, &staging);
    TRY_WRAP(e, "layer %s", d->digest);
    TRY(digest_check(result.blob_digest));
    if (renameat(s->dirfd, temporary, s->dirfd, digest_hex(result.blob_digest)) < 0)
        return ERR_SYS(errno, "create %s", digest_hex(result.blob_digest));
    TRY(manifest_layer_type(i->manifest.is_docker, PACKING_GZIP, &type));
    TRY(mem_replace(&d->media_type, type));
    TRY(mem_replace(&d->digest, result.blob_digest));
    d->size_bytes = result.blob_bytes;
    i->compressed = true;
    return NULL;
}

static void image_done(struct save_image *i)
{
    if (i->flat)
        flat_freep(&i->flat);
    else
        image_freep(&i->image);
    strv_done(&i->names);
    manifest_done(&i->manifest);
    manifest_config_done(&i->config);
}

__attribute__((format(printf, 2, 3))) static void say(const struct save *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    image_say(s->opts->progress, s->opts->progress_arg, fmt, ap);
    va_end(ap);
}

/* The name that it gets in there: of an OCI layout as it is given, of Docker's archives in full, before its own. */
static struct err *rename_image(const struct save *s)
{
    const char *reference = s->opts->reference;
    AUTO_STRV struct strv names = STRV_INIT;
    AUTO_FREE char *full = NULL;
    bool docker = s->opts->format == IMAGE_DOCKER_ARCHIVE;
    if (!reference || s->count != 1)
        return NULL;
    if (reference[0] && docker) {
        TRY(reference_normalize_docker(reference, &full));
        TRY(strv_add(&names, full));
    } else if (reference[0]) {
        TRY(strv_add(&names, reference));
    }
    struct strv *own = &s->images[0].names;
    for (size_t i = 0; docker && i < own->count; i++)
        if (!strv_contains(&names, own->items[i]))
            TRY(strv_add(&names, own->items[i]));
    strv_done(own);
    *own = names;
    names = (struct strv)STRV_INIT;
    return NULL;
}

/* As Podman: what goes into the archive, though all of it goes at once. */
static void say_images(const struct save *s)
{
    for (size_t i = 0; i < s->count; i++) {
        for (size_t k = 0; k < s->images[i].manifest.count; k++)
            say(s, "Copying blob %s", s->images[i].manifest.entries[k].digest);
        say(s, "Copying config %s", s->images[i].image->config_digest);
        say(s, "Writing manifest to image destination");
    }
}

static struct err *add_image(struct save *s, struct image **take_image, const char *full_name)
{
    struct save_image *i = &s->images[s->count++];
    i->image = TAKE_PTR(*take_image);
    if (full_name && !strchr(full_name, '@'))
        TRY(strv_add(&i->names, full_name));
    TRY(image_parse_manifest(s->engine, i->image, &i->manifest));
    return image_parse_config(s->engine, i->image, &i->config);
}

/* An image of another store, or a packed one; *ret_found: it is. Two of its names are one image. */
static struct err *add_outside(struct save *s, const char *name, bool *ret_found)
{
    AUTO_IMAGE struct image *from = NULL;
    AUTO_FREE char *full = NULL;
    TRY(outside_find(s->engine, name, &from));
    *ret_found = from != NULL;
    if (!from)
        return NULL;
    TRY(outside_full_name(from, name, &full));
    for (size_t k = 0; k < s->count; k++) {
        struct strv *names = &s->images[k].names;
        if (s->images[k].flat && strcmp(s->images[k].flat->from_id, from->id) == 0)
            return full && !strv_contains(names, full) ? strv_add(names, full) : NULL;
    }
    struct save_image *i = &s->images[s->count++];
    TRY(flat_make(s->engine, from, &i->flat));
    i->image = i->flat->image;
    if (full)
        TRY(strv_add(&i->names, full));
    TRY(image_parse_manifest(s->engine, i->image, &i->manifest));
    return image_parse_config(s->engine, i->image, &i->config);
}

/* A further name: of the same image, of another one, or, unknown, one that the first image gets in the archive. */
static struct err *add_name(struct save *s, const char *name)
{
    struct store *store = engine_store(s->engine);
    AUTO_FREE char *id = NULL, *full = NULL;
    struct err *e = image_find_id(store, name, &id, &full);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        bool found = false;
        struct err *error = add_outside(s, name, &found);
        if (error || found) {
            err_drop(e);
            return error;
        }
    }
    if (e && err_kind(e) == ERR_NOT_FOUND && s->count > 0 && !s->opts->multi) {
        err_drop(e);
        TRY(reference_normalize(name, &full));
        return strv_contains(&s->images[0].names, full) ? NULL : strv_add(&s->images[0].names, full);
    }
    TRY(e);
    for (size_t k = 0; k < s->count; k++) {
        struct strv *names = &s->images[k].names;
        if (strcmp(s->images[k].image->id, id) == 0)
            return full && !strv_contains(names, full) ? strv_add(names, full) : NULL;
    }
    AUTO_IMAGE struct image *image = NULL;
    TRY(image_fetch(store, id, &image));
    if (image->is_list) { /* its image for this machine */
        AUTO_IMAGE struct image *instance = NULL;
        TRY_WRAP(index_instance(s->engine, image, NULL, &instance), "%s", name);
        return add_image(s, &instance, full);
    }
    return add_image(s, &image, full);
}

static struct err *find_images(struct save *s, const struct strv *names)
{
    if (names->count == 0 || names->count > MANIFEST_ARCHIVE_IMAGES_MAX)
        return ERR_NEW(ERR_INVALID, "one to %d images can be saved at once", MANIFEST_ARCHIVE_IMAGES_MAX);
    s->images = mem_zalloc(names->count * sizeof *s->images);
    if (!s->images)
        return err_oom();
    for (size_t i = 0; i < names->count; i++)
        TRY(add_name(s, names->items[i]));
    if (s->count > 1 && !formats[s->opts->format].several)
        return ERR_NEW(ERR_INVALID, "a docker-dir holds one image, not %zu", s->count);
    return NULL;
}

/* The file beside `path` that is renamed to it when complete; the path itself where it is no regular file. */
static struct err *open_output(const char *path, char **ret_temporary, int *ret_fd)
{
    struct stat sb;
    if (stat(path, &sb) == 0 && !S_ISREG(sb.st_mode)) {
        *ret_fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return *ret_fd < 0 ? ERR_SYS(errno, "open %s", path) : NULL;
    }
    struct store_name name;
    AUTO_FREE char *temporary = NULL;
    TRY(store_name_random(&name));
    TRY(mem_asprintf(&temporary, "%s.%s.tmp", path, name.s));
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return ERR_SYS(errno, "create %s", path);
    *ret_temporary = TAKE_PTR(temporary);
    *ret_fd = fd;
    return NULL;
}

static struct err *write_archive(const struct save *s)
{
    if (!s->opts->path)
        return layer_pack_archive(s->dirfd, s->opts->fd);
    AUTO_FREE char *temporary = NULL;
    AUTO_FD int fd = -1;
    TRY(open_output(s->opts->path, &temporary, &fd));
    struct err *e = layer_pack_archive(s->dirfd, fd);
    if (!e && temporary && rename(temporary, s->opts->path) < 0)
        e = ERR_SYS(errno, "create %s", s->opts->path);
    if (e && temporary)
        unlink(temporary);
    return e;
}

/* Make the directory, or take an empty one. */
static struct err *open_directory(const char *path, bool add, bool *ret_made, int *ret_fd)
{
    AUTO_FD int fd = -1;
    *ret_made = mkdir(path, 0777) == 0;
    if (!*ret_made && errno != EEXIST)
        return ERR_SYS(errno, "create %s", path);
    TRY(file_open_dir(AT_FDCWD, path, &fd));
    uint64_t bytes, inodes;
    TRY(file_tree_size(AT_FDCWD, path, &bytes, &inodes));
    if (inodes > 0 && !(add && file_exists(fd, "oci-layout") && file_exists(fd, "index.json")))
        return ERR_NEW(ERR_EXISTS, "%s is not empty", path);
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

struct err *save_begin(struct save *s)
{
    s->dirfd = -1;
    s->staging = (struct store_staging){.dirfd = -1, .lock_fd = -1};
    if (formats[s->opts->format].is_archive) {
        TRY(store_staging_new(engine_store(s->engine), &s->staging));
        s->dirfd = s->staging.dirfd;
        s->may_link = true;
        return NULL;
    }
    if (!s->opts->path)
        return ERR_NEW(ERR_INVALID, "a directory cannot be written to standard output: name it with --output");
    return open_directory(s->opts->path, s->opts->add, &s->made, &s->dirfd);
}

struct err *save_end(struct save *s, struct err *take_e)
{
    struct err *e = take_e;
    if (s->staging.name) {
        if (!e)
            e = write_archive(s);
        store_staging_done(engine_store(s->engine), &s->staging);
        s->dirfd = -1;
        return e;
    }
    s->dirfd = fd_close(s->dirfd);
    if (e && s->made)
        err_drop(file_remove_tree(AT_FDCWD, s->opts->path));
    return e;
}

struct err *image_save(struct engine *e, const struct strv *names, const struct image_save_opts *opts)
{
    struct save s = {.engine = e, .opts = opts, .dirfd = -1};
    struct err *error = find_images(&s, names);
    if (!error)
        error = rename_image(&s);
    if (!error)
        say_images(&s);
    if (!error)
        error = save_begin(&s);
    if (!error)
        error = save_end(&s, formats[opts->format].fill(&s));
    if (!error)
        say(&s, "Storing signatures");
    for (size_t i = 0; i < s.count && !error; i++)
        error = store_event(engine_store(e), "image", "save", s.images[i].image->id,
                            s.images[i].names.count ? s.images[i].names.items[0] : NULL, NULL);
    for (size_t i = 0; i < s.count; i++)
        image_done(&s.images[i]);
    mem_freep(&s.images);
    if (error && err_kind(error) == ERR_NOT_FOUND) /* it says which already, in Podman's words */
        return error;
    return ERR_WRAP(error, "save %s", names->count ? names->items[0] : "");
}
