/* docker-archive: manifest.json lists images, each with a config, names, and a tar per layer.
 * https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format */
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "engine/image/load_internal.h"
#include "engine/image/reference.h"

/* Has the archive's image the name that is asked for? "@N" is its place. */
static struct err *is_wanted(const struct load *l, const struct manifest_archive_image *image, size_t index, bool *ret)
{
    const char *reference = l->opts->reference;
    AUTO_FREE char *full = NULL;
    uint64_t number = 0;
    *ret = !reference;
    if (!reference)
        return NULL;
    if (reference[0] == '@') {
        TRY_WRAP(number_parse_u64(reference + 1, UINT32_MAX, &number), "reference %s", reference);
        *ret = number == index;
        return NULL;
    }
    TRY(reference_normalize_docker(reference, &full));
    for (size_t i = 0; i < image->names.count && !*ret; i++) {
        AUTO_FREE char *name = NULL;
        TRY(reference_normalize_docker(image->names.items[i], &name));
        *ret = strcmp(name, full) == 0;
    }
    return NULL;
}

/* As Podman: what was asked for by a name gets this name alone, in full. */
static struct err *take_names(const struct load *l, const struct manifest_archive_image *image, struct strv *ret)
{
    AUTO_FREE char *asked = NULL;
    if (l->opts->reference && l->opts->reference[0] != '@') {
        TRY(reference_normalize_docker(l->opts->reference, &asked));
        return strv_add(ret, asked);
    }
    for (size_t i = 0; i < image->names.count; i++) {
        AUTO_FREE char *full = NULL;
        TRY(reference_normalize(image->names.items[i], &full)); /* as Podman: short names are local */
        if (strchr(full, '@'))
            return ERR_NEW(ERR_INVALID, "manifest.json: the name '%s' has a digest", image->names.items[i]);
        if (!strv_contains(ret, full))
            TRY(strv_take(ret, TAKE_PTR(full)));
    }
    return NULL;
}

static struct err *load_one(struct load *l, const struct manifest_archive_image *image)
{
    AUTO_FREE char *config = NULL;
    size_t config_len;
    AUTO_STRV struct strv names = STRV_INIT;
    TRY(take_names(l, image, &names));
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
    bool found = false;
    TRY(manifest_archive_parse(manifest_json, len, &archive));
    for (size_t i = 0; i < archive.count; i++) {
        bool wanted = false;
        TRY(is_wanted(l, &archive.images[i], i, &wanted));
        if (!wanted)
            continue;
        found = true;
        struct err *e = load_one(l, &archive.images[i]);
        if (archive.count > 1)
            e = ERR_WRAP(e, "image %zu of %zu", i + 1, archive.count);
        TRY(e);
    }
    if (!found && l->opts->reference)
        return ERR_NEW(ERR_NOT_FOUND, "Tag \"%s\" not found", l->opts->reference);
    return NULL;
}
