/* What the files of manifest lists share. */
#pragma once

#include "engine/image/content.h"
#include "engine/image/index.h"
#include "engine/image/internal.h"
#include "engine/image/remote.h"

/* Change a list's document and everything that follows from it. `change` is called with the document as it is, again
 * when somebody else was quicker, and may put content, which then belongs to the list. */
struct index_change {
    struct err *(*change)(struct index_change *c, json_t *doc, struct content *content)ERR_RESULT;
    void *arg;
    struct strv blobs; /* digests of content that `change` has put */
};
struct err *index_update(struct engine *e, const char *id, struct index_change *c) ERR_RESULT;
struct err *index_read(struct engine *e, const char *id, json_t **ret) ERR_RESULT;
/* Entries that a name stands for, with their words: a document whose entries are to be added. */
struct err *index_resolve(struct engine *e, const char *name, const struct registry_opts *registry, bool all,
                          const struct listdoc_words *words, json_t **ret) ERR_RESULT;
/* The descriptor of an image or list, for "subject". */
struct err *index_subject(struct engine *e, const char *name, const struct registry_opts *registry,
                          json_t **ret) ERR_RESULT;
