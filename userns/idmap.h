/* Id maps of user namespaces: pure computation, no I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* `count` ids from `ct` on inside are `host`.. outside (outside: as seen by the parent namespace). */
struct idmap_range {
    uint32_t ct;
    uint32_t host;
    uint32_t count;
};

#define IDMAP_MAX 340 /* the kernel's limit, user_namespaces(7) */
struct idmap {
    struct idmap_range *ranges; /* owned, sorted by ct, not overlapping */
    size_t count;
};

void idmap_done(struct idmap *m);
#define AUTO_IDMAP __attribute__((cleanup(idmap_done)))
/* Overlaps, overflow and more than IDMAP_MAX ranges are ERR_INVALID. */
struct err *idmap_add(struct idmap *m, uint32_t ct, uint32_t host, uint32_t count) ERR_RESULT;
struct err *idmap_copy(const struct idmap *from, struct idmap *ret) ERR_RESULT;
bool idmap_equal(const struct idmap *a, const struct idmap *b);
/* False when not mapped. */
bool idmap_to_host(const struct idmap *m, uint32_t ct, uint32_t *ret_host);
bool idmap_to_ct(const struct idmap *m, uint32_t host, uint32_t *ret_ct);
/* Number of ids mapped; the first unmapped id from 0 is idmap_contiguous(). */
uint64_t idmap_total(const struct idmap *m);
uint32_t idmap_contiguous(const struct idmap *m);
/* The same map with its ranges cut where those of `parent` (the map of the namespace around) end: the kernel takes a
 * range only when one range of the parent holds all of it, user_namespaces(7). ERR_INVALID names an id that the parent
 * lacks. */
struct err *idmap_cut(const struct idmap *m, const struct idmap *parent, struct idmap *ret) ERR_RESULT;
/* Maps `count` ids from ct_first on, in order, to the parent's ids from host_first to host_end - 1, leaving out what
 * `m` has on either side already. *ret_missing: how many found no place. */
struct err *idmap_fill(struct idmap *m, uint32_t ct_first, uint32_t count, uint32_t host_first, uint32_t host_end,
                       uint32_t *ret_missing) ERR_RESULT;
/* Text form of /proc/PID/uid_map: "ct host count\n" lines. */
struct err *idmap_parse(const char *text, struct idmap *ret) ERR_RESULT;
struct err *idmap_text(const struct idmap *m, char **ret) ERR_RESULT;
/* `--uidmap` values "ct:host:count". */
struct err *idmap_parse_flag(const char *flag, struct idmap *m) ERR_RESULT;
