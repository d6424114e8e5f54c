/* Names in archives: pure computation. */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* Longer names and deeper ones are refused. What a whole path in a container can be (PATH_MAX) is less; a directory
 * descriptor is held for each level. */
#define NAME_BYTES_MAX ((size_t)16 << 10)
#define NAME_DEPTH_MAX 400
#define NAME_PART_MAX 255

/* Clean the name of an entry: no leading slash, no "." and no empty parts, ".." taken back lexically, as Podman does.
 * "" is the root of the layer. A name that leads out of the layer, is too long or too deep is ERR_INVALID. `ret` has
 * room for NAME_BYTES_MAX + 1 bytes. `what` says in messages what the name is of. */
struct err *name_clean(const char *name, const char *what, char *ret) ERR_RESULT;
/* For messages: the name, or "/" for the root; long ones are cut. */
struct name_text {
    char s[128];
};
struct name_text name_text(const char *name);
/* Length of the part before the last slash; 0 when there is none. */
size_t name_parent_len(const char *name);
/* Behind the last slash; borrowed. */
const char *name_last(const char *name);
