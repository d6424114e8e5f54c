/* Packing inside coracle-layer: from a directory to an archive. Runs confined (confine.h). */
#pragma once

#include "base/err.h"
#include "engine/layer/layer.h"

/* A layer or a whole root file system. See layer.h. Sockets are left out, as tar has none. */
struct err *pack_layer(const struct layer_pack_opts *opts, struct layer_result *ret) ERR_RESULT;
/* The files of a directory as they stand, for docker-archive and oci-archive: regular files 0644, directories 0755,
 * symbolic links; owner 0, time 0. */
struct err *pack_archive(int source_dirfd, int archive_fd) ERR_RESULT;
