/* The same tar in another compression. Runs in coracle-layer, confined. */
#pragma once

#include "engine/layer/layer.h"

/* From opts->archive_fd to opts->output_fd. Nothing is parsed but the compression. */
struct err *recode_layer(const struct layer_recode_opts *opts, struct layer_result *ret) ERR_RESULT;
