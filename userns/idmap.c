/* Id maps: sorted arrays of ranges. The limits are the kernel's (user_namespaces(7)): neither side of two ranges may
 * overlap, a range may not wrap, and the id 4294967295 cannot be mapped since it means "no change" to chown(2). */
#include "userns/idmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* One past the last id that a range may hold. */
#define IDMAP_ID_END UINT32_MAX

void idmap_done(struct idmap *m)
{
    free(m->ranges);
    *m = (struct idmap){0};
}

static bool idmap_spans_meet(uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count)
{
    return (uint64_t)a < (uint64_t)b + b_count && (uint64_t)b < (uint64_t)a + a_count;
}

static struct err *idmap_check(const struct idmap *m, uint32_t ct, uint32_t host, uint32_t count)
{
    if (count == 0)
        return ERR_NEW(ERR_INVALID, "id range %u:%u:0 is empty", ct, host);
    if ((uint64_t)ct + count > IDMAP_ID_END || (uint64_t)host + count > IDMAP_ID_END)
        return ERR_NEW(ERR_INVALID, "id range %u:%u:%u goes beyond the last id, 4294967294", ct, host, count);
    if (m->count >= IDMAP_MAX)
        return ERR_NEW(ERR_INVALID, "an id map has at most %d ranges", IDMAP_MAX);
    for (size_t i = 0; i < m->count; i++) {
        const struct idmap_range *r = &m->ranges[i];
        if (idmap_spans_meet(ct, count, r->ct, r->count) || idmap_spans_meet(host, count, r->host, r->count))
            return ERR_NEW(ERR_INVALID, "id range %u:%u:%u overlaps %u:%u:%u", ct, host, count, r->ct, r->host,
                           r->count);
    }
    return NULL;
}

struct err *idmap_add(struct idmap *m, uint32_t ct, uint32_t host, uint32_t count)
{
    TRY(idmap_check(m, ct, host, count));
    struct idmap_range *grown = mem_realloc_array(m->ranges, m->count + 1, sizeof(*grown));
    if (!grown)
        return err_oom();
    size_t at = m->count;
    while (at > 0 && grown[at - 1].ct > ct)
        at--;
    memmove(grown + at + 1, grown + at, (m->count - at) * sizeof(*grown));
    grown[at] = (struct idmap_range){.ct = ct, .host = host, .count = count};
    m->ranges = grown;
    m->count++;
    return NULL;
}

struct err *idmap_copy(const struct idmap *from, struct idmap *ret)
{
    struct idmap copy = {0};
    if (from->count) {
        copy.ranges = mem_realloc_array(NULL, from->count, sizeof(*copy.ranges));
        if (!copy.ranges)
            return err_oom();
        memcpy(copy.ranges, from->ranges, from->count * sizeof(*copy.ranges));
        copy.count = from->count;
    }
    *ret = copy;
    return NULL;
}

bool idmap_equal(const struct idmap *a, const struct idmap *b)
{
    if (a->count != b->count)
        return false;
    return a->count == 0 || memcmp(a->ranges, b->ranges, a->count * sizeof(*a->ranges)) == 0;
}

bool idmap_to_host(const struct idmap *m, uint32_t ct, uint32_t *ret_host)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct idmap_range *r = &m->ranges[i];
        if (ct >= r->ct && ct - r->ct < r->count) {
            *ret_host = r->host + (ct - r->ct);
            return true;
        }
    }
    return false;
}

bool idmap_to_ct(const struct idmap *m, uint32_t host, uint32_t *ret_ct)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct idmap_range *r = &m->ranges[i];
        if (host >= r->host && host - r->host < r->count) {
            *ret_ct = r->ct + (host - r->host);
            return true;
        }
    }
    return false;
}

uint64_t idmap_total(const struct idmap *m)
{
    uint64_t total = 0;
    for (size_t i = 0; i < m->count; i++)
        total += m->ranges[i].count;
    return total;
}

uint32_t idmap_contiguous(const struct idmap *m)
{
    uint32_t next = 0;
    for (size_t i = 0; i < m->count && m->ranges[i].ct == next; i++)
        next += m->ranges[i].count; /* cannot wrap: idmap_check */
    return next;
}

static const struct idmap_range *idmap_holding(const struct idmap *m, uint32_t ct)
{
    for (size_t i = 0; i < m->count; i++)
        if (ct >= m->ranges[i].ct && ct - m->ranges[i].ct < m->ranges[i].count)
            return &m->ranges[i];
    return NULL;
}

static struct err *idmap_cut_range(struct idmap_range r, const struct idmap *parent, struct idmap *ret)
{
    while (r.count) {
        const struct idmap_range *p = idmap_holding(parent, r.host);
        if (!p)
            return ERR_NEW(ERR_INVALID, "id range %u:%u:%u: there is no id %u to map to", r.ct, r.host, r.count,
                           r.host);
        uint32_t left = p->count - (r.host - p->ct);
        uint32_t n = r.count < left ? r.count : left;
        TRY(idmap_add(ret, r.ct, r.host, n));
        r = (struct idmap_range){.ct = r.ct + n, .host = r.host + n, .count = r.count - n};
    }
    return NULL;
}

struct err *idmap_cut(const struct idmap *m, const struct idmap *parent, struct idmap *ret)
{
    AUTO_IDMAP struct idmap cut = {0};
    for (size_t i = 0; i < m->count; i++)
        TRY(idmap_cut_range(m->ranges[i], parent, &cut));
    *ret = cut;
    cut = (struct idmap){0};
    return NULL;
}

/* The first id at or after `id` on one side that no range holds, and how many free ones follow it before `end`. */
static uint32_t idmap_gap(const struct idmap *m, bool host, uint32_t id, uint32_t end, uint32_t *ret_count)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < m->count; i++) {
            uint32_t first = host ? m->ranges[i].host : m->ranges[i].ct;
            if (id >= first && id - first < m->ranges[i].count) {
                id = first + m->ranges[i].count;
                moved = true;
            }
        }
    }
    uint32_t stop = end;
    for (size_t i = 0; i < m->count; i++) {
        uint32_t first = host ? m->ranges[i].host : m->ranges[i].ct;
        if (first > id && first < stop)
            stop = first;
    }
    *ret_count = id < stop ? stop - id : 0;
    return id;
}

struct err *idmap_fill(struct idmap *m, uint32_t ct_first, uint32_t count, uint32_t host_first, uint32_t host_end,
                       uint32_t *ret_missing)
{
    AUTO_IDMAP struct idmap taken = {0}; /* as it was: what is added must not count as in the way */
    uint32_t ct = ct_first, ct_end = ct_first + count, host = host_first;
    TRY(idmap_copy(m, &taken));
    for (;;) {
        uint32_t cts, hosts;
        ct = idmap_gap(&taken, false, ct, ct_end, &cts);
        host = idmap_gap(&taken, true, host, host_end, &hosts);
        uint32_t n = cts < hosts ? cts : hosts;
        *ret_missing = ct < ct_end ? ct_end - ct : 0;
        if (!n)
            return NULL;
        TRY(idmap_add(m, ct, host, n));
        ct += n;
        host += n;
    }
}
