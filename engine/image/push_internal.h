/* What push.c, push_layers.c and whoever else sends content to a registry share. */
#pragma once

#include "engine/image/internal.h"
#include "engine/image/push.h"
#include "engine/image/remote.h"
#include "engine/image/sign.h"
#include "engine/store/digest.h"

/* Where the blobs of what is pushed are. */
struct push_source {
    /* The blob, at its start. */
    struct err *(*open)(void *arg, const char *digest, uint64_t size_bytes, int *ret_fd)ERR_RESULT;
    void *arg;
    bool own_manifest; /* see struct image */
    bool is_far;       /* opening costs a download: only what the destination does not have */
};

struct push_files;
struct push {
    struct engine *engine;
    const struct image_push_opts *opts;
    struct remote to;
    struct push_files *files;     /* in place of `to`, or NULL */
    char *where;                  /* for messages and events */
    bool show_blobs;              /* push_blobs() has bars, if there is a terminal */
    struct signer *signer;        /* or NULL */
    struct store_staging staging; /* made when needed: compressed layers */
    size_t n_staged;
    int empty_dirfd; /* in staging */
};
void push_init(struct push *p, struct engine *e, const struct image_push_opts *opts);
void push_done(struct push *p);
#define AUTO_PUSH __attribute__((cleanup(push_done)))
__attribute__((format(printf, 2, 3))) void push_say(const struct push *p, const char *fmt, ...);
/* Start the registry for `destination`, a full name with a tag or none; or what opts->files says. */
struct err *push_open(struct push *p, const char *destination) ERR_RESULT;
/* Files are complete now; `take_e`: or why they will not be. */
struct err *push_close(struct push *p, struct err *take_e) ERR_RESULT;
/* What the document is put as: the tag, "" for files. */
const char *push_target(const struct push *p);
/* A new file in staging, open for reading and writing. */
struct err *push_stage(struct push *p, int *ret_fd) ERR_RESULT;

/* A manifest and where it went. */
struct push_result {
    struct digest digest;
    uint64_t size_bytes;
    char *media_type, *text;
    bool has_zstd; /* among its layers */
};
void push_result_done(struct push_result *r);
#define AUTO_PUSH_RESULT __attribute__((cleanup(push_result_done)))
/* One image: layers, config, manifest. `tag` NULL: by its digest. `compression` NULL: opts->compression. */
struct err *push_one(struct push *p, const struct push_source *source, const char *manifest, const char *media_type,
                     const char *compression, const char *tag, struct push_result *ret) ERR_RESULT;
/* The layers of `m`, compressed as wanted; `m` then says what they have become. *ret_changed: something is different.
 * Also decides the family: *docker is changed to OCI where a layer needs that. push_layers.c. */
struct err *push_layers(struct push *p, const struct push_source *source, struct manifest *m, const char *compression,
                        bool *docker, bool *ret_changed) ERR_RESULT;
/* Blobs as they are, each digest once, and wait for all. */
struct err *push_blobs(struct push *p, const struct push_source *source, const struct manifest_descriptor *blobs,
                       size_t count) ERR_RESULT;
/* `tag` NULL: by digest. Signed as well, when the user wants that. */
struct err *push_manifest(struct push *p, const char *text, const char *media_type, const char *tag) ERR_RESULT;
/* Blobs of the store; arg is the engine. */
struct err *push_open_stored(void *arg, const char *digest, uint64_t size_bytes, int *ret_fd) ERR_RESULT;
