/* Rows of `images`: one for each name of an image, one for an image without. */
#pragma once

#include <stdint.h>

#include "cli/template/template.h"
#include "engine/image/image.h"

struct image_row {
    const struct image *image;
    const struct image_config *config; /* NULL when nobody asked for labels */
    char *repository, *tag;            /* "<none>" */
    bool no_trunc;
    int64_t now_nsec;
};

extern const struct template_class image_class;
extern const struct template_member image_members[];
/* "docker.io/library/debian:12" to its two parts. */
struct err *image_split_name(const char *name, char **ret_repository, char **ret_tag) ERR_RESULT;
/* The object of --format json; one for each image. */
struct err *image_row_json(const struct image_row *row, json_t **ret) ERR_RESULT;
