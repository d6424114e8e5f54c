/* The second half of adding images: from staging to their places and into the database. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "engine/image/content_internal.h"
#include "engine/image/internal.h"
#include "engine/image/reference.h"

#define IMAGES_MAX 4096

static struct err *fill_row(const struct content *c, const struct content_image *image, struct content_image_row *row)
{
    const struct manifest_config *config = image->parsed;
    TRY(mem_strdup(digest_hex(image->config.s), &row->id));
    TRY(mem_strdup(image->manifest.s, &row->manifest));
    TRY(mem_strdup(image->config.s, &row->config));
    TRY(mem_strdup(image->media_type, &row->media_type));
    TRY(mem_strdup(config->os, &row->os));
    TRY(mem_strdup(config->arch, &row->arch));
    TRY(mem_strdup(config->variant, &row->variant));
    TRY(mem_strdup(image->event, &row->event));
    TRY(mem_strdup(image->pulled_digest ? image->pulled_digest : "", &row->pulled));
    row->own_manifest = image->own_manifest;
    if (config->labels)
        TRY(json_text(config->labels, &row->labels));
    row->created_nsec = config->created_nsec;
    row->n_layers = config->diff_ids.count;
    row->layers = mem_alloc(row->n_layers * sizeof *row->layers + 1);
    if (!row->layers)
        return err_oom();
    row->size_bytes = image->manifest_len + image->config_len;
    for (size_t i = 0; i < row->n_layers; i++) {
        row->layers[i] = image->layers[i];
        row->size_bytes += c->entries[image->layers[i]].layer.tar_bytes;
    }
    TRY(strv_copy(image->names, &row->names));
    TRY(strv_add(&row->digests, image->manifest.s));
    return image->extra_digests ? strv_add_all(&row->digests, image->extra_digests->items) : NULL;
}

struct err *content_add_image(struct content *c, const struct content_image *image)
{
    TRY(mem_grow(&c->images, c->n_images, &c->cap_images, sizeof *c->images, IMAGES_MAX));
    struct content_image_row *row = &c->images[c->n_images++];
    *row = (struct content_image_row){0};
    return fill_row(c, image, row);
}

struct err *content_add_made(struct content *c, const char *config, const char *manifest, struct content_image *image)
{
    AUTO_MANIFEST_CONFIG struct manifest_config parsed = {0};
    image->own_manifest = true;
    image->config_len = strlen(config);
    image->manifest_len = strlen(manifest);
    TRY(manifest_config_parse(config, image->config_len, &parsed));
    TRY(content_put_document(c, config, image->config_len, &image->config));
    TRY(content_put_document(c, manifest, image->manifest_len, &image->manifest));
    image->parsed = &parsed;
    struct err *e = content_add_image(c, image);
    image->parsed = NULL;
    return e;
}

static struct err *insert_blob(struct content *c, const struct digest *digest, uint64_t size_bytes)
{
    struct store_stmt *st;
    TRY(store_prepare(c->store, "INSERT INTO blobs VALUES(?, ?) ON CONFLICT DO NOTHING", &st));
    TRY(store_bind(st, "ti", digest->s, (int64_t)size_bytes));
    return store_run(st);
}

static struct err *place(struct content *c, const char *path, const struct digest *digest)
{
    AUTO_FREE char *from = NULL;
    TRY(path_join(&from, c->staging.name, path));
    return store_blob_place(c->store, from, digest->s);
}

/* Move what was staged to its place. */
static struct err *place_all(struct content *c)
{
    for (size_t i = 0; i < c->n_documents; i++)
        TRY(place(c, c->documents[i].path, &c->documents[i].digest));
    for (size_t i = 0; i < c->n_entries; i++) {
        struct content_entry *entry = &c->entries[i];
        if (entry->known)
            continue;
        TRY(place(c, entry->blob_path, &entry->layer.blob));
        AUTO_FREE char *to = NULL;
        TRY(path_join(&to, "layers", entry->dir));
        if (renameat(c->staging.dirfd, entry->dir, store_root_fd(c->store), to) < 0)
            return ERR_SYS(errno, "move %s/%s to %s", c->staging.path, entry->dir, to);
    }
    return store_sync_names(c->store);
}

static struct err *insert_layers(struct content *c, int64_t now)
{
    for (size_t i = 0; i < c->n_entries; i++) {
        struct content_entry *entry = &c->entries[i];
        if (entry->known)
            continue;
        TRY(insert_blob(c, &entry->layer.blob, entry->layer.blob_bytes));
        struct store_stmt *st;
        /* Another command may have been quicker with the same layer: its directory stays, ours is garbage. */
        TRY(store_prepare(c->store,
                          "INSERT INTO layers(diff_id, dir, size_bytes, created_nsec) VALUES(?, ?, ?, ?)"
                          " ON CONFLICT(diff_id, map) DO NOTHING",
                          &st));
        TRY(store_bind(st, "ttii", entry->layer.diff_id.s, entry->dir, (int64_t)entry->layer.tar_bytes, now));
        TRY(store_run(st));
    }
    return NULL;
}

static struct err *insert_image_layers(struct content *c, const struct content_image_row *row)
{
    for (size_t i = 0; i < row->n_layers; i++) {
        const struct content_layer *layer = &c->entries[row->layers[i]].layer;
        struct store_stmt *st;
        TRY(store_prepare(c->store,
                          "INSERT INTO image_layers(image_id, position, layer_id, blob)"
                          " VALUES(?, ?, (SELECT id FROM layers WHERE diff_id = ? AND map = ''), ?)",
                          &st));
        TRY(store_bind(st, "titt", row->id, (int64_t)i, layer->diff_id.s, layer->blob.s));
        TRY(store_run(st));
    }
    return NULL;
}

static struct err *insert_names(struct content *c, const struct content_image_row *row, int64_t now)
{
    for (size_t i = 0; i < row->names.count; i++) {
        const char *name = row->names.items[i];
        TRY(image_name_set(c->store, name, row->id, now));
        AUTO_FREE char *repository = NULL;
        TRY(reference_repository(name, &repository));
        for (size_t k = 0; k < row->digests.count; k++) {
            struct store_stmt *st;
            TRY(store_prepare(c->store, "INSERT INTO image_digests VALUES(?, ?, ?) ON CONFLICT DO NOTHING", &st));
            TRY(store_bind(st, "ttt", repository, row->digests.items[k], row->id));
            TRY(store_run(st));
        }
    }
    return NULL;
}

/* The same image in another wrapping (other compression, the other family): what came last is what a push sends, what
 * came first is what users see, as with Podman. A manifest that was made here has never been anybody's. */
static struct err *replace_manifest(struct content *c, const struct content_image_row *row, bool *ret_changed)
{
    struct store_stmt *st;
    TRY(store_prepare(c->store,
                      "UPDATE images SET manifest = ?1, media_type = ?2, own_manifest = 0,"
                      " pulled_digest = CASE WHEN own_manifest THEN ?4 WHEN pulled_digest = '' THEN manifest"
                      " ELSE pulled_digest END WHERE id = ?3 AND manifest <> ?1",
                      &st));
    TRY(store_bind(st, "tttt", row->manifest, row->media_type, row->id, row->pulled));
    TRY(store_run(st));
    *ret_changed = store_changes(c->store) > 0;
    if (!*ret_changed)
        return NULL;
    TRY(store_prepare(c->store, "DELETE FROM image_layers WHERE image_id = ?", &st));
    TRY(store_bind(st, "t", row->id));
    return store_run(st);
}

static struct err *insert_image(struct content *c, const struct content_image_row *row, int64_t now)
{
    struct store_stmt *st;
    TRY(store_prepare(c->store,
                      "INSERT INTO images(id, manifest, config, media_type, os, arch, variant, created_nsec,"
                      " added_nsec, size_bytes, labels, pulled_digest, own_manifest)"
                      " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
                      &st));
    TRY(store_bind(st, "tttttttiiitti", row->id, row->manifest, row->config, row->media_type, row->os, row->arch,
                   row->variant, row->created_nsec, now, (int64_t)row->size_bytes, row->labels ? row->labels : "{}",
                   row->pulled, (int64_t)row->own_manifest));
    TRY(store_run(st));
    bool is_new = store_changes(c->store) > 0;
    if (!is_new && !row->own_manifest)
        TRY(replace_manifest(c, row, &is_new));
    if (is_new)
        TRY(insert_image_layers(c, row));
    TRY(insert_names(c, row, now));
    return store_event(c->store, "image", row->event, row->id, row->names.count ? row->names.items[0] : NULL, NULL);
}

static struct err *insert_all(struct content *c)
{
    int64_t now = timefmt_now();
    struct store_tx_guard guard AUTO_TX = {.store = c->store};
    TRY(store_begin(c->store, STORE_WRITE, true));
    for (size_t i = 0; i < c->n_documents; i++)
        TRY(insert_blob(c, &c->documents[i].digest, c->documents[i].size_bytes));
    TRY(insert_layers(c, now));
    for (size_t i = 0; i < c->n_images; i++)
        TRY(insert_image(c, &c->images[i], now));
    if (c->write_rows)
        TRY(c->write_rows(c->store, c->rows_arg));
    return store_commit(c->store);
}

void content_set_rows(struct content *c, struct err *(*write)(struct store *s, void *arg), void *arg)
{
    c->write_rows = write;
    c->rows_arg = arg;
}

struct err *content_commit(struct content *c)
{
    TRY(content_wait(c));
    if (c->n_documents > 0 || c->n_entries > 0) {
        TRY(store_sync_files(c->store));
        TRY(place_all(c));
    }
    return insert_all(c);
}
