/* Rows of pods; see pod_row.h. */
#include "engine/container/pod_row.h"

#include <string.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/engine.h"

#define WHAT "pod"
#define COLUMNS                                                                                                       \
    "p.id, p.name, p.created_nsec, p.share, p.share_parent, p.stop_with_last, p.restart, p.cgroup_parent, p.labels, " \
    "p.create_command, p.infra, p.spec, "                                                                             \
    "(SELECT container_id FROM pod_containers WHERE pod_id = p.id AND infra)"

void pod_row_done(struct pod_row *p)
{
    char **texts[] = {&p->id, &p->name, &p->share, &p->restart, &p->cgroup_parent, &p->spec, &p->infra_id};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        mem_freep(texts[i]);
    strv_done(&p->labels);
    strv_done(&p->create_command);
    *p = (struct pod_row){0};
}

static struct err *fill(struct store_stmt *st, struct pod_row *p)
{
    TRY(mem_strdup(store_col_text(st, 0), &p->id));
    TRY(mem_strdup(store_col_text(st, 1), &p->name));
    p->created_nsec = store_col_int(st, 2);
    TRY(mem_strdup(store_col_text(st, 3), &p->share));
    p->share_parent = store_col_int(st, 4) != 0;
    p->stop_with_last = store_col_int(st, 5) != 0;
    TRY(mem_strdup(store_col_text(st, 6), &p->restart));
    TRY(mem_strdup(store_col_text(st, 7), &p->cgroup_parent));
    TRY(json_pairs_parse(store_col_text(st, 8), WHAT, &p->labels));
    TRY(json_strv_parse(store_col_text(st, 9), WHAT, &p->create_command));
    p->infra = store_col_int(st, 10) != 0;
    TRY(mem_strdup(store_col_text(st, 11), &p->spec));
    return mem_strdup(store_col_text(st, 12), &p->infra_id);
}

/* Up to two rows; the first is *ret. */
static struct err *step_unique(struct store_stmt *st, struct pod_row *ret, int *ret_count)
{
    bool row;
    for (*ret_count = 0; *ret_count < 2; (*ret_count)++) {
        TRY(store_step(st, &row));
        if (!row)
            break;
        if (!*ret_count)
            TRY(fill(st, ret));
    }
    return NULL;
}

static struct err *find(struct engine *e, const char *name, struct pod_row *ret)
{
    AUTO_FREE char *end = NULL;
    struct store_stmt *st;
    int count;
    TRY(store_prepare(engine_store(e), "SELECT " COLUMNS " FROM pods p WHERE p.name = ?1 OR p.id = ?1", &st));
    TRY(store_bind(st, "t", name));
    TRY(step_unique(st, ret, &count));
    if (!count && ident_is_prefix(name)) {
        TRY(store_prepare(engine_store(e), "SELECT " COLUMNS " FROM pods p WHERE p.id > ?1 AND p.id < ?2 LIMIT 2",
                          &st));
        TRY(mem_asprintf(&end, "%sg", name));
        TRY(store_bind(st, "tt", name, end));
        TRY(step_unique(st, ret, &count));
    }
    if (count > 1)
        return ERR_NEW(ERR_INVALID, "more than one result for ID or name %s: pod already exists", name);
    return count ? NULL : pod_row_not_found(name);
}

struct err *pod_row_not_found(const char *name)
{
    return ERR_NEW(ERR_NOT_FOUND, "no pod with name or ID %s found: no such pod", name);
}

static struct err *has_row(struct engine *e, const char *sql, const char *name, bool *ret)
{
    struct store_stmt *st;
    TRY(store_prepare(engine_store(e), sql, &st));
    TRY(store_bind(st, "t", name));
    return store_step(st, ret);
}

struct err *pod_row_find(struct engine *e, const char *name, struct pod_row *ret)
{
    struct pod_row p = {0};
    bool container = false;
    struct err *err = find(e, name, &p);
    if (!err) {
        *ret = p;
        return NULL;
    }
    pod_row_done(&p);
    if (err_kind(err) != ERR_NOT_FOUND)
        return err;
    struct err *bad = has_row(e, "SELECT 1 FROM containers WHERE name = ?1 OR id = ?1", name, &container);
    if (!bad && !container)
        return err;
    err_drop(err);
    return bad ? bad : ERR_NEW(ERR_NOT_FOUND, "%s is a container, not a pod: no such pod", name);
}

struct err *pod_row_is(struct engine *e, const char *name, bool *ret)
{
    return has_row(e, "SELECT 1 FROM pods WHERE name = ?1 OR id = ?1", name, ret);
}

struct err *pod_row_ids(struct engine *e, struct strv *ret)
{
    return store_texts(engine_store(e), "SELECT id FROM pods ORDER BY created_nsec", NULL, ret);
}

bool pod_row_shares(const struct pod_row *p, const char *ns)
{
    size_t len = strlen(ns);
    for (const char *at = p->share; at && *at; at += strcspn(at, ",") + (strchr(at, ',') != NULL))
        if (strcspn(at, ",") == len && strncmp(at, ns, len) == 0)
            return true;
    return false;
}

struct err *pod_row_members(struct engine *e, const char *id, struct strv *ret)
{
    return store_texts(engine_store(e),
                       "SELECT m.container_id FROM pod_containers m JOIN containers c ON c.id = m.container_id "
                       "WHERE m.pod_id = ?1 ORDER BY m.infra DESC, c.created_nsec",
                       id, ret);
}

/* --- changes */

struct err *pod_row_check_name(struct engine *e, const char *container_name)
{
    bool taken;
    TRY(has_row(e, "SELECT 1 FROM pods WHERE name = ?1", container_name, &taken));
    return taken ? ERR_NEW(ERR_EXISTS, "name \"%s\" is in use: pod already exists", container_name) : NULL;
}

struct err *pod_row_insert(struct engine *e, const struct pod_row *p)
{
    AUTO_FREE char *labels = NULL, *words = NULL;
    struct store_stmt *st;
    bool taken;
    TRY(has_row(e, "SELECT 1 FROM containers WHERE name = ?1", p->name, &taken));
    if (taken)
        return ERR_NEW(ERR_EXISTS, "adding pod to state: name \"%s\" is in use: container already exists", p->name);
    TRY(json_pairs_text(&p->labels, &labels));
    TRY(json_strv_text(&p->create_command, &words));
    TRY(store_prepare(engine_store(e),
                      "INSERT INTO pods(id, name, created_nsec, share, share_parent, stop_with_last, restart, "
                      "cgroup_parent, labels, create_command, infra, spec) "
                      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                      &st));
    TRY(store_bind(st, "ttitiittttit", p->id, p->name, p->created_nsec, p->share ? p->share : "",
                   (int64_t)p->share_parent, (int64_t)p->stop_with_last, p->restart ? p->restart : "",
                   p->cgroup_parent ? p->cgroup_parent : "", labels, words, (int64_t)p->infra, p->spec));
    struct err *err = store_run(st);
    if (err && err_kind(err) == ERR_EXISTS) {
        err_drop(err);
        return ERR_NEW(ERR_EXISTS, "adding pod to state: name \"%s\" is in use: pod already exists", p->name);
    }
    TRY(err);
    return store_event(engine_store(e), "pod", "create", p->id, p->name, NULL);
}

struct err *pod_row_add(struct engine *e, const char *pod_id, const char *container_id, bool infra, bool shares_net)
{
    struct store_stmt *st;
    TRY(store_prepare(engine_store(e),
                      "INSERT INTO pod_containers(container_id, pod_id, infra, shares_net) VALUES(?1, ?2, ?3, ?4)",
                      &st));
    TRY(store_bind(st, "ttii", container_id, pod_id, (int64_t)infra, (int64_t)shares_net));
    struct err *err = store_run(st);
    if (err && err_kind(err) == ERR_IN_USE) { /* a foreign key: removed meanwhile */
        err_drop(err);
        return pod_row_not_found(pod_id);
    }
    return err;
}

struct err *pod_row_delete(struct engine *e, const char *id)
{
    struct store_stmt *st;
    AUTO_FREE char *name = NULL;
    bool row;
    TRY(store_prepare(engine_store(e), "DELETE FROM pods WHERE id = ?1 RETURNING name", &st));
    TRY(store_bind(st, "t", id));
    TRY(store_step(st, &row));
    if (!row)
        return pod_row_not_found(id);
    TRY(mem_strdup(store_col_text(st, 0), &name));
    TRY(store_run(st));
    return store_event(engine_store(e), "pod", "remove", id, name, NULL);
}

struct err *pod_row_event(struct engine *e, const struct pod_row *p, const char *action)
{
    AUTO_TX struct store_tx_guard tx = {engine_store(e)};
    TRY(store_begin(engine_store(e), STORE_WRITE, false));
    TRY(store_event(engine_store(e), "pod", action, p->id, p->name, NULL));
    return store_commit(engine_store(e));
}

/* --- the end of the last one */

/* *ret_infra: the infra container, when it runs and nobody else of the pod does. */
static struct err *find_lonely(struct engine *e, const struct strv *ids, struct container **ret_infra)
{
    struct err *err = NULL;
    bool others = false;
    for (size_t i = 0; i < ids->count && !err && !others; i++) {
        struct container *c = NULL;
        err = container_find(e, ids->items[i], &c);
        if (err && err_kind(err) == ERR_NOT_FOUND) { /* with --rm, by looking at it */
            err_drop(err);
            err = NULL;
            continue;
        }
        if (!err && c->is_infra && container_is_live(c)) {
            *ret_infra = c;
            continue;
        }
        others = !err && container_is_live(c);
        container_free(c);
    }
    if (err || others) {
        container_free(*ret_infra);
        *ret_infra = NULL;
    }
    return err;
}

struct err *pod_row_ended(struct engine *e, const char *id)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    AUTO_POD_ROW struct pod_row p = {0};
    struct container *infra = NULL;
    struct err *err = pod_row_find(e, id, &p);
    if (err && err_kind(err) == ERR_NOT_FOUND) { /* removed meanwhile */
        err_drop(err);
        return NULL;
    }
    TRY(err);
    TRY(pod_row_members(e, id, &ids));
    TRY(find_lonely(e, &ids, &infra));
    if (!infra)
        return NULL;
    err = container_stop(e, infra, -1);
    container_free(infra);
    if (err && err_kind(err) == ERR_STATE) {
        err_drop(err);
        return NULL;
    }
    TRY(err);
    return pod_row_event(e, &p, "stop");
}
