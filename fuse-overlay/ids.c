#include "fuse-overlay/ids.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/strv.h"

void ids_done(struct ids_map *map)
{
    mem_freep(&map->ranges);
    map->count = 0;
}

static bool ids_overlap(uint32_t a, uint32_t b, uint32_t a_count, uint32_t b_count)
{
    return a < (uint64_t)b + b_count && b < (uint64_t)a + a_count;
}

/* One "host:ct:count" from three texts, checked against the ranges before it. */
static struct err *ids_add(struct ids_map *map, char *const *texts)
{
    uint64_t value[3];
    for (size_t i = 0; i < 3; i++)
        TRY_WRAP(number_parse_u64(texts[i], UINT32_MAX - 1, &value[i]), "id map");
    if (value[2] == 0 || value[0] + value[2] > UINT32_MAX || value[1] + value[2] > UINT32_MAX)
        return ERR_NEW(ERR_INVALID, "id map: %s:%s:%s is no range of ids", texts[0], texts[1], texts[2]);
    struct ids_range r = {.ct = (uint32_t)value[1], .host = (uint32_t)value[0], .count = (uint32_t)value[2]};
    for (size_t i = 0; i < map->count; i++) {
        const struct ids_range *o = &map->ranges[i];
        if (ids_overlap(r.ct, o->ct, r.count, o->count) || ids_overlap(r.host, o->host, r.count, o->count))
            return ERR_NEW(ERR_INVALID, "id map: %s:%s:%s overlaps another range", texts[0], texts[1], texts[2]);
    }
    map->ranges[map->count++] = r;
    return NULL;
}

struct err *ids_parse(const char *text, struct ids_map *ret)
{
    AUTO_STRV struct strv parts = STRV_INIT;
    TRY(strv_split(text, ':', &parts));
    if (parts.count % 3 || parts.count / 3 > IDS_MAX)
        return ERR_NEW(ERR_INVALID, "id map \"%s\": give it as id-on-disk:id-shown:count, at most %d times", text,
                       IDS_MAX);
    struct ids_map map = {.ranges = mem_alloc(sizeof(*map.ranges) * (parts.count / 3 + 1))};
    if (!map.ranges)
        return err_oom();
    for (size_t i = 0; i < parts.count; i += 3) {
        struct err *e = ids_add(&map, parts.items + i);
        if (e) {
            ids_done(&map);
            return e;
        }
    }
    ids_done(ret);
    *ret = map;
    return NULL;
}

uint32_t ids_to_ct(const struct ids_map *map, uint32_t host_id, uint32_t otherwise)
{
    if (map->count == 0)
        return host_id;
    for (size_t i = 0; i < map->count; i++) {
        const struct ids_range *r = &map->ranges[i];
        if (host_id >= r->host && host_id - r->host < r->count)
            return r->ct + (host_id - r->host);
    }
    return otherwise;
}

int ids_to_host(const struct ids_map *map, uint32_t ct_id, uint32_t *ret)
{
    if (map->count == 0) {
        *ret = ct_id;
        return 0;
    }
    for (size_t i = 0; i < map->count; i++) {
        const struct ids_range *r = &map->ranges[i];
        if (ct_id >= r->ct && ct_id - r->ct < r->count) {
            *ret = r->host + (ct_id - r->ct);
            return 0;
        }
    }
    return -EOVERFLOW;
}
