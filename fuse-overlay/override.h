/* Owner and mode of a file as text in an extended attribute, where the inode can't hold them: "uid:gid:mode[:type]".
 * The format is that of containers/storage (user.containers.override_stat) and of fuse-overlayfs. Computes only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define OVERRIDE_MAX 96 /* bytes of the longest, with its NUL */

struct override {
    uint32_t uid, gid;
    mode_t mode; /* permission bits; with the file type when has_type */
    bool has_type;
    dev_t rdev;
};

/* False when it makes no sense: then the inode counts. `text` need not end in NUL. */
bool override_parse(const char *text, size_t len, struct override *ret);
/* Into `buf` of OVERRIDE_MAX bytes; the length without NUL. `mode` includes the file type. */
size_t override_format(const struct override *o, char *buf);
