/* Making the entries of an archive in the target tree. A later entry replaces an earlier one of the same name; only a
 * directory over a directory keeps what is in it. Everything in the target comes from this archive, since it was empty.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/layer/dirs.h"
#include "engine/layer/meta.h"
#include "engine/layer/tar.h"

struct entry_ctx {
    int rootfd;
    struct tar *tar;
    struct dirs *dirs;  /* where entries go */
    struct dirs *links; /* where hard links lead; only looked up */
    struct meta_rules rules;
    uint64_t max_bytes;
    uint64_t bytes; /* of regular files' data so far */
    uint64_t devices_skipped;
    bool into_tree;  /* what is there isn't this archive's, and may have mounts */
    bool keep_kinds; /* see struct layer_insert_opts */
};

/* The root directory itself ("./"). */
struct err *entry_root(struct entry_ctx *c, const struct meta *m) ERR_RESULT;
/* By type, from the archive's current entry; `name` is clean and not "". */
struct err *entry_make(struct entry_ctx *c, const char *name, const struct meta *m) ERR_RESULT;
/* The data of the current entry into an open, empty file, keeping holes. */
struct err *entry_write_data(struct entry_ctx *c, int fd, int64_t size) ERR_RESULT;
/* Remove whatever has this name, to make room. */
struct err *entry_clear(struct entry_ctx *c, const struct dirs_place *place) ERR_RESULT;
