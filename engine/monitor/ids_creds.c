#include "engine/monitor/ids_creds.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define KEEP ((uint32_t)-1)

/* The four highest bits of a limit tell ours from others, and which of the two kinds it is; the others are a number in
 * the table, or two ids. RLIM_INFINITY, which most processes have, has all bits. */
#define LIMIT_OURS ((uint64_t)1 << 62)
#define LIMIT_DIRECT ((uint64_t)1 << 61)
#define LIMIT_KIND_SHIFT 60
#define LIMIT_ID_BITS 30

uint64_t ids_limit_of(uint32_t uid, uint32_t gid)
{
    return LIMIT_OURS | LIMIT_DIRECT | (uint64_t)uid << LIMIT_ID_BITS | gid;
}

bool ids_creds_of(const struct ids_table *t, uint64_t limit, struct ids_creds *ret)
{
    uint64_t value = limit & (((uint64_t)1 << LIMIT_KIND_SHIFT) - 1);
    *ret = (struct ids_creds){.n_groups = 0};
    if (limit >> LIMIT_KIND_SHIFT != LIMIT_OURS >> LIMIT_KIND_SHIFT || value >= t->count)
        return false;
    *ret = t->items[value];
    return true;
}

bool ids_creds_next(uint64_t limit, struct ids_creds *ret)
{
    *ret = (struct ids_creds){.n_groups = 0};
    if (limit >> LIMIT_KIND_SHIFT != (LIMIT_OURS | LIMIT_DIRECT) >> LIMIT_KIND_SHIFT)
        return false;
    for (int i = 0; i < IDS_KINDS; i++) {
        ret->uid[i] = (uint32_t)(limit >> LIMIT_ID_BITS) & IDS_DIRECT_MAX;
        ret->gid[i] = (uint32_t)limit & IDS_DIRECT_MAX;
    }
    return true;
}

static bool is_same(const struct ids_creds *a, const struct ids_creds *b)
{
    return memcmp(a->uid, b->uid, sizeof(a->uid)) == 0 && memcmp(a->gid, b->gid, sizeof(a->gid)) == 0 &&
           a->keep == b->keep && a->rooted == b->rooted && a->n_groups == b->n_groups &&
           memcmp(a->groups, b->groups, a->n_groups * sizeof(a->groups[0])) == 0;
}

struct err *ids_limit_for(struct ids_table *t, const struct ids_creds *c, uint64_t *ret)
{
    size_t i = 0;
    while (i < t->count && !is_same(&t->items[i], c))
        i++;
    if (i == t->count) {
        if (i == IDS_TABLE_MAX)
            return ERR_NEW(ERR_NO_SPACE, "too many different credentials in one container");
        t->items[i] = *c;
        __atomic_store_n(&t->count, i + 1, __ATOMIC_RELEASE);
    }
    *ret = LIMIT_OURS | i;
    return NULL;
}

static bool may_set(const struct ids_creds *c)
{
    return c->uid[IDS_EFFECTIVE] == 0 || c->rooted;
}

/* capabilities(7), "Effect of user ID changes on capabilities". */
static void settle(struct ids_creds *c, bool is_gid, bool was_root)
{
    const uint32_t *u = c->uid;
    if (!is_gid && was_root && c->keep && u[IDS_REAL] && u[IDS_EFFECTIVE] && u[IDS_SAVED])
        c->rooted = true;
}

static uint32_t *ids_of(struct ids_creds *c, bool is_gid)
{
    return is_gid ? c->gid : c->uid;
}

int ids_set(struct ids_creds *c, bool is_gid, uint32_t id)
{
    uint32_t *ids = ids_of(c, is_gid);
    bool root = may_set(c);
    if (id == KEEP)
        return EINVAL;
    if (root)
        ids[IDS_REAL] = ids[IDS_SAVED] = id;
    else if (id != ids[IDS_REAL] && id != ids[IDS_SAVED])
        return EPERM;
    ids[IDS_EFFECTIVE] = ids[IDS_FS] = id;
    settle(c, is_gid, root);
    return 0;
}

int ids_set_re(struct ids_creds *c, bool is_gid, uint32_t real, uint32_t effective)
{
    uint32_t *ids = ids_of(c, is_gid), old = ids[IDS_REAL];
    bool root = may_set(c);
    if (real != KEEP && !root && real != ids[IDS_REAL] && real != ids[IDS_EFFECTIVE])
        return EPERM;
    if (effective != KEEP && !root && effective != ids[IDS_REAL] && effective != ids[IDS_EFFECTIVE] &&
        effective != ids[IDS_SAVED])
        return EPERM;
    if (real != KEEP)
        ids[IDS_REAL] = real;
    if (effective != KEEP)
        ids[IDS_EFFECTIVE] = effective;
    if (real != KEEP || (effective != KEEP && effective != old))
        ids[IDS_SAVED] = ids[IDS_EFFECTIVE];
    ids[IDS_FS] = ids[IDS_EFFECTIVE];
    settle(c, is_gid, root);
    return 0;
}

int ids_set_res(struct ids_creds *c, bool is_gid, const uint32_t id[3])
{
    uint32_t *ids = ids_of(c, is_gid);
    bool root = may_set(c);
    for (int i = 0; i < 3 && !root; i++)
        if (id[i] != KEEP && id[i] != ids[IDS_REAL] && id[i] != ids[IDS_EFFECTIVE] && id[i] != ids[IDS_SAVED])
            return EPERM;
    for (int i = 0; i < 3; i++)
        if (id[i] != KEEP)
            ids[i] = id[i];
    ids[IDS_FS] = ids[IDS_EFFECTIVE];
    settle(c, is_gid, root);
    return 0;
}

uint32_t ids_set_fs(struct ids_creds *c, bool is_gid, uint32_t id)
{
    uint32_t *ids = ids_of(c, is_gid), before = ids[IDS_FS];
    if (id != KEEP && (may_set(c) || id == ids[IDS_REAL] || id == ids[IDS_EFFECTIVE] || id == ids[IDS_SAVED]))
        ids[IDS_FS] = id;
    return before;
}

int ids_set_groups(struct ids_creds *c, const uint32_t *groups, size_t n)
{
    if (!may_set(c))
        return EPERM;
    if (n > IDS_GROUPS_MAX)
        return EINVAL;
    if (n)
        memcpy(c->groups, groups, n * sizeof(*groups));
    c->n_groups = (uint32_t)n;
    return 0;
}

void ids_exec(struct ids_creds *c, bool setuid, uint32_t uid, bool setgid, uint32_t gid)
{
    c->keep = c->rooted = false;
    if (setuid)
        c->uid[IDS_EFFECTIVE] = uid;
    if (setgid)
        c->gid[IDS_EFFECTIVE] = gid;
    c->uid[IDS_SAVED] = c->uid[IDS_FS] = c->uid[IDS_EFFECTIVE];
    c->gid[IDS_SAVED] = c->gid[IDS_FS] = c->gid[IDS_EFFECTIVE];
}

static bool is_member(const struct ids_creds *c, uint32_t gid)
{
    for (uint32_t i = 0; i < c->n_groups; i++)
        if (c->groups[i] == gid)
            return true;
    return c->gid[IDS_FS] == gid;
}

bool ids_may_chown(const struct ids_creds *c, uint32_t uid, uint32_t gid, uint32_t to_uid, uint32_t to_gid)
{
    if (may_set(c))
        return true;
    if (uid != c->uid[IDS_FS] || (to_uid != KEEP && to_uid != uid))
        return false;
    return to_gid == KEEP || to_gid == gid || is_member(c, to_gid);
}
