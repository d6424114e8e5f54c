/* What belongs to a file besides its contents, for apply.c. Private to engine/storage. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

/* Owner, mode, extended attributes (without those of overlay itself), times. */
struct err *apply_attr_copy(int from, int to, const struct stat *st) ERR_RESULT;
/* The same without a descriptor of the file: links, devices. No extended attributes. */
struct err *apply_attr_name(int to_dir, const char *name, const struct stat *st) ERR_RESULT;
