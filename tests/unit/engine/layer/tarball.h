/* A tar writer for tests: writes what it is told, also what no honest program would. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

struct tb_entry {
    const char *name; /* up to 100 bytes; longer ones through tb_pax() */
    char type;        /* '0' file, '5' directory, '2' symlink, '1' hard link, '6' FIFO, '3' char, '4' block; 0 is '0' */
    unsigned mode;    /* 0: 0644, or 0755 for directories */
    uint64_t uid, gid;
    int64_t mtime;
    const char *link;
    const char *data; /* a string, unless size says otherwise */
    uint64_t size;    /* 0: strlen(data) */
    unsigned major, minor;
    const char *raw_size; /* the 12 bytes of the size field, as they are */
};

/* A header and its data. */
void tb_add(struct strbuf *t, struct tb_entry e);
/* Attributes of the next entry (typeflag x). */
void tb_pax(struct strbuf *t, const char *key, const void *value, size_t len);
void tb_end(struct strbuf *t);

/* Shorthands. */
void tb_file(struct strbuf *t, const char *name, const char *data);
void tb_dir(struct strbuf *t, const char *name);
void tb_symlink(struct strbuf *t, const char *name, const char *target);
void tb_hardlink(struct strbuf *t, const char *name, const char *target);

/* Compress by a libarchive filter code (ARCHIVE_FILTER_GZIP …). */
void tb_compress(const struct strbuf *from, int filter, struct strbuf *ret);
/* A memfd that holds these bytes, at its start. */
int tb_memfd(const void *data, size_t len);
