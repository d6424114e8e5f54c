/* OCI image layouts: index.json refers to manifests, or to indexes of one image for several platforms.
 * https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 *
 * Entries with the same name are one image; when they are for different platforms, one of them is chosen, as from an
 * index. Entries that say nothing of a platform are images of their own.
 */
#include <string.h>

#include "base/mem.h"
#include "engine/image/load_internal.h"
#include "engine/image/platform.h"
#include "engine/image/reference.h"

#define BLOBS "blobs/sha256/"
#define NESTING_MAX 4

static bool is_index(const struct manifest_descriptor *d)
{
    return strcmp(d->media_type, MEDIA_OCI_INDEX) == 0 || strcmp(d->media_type, MEDIA_DOCKER_LIST) == 0;
}

/* The full name of an entry, or NULL. */
static struct err *entry_name(const struct load *l, const struct manifest_descriptor *d, char **ret)
{
    if (d->full_name)
        return reference_normalize_docker(d->full_name, ret);
    if (d->ref_name)
        return reference_normalize(d->ref_name, ret);
    if (!l->dir_name)
        return NULL;
    /* As Podman: a directory gives its name to what has none. Not every directory's name can be one. */
    err_drop(reference_normalize(l->dir_name, ret));
    return NULL;
}

static struct err *read_blob(struct load *l, const struct manifest_descriptor *d, char **ret, size_t *ret_len)
{
    AUTO_FREE char *path = NULL, *text = NULL;
    TRY(mem_asprintf(&path, BLOBS "%s", digest_hex(d->digest)));
    TRY(load_read(l, path, MANIFEST_MAX_BYTES, &text, ret_len));
    struct digest actual = digest_of(text, *ret_len);
    if (*ret_len != d->size_bytes || strcmp(actual.s, d->digest) != 0)
        return ERR_NEW(ERR_CORRUPT, "%s: its content has the digest %s", path, actual.s);
    *ret = TAKE_PTR(text);
    return NULL;
}

static struct err *load_entry(struct load *l, const struct manifest_descriptor *d, const struct strv *names,
                              struct strv *digests, int depth);

/* One image for several platforms: the one that fits gets the names; the others come too when all are wanted. */
static struct err *load_platforms(struct load *l, const struct manifest_descriptor *const *entries, size_t count,
                                  const struct strv *names, struct strv *digests, int depth)
{
    const struct manifest_descriptor *chosen = NULL;
    const struct strv no_names = STRV_INIT;
    struct err *e = platform_choose(&l->platform, entries, count, &chosen);
    if (e && !l->opts->all_platforms)
        return e;
    err_drop(e);
    for (size_t i = 0; i < count && l->opts->all_platforms; i++)
        if (entries[i] != chosen && !entries[i]->attestation)
            TRY(load_entry(l, entries[i], &no_names, digests, depth + 1));
    return chosen ? load_entry(l, chosen, names, digests, depth + 1) : NULL;
}

static struct err *load_index(struct load *l, const struct manifest *index, const struct strv *names,
                              struct strv *digests, int depth)
{
    AUTO_FREE const struct manifest_descriptor **entries = mem_zalloc((index->count + 1) * sizeof *entries);
    if (!entries)
        return err_oom();
    for (size_t i = 0; i < index->count; i++)
        entries[i] = &index->entries[i];
    return load_platforms(l, entries, index->count, names, digests, depth);
}

static struct err *load_entry(struct load *l, const struct manifest_descriptor *d, const struct strv *names,
                              struct strv *digests, int depth)
{
    AUTO_FREE char *text = NULL;
    size_t len;
    if (depth > NESTING_MAX)
        return ERR_NEW(ERR_INVALID, "index.json: indexes are nested deeper than %d", NESTING_MAX);
    TRY(read_blob(l, d, &text, &len));
    if (!is_index(d))
        return load_by_digests(l, BLOBS, text, len, d->media_type, names, digests);
    AUTO_MANIFEST struct manifest index = {0};
    TRY(manifest_parse(text, len, d->media_type, &index));
    TRY(strv_add(digests, d->digest));
    return load_index(l, &index, names, digests, depth);
}

static bool says_platform(const struct manifest_descriptor *d)
{
    return d->arch && d->arch[0];
}

/* Load entry `first` of the top index, together with the later ones of the same name. */
static struct err *load_group(struct load *l, const struct manifest *top, const struct strv *full_names, size_t first)
{
    AUTO_STRV struct strv names = STRV_INIT, digests = STRV_INIT;
    const char *name = full_names->items[first];
    AUTO_FREE const struct manifest_descriptor **group = mem_zalloc((top->count + 1) * sizeof *group);
    if (!group)
        return err_oom();
    size_t count = 0;
    for (size_t i = first; i < top->count; i++)
        if (strcmp(full_names->items[i], name) == 0 && says_platform(&top->entries[i]))
            group[count++] = &top->entries[i];
    if (name[0])
        TRY(strv_add(&names, name));
    if (count > 1 && says_platform(&top->entries[first]))
        return load_platforms(l, group, count, &names, &digests, 0);
    return load_entry(l, &top->entries[first], &names, &digests, 0);
}

/* Whether an earlier entry has loaded this one with its group. */
static bool is_grouped(const struct manifest *top, const struct strv *full_names, size_t index)
{
    for (size_t i = 0; i < index && says_platform(&top->entries[index]); i++)
        if (says_platform(&top->entries[i]) && strcmp(full_names->items[i], full_names->items[index]) == 0)
            return true;
    return false;
}

/* Has it the name that is asked for, as it stands in the index? */
static bool is_wanted(const struct load *l, const struct manifest_descriptor *d)
{
    const char *reference = l->opts->reference;
    return !reference || (d->ref_name && strcmp(d->ref_name, reference) == 0) ||
           (d->full_name && strcmp(d->full_name, reference) == 0);
}

struct err *load_oci(struct load *l)
{
    AUTO_FREE char *text = NULL;
    size_t len;
    AUTO_MANIFEST struct manifest top = {0};
    AUTO_STRV struct strv full_names = STRV_INIT; /* "" for none */
    TRY(load_read(l, "index.json", MANIFEST_MAX_BYTES, &text, &len));
    TRY_WRAP(manifest_parse(text, len, NULL, &top), "index.json");
    if (top.kind != MANIFEST_INDEX)
        return ERR_NEW(ERR_INVALID, "index.json is not an index");
    if (top.count == 0)
        return ERR_NEW(ERR_INVALID, "index.json: there is no image in it");
    for (size_t i = 0; i < top.count; i++) {
        AUTO_FREE char *name = NULL;
        TRY_WRAP(entry_name(l, &top.entries[i], &name), "index.json");
        TRY(strv_add(&full_names, name ? name : ""));
    }
    bool found = false;
    for (size_t i = 0; i < top.count; i++) {
        if (!is_wanted(l, &top.entries[i]))
            continue;
        found = true;
        if (!top.entries[i].attestation && !is_grouped(&top, &full_names, i))
            TRY(load_group(l, &top, &full_names, i));
    }
    if (!found && l->opts->reference)
        return ERR_NEW(ERR_NOT_FOUND, "no descriptor found for reference \"%s\"", l->opts->reference);
    return NULL;
}
