#include "userns/idplan.h"

#include <stdlib.h>

#include "base/mem.h"

#define IDPLAN_ALL_IDS UINT32_MAX

void idplan_facts_done(struct idplan_facts *f)
{
    idmap_done(&f->own_uids);
    idmap_done(&f->own_gids);
}

void idplan_done(struct idplan *p)
{
    idmap_done(&p->uids);
    idmap_done(&p->gids);
    free(p->notice);
    *p = (struct idplan){0};
}

static bool idplan_sees_all_ids(const struct idplan_facts *f)
{
    return idmap_total(&f->own_uids) == IDPLAN_ALL_IDS && idmap_total(&f->own_gids) == IDPLAN_ALL_IDS;
}

bool idplan_is_real_root(const struct idplan_facts *f)
{
    return f->uid == 0 && f->can_set_ids && idplan_sees_all_ids(f);
}

bool idplan_is_nested_root(const struct idplan_facts *f)
{
    return f->uid == 0 && f->can_set_ids && !idplan_sees_all_ids(f);
}

/* The part of [start, end) before `start` meets something mapped already; when it starts inside such a range, *start
 * moves behind it. Yields the end of the free part. */
static uint64_t idplan_free_part(const struct idmap *m, uint64_t *start, uint64_t end)
{
    uint64_t stop = end;
    for (size_t i = 0; i < m->count; i++) {
        uint64_t first = m->ranges[i].host, behind = first + m->ranges[i].count;
        if (*start >= first && *start < behind) { /* look again from there on */
            *start = behind;
            i = (size_t)-1;
            stop = end;
        } else if (first > *start && first < stop) {
            stop = first;
        }
    }
    return *start < stop ? stop : *start;
}

/* Map [start, end) of the parent's ids from *next on, less what is mapped already. */
static struct err *idplan_add_free(struct idmap *m, uint32_t *next, uint64_t start, uint64_t end)
{
    while (start < end && m->count < IDMAP_MAX) {
        uint64_t stop = idplan_free_part(m, &start, end);
        uint64_t room = UINT32_MAX - *next; /* a longer map has no ids to give */
        uint64_t count = stop > start ? stop - start : 0;
        if (count > room)
            count = room;
        if (count == 0)
            return NULL;
        TRY(idmap_add(m, *next, (uint32_t)start, (uint32_t)count));
        *next += (uint32_t)count;
        start = stop;
    }
    return NULL;
}

/* The part of a span that exists in this namespace: what `own` has on its inner side. */
static struct err *idplan_add_span(struct idmap *m, uint32_t *next, const struct subid_span *span,
                                   const struct idmap *own)
{
    uint64_t start = span->start, end = start + span->count;
    for (size_t i = 0; i < own->count; i++) {
        uint64_t first = own->ranges[i].ct, behind = first + own->ranges[i].count;
        uint64_t from = start > first ? start : first, to = end < behind ? end : behind;
        if (from < to)
            TRY(idplan_add_free(m, next, from, to));
    }
    return NULL;
}

/* 0 → `self` when there is one, then the spans in their order. */
static struct err *idplan_map_spans(const uint32_t *self, const struct subid_set *spans, const struct idmap *own,
                                    struct idmap *ret)
{
    AUTO_IDMAP struct idmap m = {0};
    uint32_t next = 0;
    if (self)
        TRY(idmap_add(&m, next++, *self, 1));
    for (size_t i = 0; i < spans->count; i++)
        TRY(idplan_add_span(&m, &next, &spans->spans[i], own));
    *ret = m;
    m = (struct idmap){0};
    return NULL;
}

struct err *idplan_make_single(const struct idplan_facts *f, const char *why, struct idplan *ret)
{
    AUTO_IDPLAN struct idplan p = {.method = IDPLAN_SINGLE};
    TRY(idmap_add(&p.uids, 0, f->uid, 1));
    TRY(idmap_add(&p.gids, 0, f->gid, 1));
    TRY(mem_asprintf(&p.notice, "containers have a single user and group id: %s", why));
    *ret = p;
    p = (struct idplan){0};
    return NULL;
}

/* The ids of this namespace under the same numbers, or from 1 on where id 0 may not be handed on. */
static struct err *idplan_map_nested(const struct idmap *own, bool can_map_zero, struct idmap *ret)
{
    AUTO_IDMAP struct idmap m = {0};
    uint32_t total = idmap_contiguous(own);
    if (!can_map_zero && total > 1) {
        TRY(idmap_add(&m, 0, 1, total - 1));
    } else {
        for (size_t i = 0; i < own->count; i++)
            TRY(idmap_add(&m, own->ranges[i].ct, own->ranges[i].ct, own->ranges[i].count));
    }
    *ret = m;
    m = (struct idmap){0};
    return NULL;
}

static struct err *idplan_make_nested(const struct idplan_facts *f, struct idplan *ret)
{
    AUTO_IDPLAN struct idplan p = {.method = IDPLAN_DIRECT, .remapped = !f->can_map_zero};
    TRY(idplan_map_nested(&f->own_uids, f->can_map_zero, &p.uids));
    TRY(idplan_map_nested(&f->own_gids, f->can_map_zero, &p.gids));
    *ret = p;
    p = (struct idplan){0};
    return NULL;
}

struct err *idplan_make(const struct idplan_facts *f, const struct subid_ranges *ranges, const char *helper_trouble,
                        struct idplan *ret)
{
    if (idplan_is_nested_root(f)) {
        if (idmap_contiguous(&f->own_uids) > 1 && idmap_contiguous(&f->own_gids) > 1)
            return idplan_make_nested(f, ret);
        return idplan_make_single(f, "the surrounding user namespace has no more", ret);
    }
    AUTO_IDPLAN struct idplan p = {.method = f->can_set_ids ? IDPLAN_DIRECT : IDPLAN_HELPER};
    p.remapped = idplan_is_real_root(f);
    const uint32_t uid = f->uid, gid = f->gid;
    TRY(idplan_map_spans(p.remapped ? NULL : &uid, &ranges->uids, &f->own_uids, &p.uids));
    TRY(idplan_map_spans(p.remapped ? NULL : &gid, &ranges->gids, &f->own_gids, &p.gids));
    if (p.remapped && (p.uids.count == 0 || p.gids.count == 0))
        return ERR_NEW(ERR_INTERNAL, "no range of ids was chosen for root");
    if (!p.remapped && (p.uids.count < 2 || p.gids.count < 2))
        return idplan_make_single(f,
                                  ranges->uids.count && ranges->gids.count
                                      ? "the subordinate ids of this user do not exist in this user namespace"
                                      : "this user has no subordinate ids; an administrator adds them to /etc/subuid "
                                        "and /etc/subgid (usermod --add-subuids, --add-subgids)",
                                  ret);
    if (p.method == IDPLAN_HELPER && helper_trouble)
        return idplan_make_single(f, helper_trouble, ret);
    *ret = p;
    p = (struct idplan){0};
    return NULL;
}
