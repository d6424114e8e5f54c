/* Images that are not in our own store: packed files ("packed:FILE"), and the images of additional image stores.
 *
 * They are looked at, never written to or locked, and nothing of them is kept in the database: what a file or a store
 * has is read when it is asked for. An image from there has an `origin`, by which it is found again ("packed:/abs/FILE"
 * or "store:/abs/DIR#ID"), its documents with it, and one layer, an absolute path: all its layers as one tree.
 *
 * An additional image store is a directory:
 *
 *     index.json                  {"coracle-image-store": 1, "images": [{"id": HEX, "names": [...], "path": ...}]}
 *     images/<id>.packed          a packed image, or
 *     images/<id>/rootfs/         its files, and
 *     images/<id>/image.json      the document of packdoc.h
 *
 * Everything appears by rename, index.json last, so readers on any node see an older or a newer store, both whole.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"
#include "engine/image/image.h"

#define OUTSIDE_PACKED "packed:"
#define OUTSIDE_STORE "store:"
#define OUTSIDE_INDEX "index.json"
#define OUTSIDE_DOCUMENT "image.json"

/* Is it one of ours in any case, by its prefix? */
bool outside_is_name(const char *name);
/* By origin; or by name or id in the additional stores. *ret stays NULL when it isn't there. */
struct err *outside_find(struct engine *e, const char *name, struct image **ret) ERR_RESULT;
/* The full name among its own that `name` stands for; *ret stays NULL for an id. */
struct err *outside_full_name(const struct image *i, const char *name, char **ret) ERR_RESULT;
/* Images of the additional stores, appended to a list of pointers. */
struct err *outside_list(struct engine *e, struct image ***list, size_t *count) ERR_RESULT;
/* ERR_UNSUPPORTED for what needs the layers as they came: "save: …". NULL for images of our own. */
struct err *outside_refuse(const struct image *i, const char *what) ERR_RESULT;

/* --- stores, as the one who makes them sees them */
struct outside_entry {
    char *id, *path; /* path: relative to the store */
    struct strv names;
};
struct outside_index {
    struct outside_entry *entries;
    size_t count, cap;
};
void outside_index_done(struct outside_index *x);
#define AUTO_OUTSIDE_INDEX __attribute__((cleanup(outside_index_done)))
/* ERR_NOT_FOUND: it is no such store. */
struct err *outside_index_read(int dirfd, struct outside_index *ret) ERR_RESULT;
struct err *outside_index_parse(const char *text, size_t len, struct outside_index *ret) ERR_RESULT;
/* Borrowed, or NULL. By the first of full names that one has; by a prefix of an id, NULL too when several have it. */
struct outside_entry *outside_index_by_name(const struct outside_index *x, const struct strv *candidates);
struct outside_entry *outside_index_by_id(const struct outside_index *x, const char *prefix);
/* Replaces what has the same id; names of it are taken from others. */
struct err *outside_index_put(struct outside_index *x, const char *id, const char *path,
                              const struct strv *names) ERR_RESULT;
struct err *outside_index_write(int dirfd, const struct outside_index *x) ERR_RESULT;
