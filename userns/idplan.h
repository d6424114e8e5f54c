/* Which ids the session maps, and who writes the maps. idplan_make only computes; idplan_facts_read looks at the
 * calling process.
 *
 *   who starts it                              maps                                      written by
 *   real root (its uid_map is the full one)    0.. → a range; no host id 0 at all        itself
 *   root in a user namespace (nested)          0.. → the same ids, or 1.. without        itself
 *                                              CAP_SETFCAP (user_namespaces(7))
 *   anyone with CAP_SETUID and CAP_SETGID      0 → own id, 1.. → subordinate ids         itself
 *   an ordinary user with subordinate ids      the same                                  newuidmap, newgidmap
 *   an ordinary user without                   0 → own id                                itself, with a notice
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "userns/idmap.h"
#include "userns/subid.h"

struct idplan_facts {
    uid_t uid; /* effective, in this namespace */
    gid_t gid;
    bool can_set_ids;      /* CAP_SETUID and CAP_SETGID are effective here */
    bool can_map_zero;     /* CAP_SETFCAP as well */
    struct idmap own_uids; /* maps of the user namespace we are in */
    struct idmap own_gids;
};
void idplan_facts_done(struct idplan_facts *f);
#define AUTO_IDPLAN_FACTS __attribute__((cleanup(idplan_facts_done)))
struct err *idplan_facts_read(struct idplan_facts *ret) ERR_RESULT;
/* Root of the machine: uid 0, able to map, in a namespace whose ids are all there. */
bool idplan_is_real_root(const struct idplan_facts *f);
/* Root in a namespace with a part of the ids: no subordinate ids are needed. */
bool idplan_is_nested_root(const struct idplan_facts *f);

enum idplan_method { IDPLAN_DIRECT, IDPLAN_HELPER, IDPLAN_SINGLE };
struct idplan {
    enum idplan_method method;
    bool remapped; /* 0 inside is not the caller's own id */
    struct idmap uids, gids;
    char *notice; /* why there is only one id, and what would help; NULL when there are more */
};
void idplan_done(struct idplan *p);
#define AUTO_IDPLAN __attribute__((cleanup(idplan_done)))

/* `ranges`: the caller's subordinate ids (real root: the range to use). `helper_trouble`: why newuidmap or newgidmap
 * cannot work, or NULL. Ids that are not mapped here, the caller's own, and repeated ones are left out. */
struct err *idplan_make(const struct idplan_facts *f, const struct subid_ranges *ranges, const char *helper_trouble,
                        struct idplan *ret) ERR_RESULT;
/* The single-id map, with this reason. */
struct err *idplan_make_single(const struct idplan_facts *f, const char *why, struct idplan *ret) ERR_RESULT;
