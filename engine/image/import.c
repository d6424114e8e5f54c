/* `import`: a root file system's tar becomes an image of one layer. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/image/change.h"
#include "engine/image/content.h"
#include "engine/image/internal.h"
#include "engine/image/platform.h"
#include "engine/image/reference.h"
#include "engine/image/verify.h"

struct import {
    struct engine *engine;
    const struct image_import_opts *opts;
    struct image_platform platform;
    struct strv names; /* the full name, or nothing */
    json_t *settings;
    struct content *content;
    int64_t created_nsec;
    size_t layer;
};

/* Everything that can be wrong in the words of the user, before anything is read. */
static struct err *check_words(struct import *im)
{
    const char *name = im->opts->name;
    if (name && name[0]) {
        char *full = NULL;
        TRY(reference_normalize_new(name, &full));
        TRY(strv_take(&im->names, full));
    }
    im->settings = json_object();
    if (!im->settings)
        return err_oom();
    for (size_t i = 0; i < im->opts->changes.count; i++)
        TRY(change_apply(im->settings, im->opts->changes.items[i]));
    return platform_resolve(&im->opts->platform, &im->platform);
}

static struct err *read_layer(struct import *im)
{
    const char *path = im->opts->path && strcmp(im->opts->path, "-") != 0 ? im->opts->path : NULL;
    AUTO_FD int fd = -1;
    struct stat sb;
    im->created_nsec = timefmt_now();
    if (path && (fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)) < 0)
        return ERR_SYS(errno, "open");
    /* As Podman: the same file gives the same image. */
    if (path && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode))
        im->created_nsec = (int64_t)sb.st_mtim.tv_sec * 1000000000 + sb.st_mtim.tv_nsec;
    const struct content_layer_source source = {.fd = path ? fd : im->opts->fd, .size_bytes = UINT64_MAX};
    TRY(content_put_layer(im->content, &source, &im->layer));
    TRY(content_wait(im->content));
    return content_make_portable(im->content, im->layer);
}

static struct err *build_config(const struct import *im, char **ret)
{
    AUTO_JSON json_t *root = json_object();
    json_t *rootfs, *ids, *history, *line;
    const char *diff_id = content_layer_at(im->content, im->layer)->diff_id.s;
    struct timefmt_text created = timefmt_rfc3339(im->created_nsec, 0);
    AUTO_FREE char *created_by = NULL;
    TRY(mem_asprintf(&created_by, "/bin/sh -c #(nop) ADD file:%s in /", digest_hex(diff_id)));
    TRY(json_put_str(root, "created", created.s));
    TRY(json_put_str(root, "architecture", im->platform.arch));
    if (im->platform.variant)
        TRY(json_put_str(root, "variant", im->platform.variant));
    TRY(json_put_str(root, "os", im->platform.os));
    TRY(json_put(root, "config", json_incref(im->settings)));
    TRY(json_put_obj(root, "rootfs", &rootfs));
    TRY(json_put_str(rootfs, "type", "layers"));
    TRY(json_put_arr(rootfs, "diff_ids", &ids));
    TRY(json_push_str(ids, diff_id));
    TRY(json_put_arr(root, "history", &history));
    TRY(json_push_obj(history, &line));
    TRY(json_put_str(line, "created", created.s));
    TRY(json_put_str(line, "created_by", created_by));
    TRY(json_put_str(line, "comment", im->opts->message ? im->opts->message : "imported from tarball"));
    return json_text(root, ret);
}

static struct err *build_manifest(const struct import *im, const char *config, char **ret)
{
    struct content_layer layer = *content_layer_at(im->content, im->layer);
    struct digest config_digest = digest_of(config, strlen(config));
    enum manifest_packing packing;
    const char *type;
    AUTO_FREE char *type_copy = NULL;
    TRY(content_packing(im->content, im->layer, &packing));
    TRY(manifest_layer_type(false, packing, &type));
    TRY(mem_strdup(type, &type_copy));
    const struct manifest_descriptor config_entry = {.digest = config_digest.s, .size_bytes = strlen(config)};
    const struct manifest_descriptor layer_entry = {
        .media_type = type_copy, .digest = layer.blob.s, .size_bytes = layer.blob_bytes};
    return manifest_build(false, &config_entry, &layer_entry, 1, NULL, ret);
}

static struct err *import(struct import *im, char **ret_id)
{
    AUTO_FREE char *config = NULL, *manifest = NULL;
    struct content_image image = {
        .media_type = MEDIA_OCI_MANIFEST, .layers = &im->layer, .names = &im->names, .event = "import"};
    static const struct verify_subject subject = {.transport = "tarball"};
    TRY(check_words(im));
    TRY(verify_unsigned(im->engine, NULL, &subject));
    TRY(content_begin(im->engine, &im->content));
    TRY(read_layer(im));
    TRY(build_config(im, &config));
    TRY(build_manifest(im, config, &manifest));
    TRY(content_add_made(im->content, config, manifest, &image));
    TRY(content_commit(im->content));
    return mem_strdup(digest_hex(image.config.s), ret_id);
}

struct err *image_import(struct engine *e, const struct image_import_opts *opts, char **ret_id)
{
    struct import im = {.engine = e, .opts = opts};
    struct err *error = import(&im, ret_id);
    content_free(im.content);
    json_unrefp(&im.settings);
    strv_done(&im.names);
    image_platform_done(&im.platform);
    return ERR_WRAP(error, "import %s", opts->path ? opts->path : "-");
}
