/* One entry of an archive being packed; pack.c walks. */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/layer/inodes.h"
#include "engine/layer/sink.h"

enum pack_mode {
    PACK_WHOLE, /* a root file system */
    PACK_DIFF,  /* a layer: whiteouts become .wh. entries */
    PACK_FILES, /* an outer archive: contents only */
};

struct pack {
    enum pack_mode mode;
    const struct layer_pack_opts *opts; /* borrowed */
    struct sink *sink;
    struct strbuf name; /* of the entry at hand; "" for the root */
    struct inodes seen;
    char *buf; /* for data, made when needed */
    uint64_t entries;
    uint64_t bytes; /* of regular files */
};

void pack_done(struct pack *p);
#define AUTO_PACK __attribute__((cleanup(pack_done)))

/* Owner, mode and type as they are recorded, where only one id is mapped, into *st. */
void pack_entry_owner(const struct pack *p, int fd, struct stat *st);
struct err *pack_entry_directory(struct pack *p, int fd, const struct stat *st) ERR_RESULT;
struct err *pack_entry_file(struct pack *p, int fd, const struct stat *st) ERR_RESULT;
/* Symbolic links, FIFOs, devices. */
struct err *pack_entry_other(struct pack *p, int dirfd, const char *name, const struct stat *st) ERR_RESULT;
/* The entry at hand is deleted; the directory at hand is opaque. */
struct err *pack_entry_whiteout(struct pack *p, const struct stat *st) ERR_RESULT;
struct err *pack_entry_opaque(struct pack *p, const struct stat *st) ERR_RESULT;
