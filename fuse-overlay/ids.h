/* Id maps of one mount: between ids as they are on disk and ids as containers see them. Computes only. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define IDS_MAX 340 /* lines of a map; what the kernel takes in uid_map(5) */

struct ids_range {
    uint32_t ct, host, count;
};

struct ids_map {
    struct ids_range *ranges; /* owned; none: every id stands for itself */
    size_t count;
};

/* "host:ct:count", more of them separated by colons, as fuse-overlayfs takes them: what is on disk comes first.
 * ERR_INVALID: not numbers, empty, overflowing or overlapping ranges. */
struct err *ids_parse(const char *text, struct ids_map *ret) ERR_RESULT;
void ids_done(struct ids_map *map);
/* `otherwise` for ids without a place in the map. */
uint32_t ids_to_ct(const struct ids_map *map, uint32_t host_id, uint32_t otherwise);
/* -EOVERFLOW for ids without a place; else 0. */
int ids_to_host(const struct ids_map *map, uint32_t ct_id, uint32_t *ret);
