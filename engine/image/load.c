/* `load`: from an archive or a directory to images.
 *
 * An archive is first unpacked as it is into staging (by coracle-layer: names, links and sizes are checked there); then
 * it is a directory like those the user names, only that nobody can change it meanwhile. What it is, its files tell.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/image/load_internal.h"
#include "engine/image/platform.h"
#include "engine/image/progress.h"
#include "engine/layer/layer.h"

#define ARCHIVE_MAX_BYTES ((uint64_t)1 << 40)

bool load_has(const struct load *l, const char *path)
{
    int fd = -1;
    struct err *e = load_open(l, path, &fd);
    fd_close(fd);
    bool has = !e;
    err_drop(e);
    return has;
}

struct err *load_open(const struct load *l, const char *path, int *ret_fd)
{
    AUTO_FD int fd = -1;
    struct stat sb;
    /* O_NONBLOCK: a FIFO in a directory of the user's must not hold us up. */
    struct err *e = path_open_in_root(l->dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, &fd);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return ERR_NEW(ERR_CORRUPT, "%s is missing", path);
    }
    TRY(e);
    if (fstat(fd, &sb) < 0)
        return ERR_SYS(errno, "stat %s", path);
    if (!S_ISREG(sb.st_mode))
        return ERR_NEW(ERR_INVALID, "%s is not a regular file", path);
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

struct err *load_read(const struct load *l, const char *path, size_t max, char **ret, size_t *ret_len)
{
    AUTO_FD int fd = -1;
    TRY(load_open(l, path, &fd));
    return ERR_WRAP(file_read_fd(fd, max, ret, ret_len), "read %s", path);
}

static struct err *check_platform(const struct load *l, const struct manifest_config *config)
{
    if (!l->platform_asked || l->opts->all_platforms ||
        platform_match(&l->platform, config->os, config->arch, config->variant) > 0)
        return NULL;
    return ERR_NEW(ERR_NOT_FOUND, "the image is for %s, not for %s",
                   platform_text(config->os, config->arch, config->variant).s,
                   platform_text(l->platform.os, l->platform.arch, l->platform.variant).s);
}

__attribute__((format(printf, 2, 3))) static void say(const struct load *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    image_say(l->opts->progress, l->opts->progress_arg, fmt, ap);
    va_end(ap);
}

/* One image's layers on a terminal. */
struct shown {
    struct load *load;
    struct image_bar *bars; /* one per layer, and one more */
    const size_t *layers;
    size_t n;
};

static void show(void *arg)
{
    struct shown *s = arg;
    const struct image_bars *to = s->load->opts->bars;
    struct image_bar *all = &s->bars[s->n];
    *all = (struct image_bar){.what = "Unpacking", .passing = true, .finished = true};
    for (size_t i = 0; i < s->n; i++) {
        struct image_bar *bar = &s->bars[i];
        uint64_t unpacked = 0;
        bar->existed = content_layer_is_known(s->load->content, s->layers[i]);
        content_layer_moved(s->load->content, s->layers[i], &bar->done_bytes, &unpacked, &bar->finished);
        all->finished &= bar->finished;
        all->done_bytes += bar->existed ? 0 : unpacked;
        all->total_bytes += bar->existed ? 0 : bar->total_bytes;
    }
    to->show(to->arg, s->bars, s->n + 1);
}

static void shown_done(struct shown *s)
{
    content_set_tick(s->load->content, NULL, NULL);
    mem_freep(&s->bars);
}

static struct err *put_layer(struct load *l, const struct load_image *image, const struct manifest_config *config,
                             size_t index, struct shown *shown, size_t *ret)
{
    AUTO_FD int fd = -1;
    struct stat sb = {0};
    const char *digest = image->layers ? image->layers[index].digest : config->diff_ids.items[index];
    TRY(load_open(l, image->layer_paths->items[index], &fd));
    if (shown->bars && fstat(fd, &sb) == 0)
        shown->bars[index] = image_bar_of_blob(digest, (uint64_t)sb.st_size);
    else
        say(l, "Copying blob %s", digest);
    const struct content_layer_source source = {
        .fd = fd,
        .is_ours = l->is_ours,
        .diff_id = config->diff_ids.items[index],
        .blob_digest = image->layers ? image->layers[index].digest : NULL,
        .size_bytes = image->layers ? image->layers[index].size_bytes : UINT64_MAX,
    };
    TRY(content_put_layer(l->content, &source, ret));
    shown->n = index + 1;
    if (shown->bars)
        show(shown);
    return NULL;
}

/* A manifest for an archive that has none (docker-archive). */
static struct err *make_manifest(struct load *l, const struct load_image *image, const size_t *layers, size_t count,
                                 char **ret)
{
    struct digest config_digest = digest_of(image->config, image->config_len);
    struct manifest_descriptor config = {.digest = config_digest.s, .size_bytes = image->config_len};
    AUTO_FREE struct manifest_descriptor *entries = mem_zalloc((count + 1) * sizeof *entries);
    AUTO_FREE struct content_layer *copies = mem_zalloc((count + 1) * sizeof *copies);
    if (!entries || !copies)
        return err_oom();
    /* Fields that manifest_build() only reads. */
    static char plain[] = MEDIA_DOCKER_LAYER, gzip[] = MEDIA_DOCKER_LAYER ".gzip";
    for (size_t i = 0; i < count; i++) {
        copies[i] = *content_layer_at(l->content, layers[i]);
        bool is_plain = strcmp(copies[i].blob.s, copies[i].diff_id.s) == 0;
        entries[i] = (struct manifest_descriptor){
            .media_type = is_plain ? plain : gzip, .digest = copies[i].blob.s, .size_bytes = copies[i].blob_bytes};
    }
    return manifest_build(true, &config, entries, count, NULL, ret);
}

static struct err *add_image(struct load *l, const struct load_image *image, const struct manifest_config *config,
                             const size_t *layers)
{
    AUTO_FREE char *made = NULL;
    const struct strv no_names = STRV_INIT;
    struct content_image ci = {.media_type = image->media_type,
                               .parsed = config,
                               .layers = layers,
                               .names = l->opts->unnamed ? &no_names : image->names,
                               .extra_digests = image->extra_digests,
                               .manifest_len = image->manifest_len,
                               .config_len = image->config_len,
                               .event = "loadfromarchive"};
    const char *manifest = image->manifest;
    if (!manifest) {
        TRY(content_wait(l->content)); /* the digests of the blobs go into it */
        TRY(make_manifest(l, image, layers, config->diff_ids.count, &made));
        manifest = made;
        ci.manifest_len = strlen(made);
        ci.media_type = MEDIA_DOCKER_MANIFEST;
        ci.own_manifest = true;
    }
    TRY(content_put_document(l->content, manifest, ci.manifest_len, &ci.manifest));
    TRY(content_put_document(l->content, image->config, image->config_len, &ci.config));
    TRY(content_wait(l->content)); /* sizes */
    TRY(content_add_image(l->content, &ci));
    if (ci.names->count > 0)
        return strv_add_all(&l->names, ci.names->items);
    return strv_add(&l->names, ci.config.s);
}

struct err *load_add(struct load *l, const struct load_image *image)
{
    AUTO_MANIFEST_CONFIG struct manifest_config config = {0};
    TRY(manifest_config_parse(image->config, image->config_len, &config));
    TRY(check_platform(l, &config));
    size_t count = config.diff_ids.count;
    if (image->layer_paths->count != count)
        return ERR_NEW(ERR_CORRUPT, "the manifest has %zu layers, the config %zu", image->layer_paths->count, count);
    AUTO_FREE size_t *layers = mem_zalloc((count + 1) * sizeof *layers);
    if (!layers)
        return err_oom();
    __attribute__((cleanup(shown_done))) struct shown shown = {.load = l, .layers = layers};
    say(l, "Getting image source signatures");
    if (l->opts->bars) {
        shown.bars = mem_zalloc((count + 1) * sizeof *shown.bars);
        if (!shown.bars)
            return err_oom();
        content_set_tick(l->content, show, &shown);
    }
    for (size_t i = 0; i < count; i++)
        TRY_WRAP(put_layer(l, image, &config, i, &shown, &layers[i]), "layer %zu of %zu", i + 1, count);
    TRY(content_wait(l->content));
    if (shown.bars)
        show(&shown);
    say(l, "Copying config %s", digest_of(image->config, image->config_len).s);
    say(l, "Writing manifest to image destination");
    TRY(add_image(l, image, &config, layers));
    say(l, "Storing signatures");
    return NULL;
}

/* A document that is named by its digest. */
static struct err *read_verified(struct load *l, const char *dir, const struct manifest_descriptor *d, size_t max,
                                 char **ret, size_t *ret_len)
{
    AUTO_FREE char *path = NULL, *text = NULL;
    size_t len;
    TRY(mem_asprintf(&path, "%s%s", dir, digest_hex(d->digest)));
    TRY(load_read(l, path, max, &text, &len));
    struct digest actual = digest_of(text, len);
    if (len != d->size_bytes || strcmp(actual.s, d->digest) != 0)
        return ERR_NEW(ERR_CORRUPT, "%s: its content has the digest %s", path, actual.s);
    *ret = TAKE_PTR(text);
    *ret_len = len;
    return NULL;
}

struct err *load_by_digests(struct load *l, const char *dir, const char *manifest, size_t manifest_len,
                            const char *media_type, const struct strv *names, const struct strv *extra_digests)
{
    AUTO_MANIFEST struct manifest m = {0};
    AUTO_STRV struct strv paths = STRV_INIT;
    AUTO_FREE char *config = NULL;
    struct load_image image = {.manifest = manifest,
                               .manifest_len = manifest_len,
                               .layer_paths = &paths,
                               .names = names,
                               .extra_digests = extra_digests};
    TRY(manifest_parse(manifest, manifest_len, media_type, &m));
    if (m.kind != MANIFEST_IMAGE)
        return ERR_NEW(ERR_INVALID, "an index where the manifest of an image is expected");
    TRY(read_verified(l, dir, &m.config, MANIFEST_CONFIG_MAX_BYTES, &config, &image.config_len));
    for (size_t i = 0; i < m.count; i++)
        TRY(strv_addf(&paths, "%s%s", dir, digest_hex(m.entries[i].digest)));
    image.config = config;
    image.media_type = m.media_type;
    image.layers = m.entries;
    return load_add(l, &image);
}

/* What the files say it is. Newer `docker save` writes both an OCI layout and manifest.json: the layout says more. */
static struct err *load_any(struct load *l)
{
    AUTO_FREE char *text = NULL;
    size_t len;
    if (load_has(l, "oci-layout") && load_has(l, "index.json")) {
        TRY(load_verify(l, l->dir_name ? "oci" : "oci-archive"));
        return load_oci(l);
    }
    if (!load_has(l, "manifest.json"))
        return ERR_NEW(ERR_INVALID, "not an image: it has neither index.json (OCI) nor manifest.json (Docker)");
    TRY(load_read(l, "manifest.json", MANIFEST_MAX_BYTES, &text, &len));
    size_t start = strspn(text, " \t\r\n");
    if (text[start] == '[' || !l->dir_name)
        TRY(load_verify(l, "docker-archive"));
    else
        TRY(load_verify_dir(l, text, len));
    if (text[start] == '[')
        return load_docker(l, text, len);
    const struct strv no_names = STRV_INIT;
    return load_by_digests(l, "", text, len, NULL, &no_names, NULL);
}

/* Unpack the archive itself into staging. */
static struct err *extract(struct load *l, int fd)
{
    const struct store_staging *staging = content_staging(l->content);
    if (mkdirat(staging->dirfd, "archive", 0700) < 0)
        return ERR_SYS(errno, "create %s/archive", staging->path);
    TRY(file_open_dir(staging->dirfd, "archive", &l->dirfd));
    TRY(layer_extract_archive(fd, l->dirfd, ARCHIVE_MAX_BYTES));
    l->is_ours = true;
    return NULL;
}

static struct err *load_from(struct load *l)
{
    const char *path = l->opts->path && strcmp(l->opts->path, "-") != 0 ? l->opts->path : NULL;
    AUTO_FD int fd = -1;
    struct stat sb;
    if (path && (fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)) < 0)
        return ERR_SYS(errno, "open");
    if (path && fstat(fd, &sb) == 0 && S_ISDIR(sb.st_mode)) {
        l->dirfd = TAKE_FD(fd);
        l->dir_name = path_last(path);
    } else {
        struct err *e = extract(l, path ? fd : l->opts->fd);
        if (e && (err_kind(e) == ERR_CORRUPT || err_kind(e) == ERR_INVALID))
            return ERR_WRAP(e, "payload does not match any of the supported image formats");
        TRY(e);
    }
    TRY(load_any(l));
    if (l->opts->unnamed && !l->opts->all_platforms && l->names.count > 1)
        return ERR_NEW(ERR_INVALID, "there are %zu images in it: name one of them behind a colon", l->names.count);
    return content_commit(l->content);
}

struct err *image_load(struct engine *e, const struct image_load_opts *opts, struct strv *ret_names)
{
    struct load l = {.engine = e, .opts = opts, .dirfd = -1};
    l.platform_asked = opts->platform.os || opts->platform.arch;
    struct err *error = platform_resolve(&opts->platform, &l.platform);
    if (!error)
        error = content_begin(e, &l.content);
    if (!error)
        error = load_from(&l);
    if (!error)
        error = strv_add_all(ret_names, l.names.items);
    fd_close(l.dirfd);
    content_free(l.content);
    image_platform_done(&l.platform);
    strv_done(&l.names);
    return ERR_WRAP(error, "load %s", opts->path ? opts->path : "-");
}
