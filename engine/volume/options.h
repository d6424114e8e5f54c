/* Options of the local volume driver: type, device, o, as `podman volume create --opt` takes them. Computes only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

enum volume_kind {
    VOLUME_DIRECTORY, /* volumes/<name>/_data */
    VOLUME_BIND,      /* another directory of the host */
    VOLUME_TMPFS,     /* in memory, as long as containers use it */
};

struct volume_options {
    enum volume_kind kind;
    char *device;      /* VOLUME_BIND: absolute */
    struct strv binds; /* "bind", "ro", "nodev" …: of the mount in containers */
    struct strv tmpfs; /* "size=10m": of the file system */
    bool no_copy;      /* not filled from the image */
    bool has_uid, has_gid;
    uint32_t uid, gid; /* owner of the directory itself, as the session counts ids */
};

void volume_options_done(struct volume_options *o);
#define AUTO_VOLUME_OPTIONS __attribute__((cleanup(volume_options_done)))
/* `pairs` are "key=value". ERR_INVALID for what can't be right, ERR_UNSUPPORTED for what a user without root cannot
 * have: other file systems, limits without one of its own. Both name the option. */
struct err *volume_options_parse(const struct strv *pairs, struct volume_options *ret) ERR_RESULT;
