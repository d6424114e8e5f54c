/* docker-archive: manifest.json lists images, each with a config, names, and a tar per layer.
 * https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format */
#include <string.h>

#include "base/mem.h"
#include "engine/image/load_internal.h"
#include "engine/image/reference.h"

static struct err *load_one(struct load *l, const struct manifest_archive_image *image)
{
    AUTO_FREE char *config = NULL;
    size_t config_len;
    AUTO_STRV struct strv names = STRV_INIT;
    for (size_t i = 0; i < image->names.count; i++) {
        AUTO_FREE char *full = NULL;
        TRY(reference_normalize(image->names.items[i], &full)); /* as Podman: short names are local */
        if (strchr(full, '@'))
            return ERR_NEW(ERR_INVALID, "manifest.json: the name '%s' has a digest", image->names.items[i]);
        if (!strv_contains(&names, full))
            TRY(strv_take(&names, TAKE_PTR(full)));
    }
    TRY(load_read(l, image->config_path, MANIFEST_CONFIG_MAX_BYTES, &config, &config_len));
    const struct load_image li = {
        .config = config,
        .config_len = config_len,
        .layer_paths = &image->layer_paths,
        .names = &names,
    };
    return load_add(l, &li);
}

struct err *load_docker(struct load *l, const char *manifest_json, size_t len)
{
    AUTO_MANIFEST_ARCHIVE struct manifest_archive archive = {0};
    TRY(manifest_archive_parse(manifest_json, len, &archive));
    for (size_t i = 0; i < archive.count; i++) {
        struct err *e = load_one(l, &archive.images[i]);
        if (archive.count > 1)
            e = ERR_WRAP(e, "image %zu of %zu", i + 1, archive.count);
        TRY(e);
    }
    return NULL;
}
