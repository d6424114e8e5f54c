/* Unpacking inside coracle-layer: from an archive's descriptor to a directory. Both run in the calling process, which
 * should have confined itself before (confine.h), has umask 0, and loses its working directory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/layer/layer.h"

#define UNPACK_BYTES_MAX ((uint64_t)1 << 40) /* defaults of struct layer_unpack_opts */
#define UNPACK_ENTRIES_MAX ((uint64_t)16 << 20)

/* A layer. See layer.h. What was made when an error comes stays; the caller removes the directory. */
struct err *unpack_layer(const struct layer_unpack_opts *opts, struct layer_result *ret) ERR_RESULT;

/* The files of an outer archive (docker save, oci-archive): regular files 0644, directories 0755, no owners or times.
 * Symbolic and hard links between members become hard links, wherever they stand in the archive; anything else is
 * ERR_INVALID. */
struct err *unpack_archive(int archive_fd, int target_dirfd, uint64_t max_bytes) ERR_RESULT;
