/* Where images come from and go to besides registries: "oci-archive:PATH[:REFERENCE]" and its kin,
 * containers-transports(5). */
#pragma once

#include <stdbool.h>

#include "cli/cli.h"
#include "engine/image/push.h"

enum transport_kind {
    TRANSPORT_DOCKER, /* a registry; also what has no transport in front */
    TRANSPORT_FILE,
    TRANSPORT_STORAGE, /* containers-storage: our own store */
    TRANSPORT_DAEMON,  /* known, and refused */
};
struct transport {
    enum transport_kind kind;
    enum image_format format; /* of a file */
    const char *name;         /* "oci:", for messages */
    char *path;               /* of a file, or the name behind the transport */
    char *reference;          /* what stands behind the path, or NULL */
};
void transport_done(struct transport *t);
#define AUTO_TRANSPORT __attribute__((cleanup(transport_done)))
struct err *transport_parse(const char *text, struct transport *ret) ERR_RESULT;

/* An image from a file or our own store. */
struct transport_opts {
    const struct image_platform *platform;
    const char *signature_policy;
    bool quiet;
    bool unnamed, all_platforms; /* as in struct image_load_opts */
};
struct err *transport_pull(struct engine *e, const struct transport *t, const struct transport_opts *opts,
                           struct strv *ret_ids) ERR_RESULT;
/* The image `name` into an archive of Docker's, or under another name into our own store. */
struct err *transport_push(struct engine *e, const char *name, const struct transport *t, bool quiet) ERR_RESULT;
/* For image_push() and index_push(): strings are borrowed; `text` is what was parsed. */
struct image_push_files transport_files(const struct transport *t, const char *text);
