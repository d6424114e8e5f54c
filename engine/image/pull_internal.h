/* What pull.c and pull_image.c share. */
#pragma once

#include "engine/image/content.h"
#include "engine/image/internal.h"
#include "engine/image/reference.h"
#include "engine/image/verify.h"
#include "engine/registry/registry.h"

struct pull {
    struct engine *engine;
    const struct image_pull_opts *opts;
    struct image_platform platform; /* resolved */
    struct registry *registry;
    struct verify *verify;  /* NULL: nothing has to be verified */
    const char *full_name;  /* "domain/path:tag", or "domain/path@digest" */
    const char *repository; /* "domain/path" */
    const char *target;     /* tag or digest */
    char *index_digest;     /* NULL when it is no index */
};
__attribute__((format(printf, 2, 3))) void pull_say(const struct pull *p, const char *fmt, ...);
/* A document into memory, verified when `digest` is given. */
struct err *pull_fetch(struct pull *p, enum registry_verb verb, const char *target, const char *digest, size_t max,
                       char **ret, size_t *ret_len, char **ret_type) ERR_RESULT;
/* One image, of which the manifest is here: config, layers, rows. *ret_id is its id. */
struct err *pull_image(struct pull *p, const char *manifest, size_t len, const char *media_type,
                       char **ret_id) ERR_RESULT;
