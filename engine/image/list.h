/* Image filters, for listing and pruning. */
#pragma once

#include "engine/image/image.h"

struct image_filters;
/* From "key=value" texts; unknown keys are ERR_INVALID. `texts` may be NULL. */
struct err *image_filters_new(struct engine *e, const struct strv *texts, struct image_filters **ret) ERR_RESULT;
struct err *image_filters_match(struct engine *e, const struct image_filters *f, const struct image *i,
                                bool *ret) ERR_RESULT;
void image_filters_free(struct image_filters *take_f);
