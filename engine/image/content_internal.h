/* What content.c and content_commit.c share. */
#pragma once

#include "engine/image/content.h"
#include "engine/image/content_disk.h"
#include "engine/layer/layer.h"

struct content_entry {
    struct content_layer layer;
    bool known;            /* in the store already: nothing to unpack */
    struct layer_job *job; /* under way */
    int copy_fd;           /* the blob is copied here meanwhile, or -1 */
    int watch_fd;          /* shares its position with the unpacker's archive, or -1 */
    int dirfd;
    char *wanted;          /* diff id or digest, for messages */
    char *dir, *blob_path; /* in staging, relative to it; NULL: none */
};

struct content_staged {
    struct digest digest;
    uint64_t size_bytes;
    char *path; /* in staging, relative to it */
};

struct content_image_row {
    char *id, *manifest, *config, *media_type, *os, *arch, *variant, *labels, *event, *pulled;
    bool own_manifest;
    int64_t created_nsec;
    uint64_t size_bytes;
    size_t *layers;
    size_t n_layers;
    struct strv names, digests;
};

struct content {
    struct engine *engine;
    struct store *store;
    struct store_staging staging;
    int lock_fd;
    bool single_id, ignore_chown_errors;
    enum layer_format format;
    struct layer_starter *starter; /* made for the first layer */
    size_t jobs_max, jobs;
    struct content_disk disk;
    void (*tick)(void *arg);
    void *tick_arg;
    struct content_entry *entries;
    size_t n_entries, cap_entries;
    struct content_staged *documents;
    size_t n_documents, cap_documents;
    size_t n_files; /* numbers the documents' files */
    struct content_image_row *images;
    size_t n_images, cap_images;
    struct err *(*write_rows)(struct store *s, void *arg);
    void *rows_arg;
};
