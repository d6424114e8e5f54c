/* Manifest lists that users make: `manifest create`, `add` and their kin.
 *
 * A list is a row of images (so it has names, is listed, tagged and removed as one) with a document beside it
 * (listdoc.h); the serialised list is a blob, replaced with each change. Its images are elsewhere: here, known by the
 * digests of their manifests, or in a registry; nothing keeps them from being removed, as in Podman. Artifacts that
 * were made for a list belong to it.
 */
#pragma once

#include "engine/image/image.h"
#include "engine/image/listdoc.h"

struct registry_opts;
struct image_push_opts;

struct index_create_opts {
    const struct registry_opts *registry;
    bool all;   /* of lists among the images: all of them */
    bool amend; /* an existing list is changed */
    struct strv annotations;
};
/* *ret_id is the list's, here and below: 64 hex. ERR_EXISTS for a name that is in use. */
struct err *index_create(struct engine *e, const char *name, const struct strv *images,
                         const struct index_create_opts *opts, char **ret_id) ERR_RESULT;

struct index_add_opts {
    const struct registry_opts *registry;
    bool all;
    struct listdoc_words words;
};
/* `images`: "containers-storage:NAME", "docker://NAME", or a name: one in localhost/ is here, others are in a
 * registry, and if they aren't, here. */
struct err *index_add(struct engine *e, const char *list, const struct strv *images, const struct index_add_opts *opts,
                      char **ret_id) ERR_RESULT;

struct index_artifact_opts {
    const char *type;                      /* NULL: "application/vnd.unknown.artifact.v1" */
    const char *config_path, *config_type; /* NULL: OCI's empty config */
    const char *layer_type;                /* NULL: by content */
    const char *subject;                   /* name of an image or list that it is about, or NULL */
    bool exclude_titles;
    struct strv annotations;
    const struct registry_opts *registry; /* for the subject */
    struct listdoc_words words;
};
/* An artifact of files, in the list. */
struct err *index_add_artifact(struct engine *e, const char *list, const struct strv *files,
                               const struct index_artifact_opts *opts, char **ret_id) ERR_RESULT;

struct index_annotate_opts {
    const struct registry_opts *registry; /* for the subject */
    struct listdoc_words words;
    bool index;          /* the list itself: annotations and subject */
    const char *subject; /* or NULL */
};
struct err *index_annotate(struct engine *e, const char *list, const char *digest,
                           const struct index_annotate_opts *opts, char **ret_id) ERR_RESULT;
struct err *index_remove_entry(struct engine *e, const char *list, const char *digest, char **ret_id) ERR_RESULT;

/* The id of a list. ERR_NOT_FOUND; ERR_INVALID "image is not a manifest list". */
struct err *index_find(struct engine *e, const char *name, char **ret_id) ERR_RESULT;
/* JSON, indented, of a local list or of one in a registry. */
struct err *index_inspect(struct engine *e, const char *name, const struct registry_opts *registry,
                          char **ret_json) ERR_RESULT;
/* Of one in a registry, whatever is here: needs no engine. *ret_notice: a line for the user, or NULL. */
struct err *index_inspect_remote(const char *name, const struct registry_opts *registry, char **ret_json,
                                 char **ret_notice) ERR_RESULT;
/* `destination`: a full name; of no meaning with opts->files. */
struct err *index_push(struct engine *e, const char *list, const char *destination, const struct image_push_opts *opts,
                       char **ret_digest) ERR_RESULT;
