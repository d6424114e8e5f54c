/* Containers as rows: load, find, name; see container.h. */
#include "engine/container/container.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/container/events.h"
#include "engine/container/internal.h"
#include "engine/container/networks.h"
#include "engine/container/pod_row.h"
#include "engine/engine.h"
#include "engine/monitor/client.h"

const char *container_state_name(enum container_state st)
{
    static const char *const names[] = {
        [CT_CREATED] = "created",         [CT_RUNNING] = "running", [CT_PAUSED] = "paused",
        [CT_STOPPING] = "stopping",       [CT_EXITED] = "exited",   [CT_REMOVING] = "removing",
        [CT_INITIALIZED] = "initialized",
    };
    return (size_t)st < ARRAY_LEN(names) ? names[st] : "unknown";
}

bool container_is_live(const struct container *c)
{
    return c->state == CT_RUNNING || c->state == CT_PAUSED || c->state == CT_STOPPING || c->state == CT_INITIALIZED;
}

const char *container_health_name(enum container_health h)
{
    static const char *const names[] = {
        [CT_NO_HEALTH] = "",
        [CT_HEALTH_STARTING] = "starting",
        [CT_HEALTHY] = "healthy",
        [CT_UNHEALTHY] = "unhealthy",
    };
    return (size_t)h < ARRAY_LEN(names) ? names[h] : "";
}

void container_free(struct container *c)
{
    if (!c)
        return;
    if (c->lock_fd >= 0 && c->engine)
        container_unlock(c->engine, c->id, TAKE_FD(c->lock_fd));
    mem_freep(&c->id);
    mem_freep(&c->name);
    mem_freep(&c->image_id);
    mem_freep(&c->image_origin);
    mem_freep(&c->image_name);
    mem_freep(&c->command);
    mem_freep(&c->publish);
    mem_freep(&c->pod_id);
    mem_freep(&c->pod_name);
    mem_freep(&c->error);
    mem_freep(&c->spec_json);
    if (c->has_spec)
        container_spec_done(&c->spec);
    if (c->read) {
        image_free(c->read->image);
        image_config_done(&c->read->config);
        mem_freep(&c->read);
    }
    mem_freep(&c);
}

struct err *container_published(const struct container *c, struct strv *ret)
{
    return json_strv_parse(c->publish, "ports", ret);
}

static struct err *parse_spec(struct container *c)
{
    TRY_WRAP(container_spec_from_json(c->spec_json, strlen(c->spec_json), &c->spec), "container %s", c->name);
    c->has_spec = true;
    return NULL;
}

static struct err *fill_from_row(struct container *c, struct store_stmt *st, int spec_column)
{
    TRY(mem_strdup(store_col_text(st, 0), &c->id));
    TRY(mem_strdup(store_col_text(st, 1), &c->name));
    TRY(mem_strdup(store_col_text(st, 2), &c->image_id));
    TRY(mem_strdup(store_col_text(st, 3), &c->image_name));
    c->created_nsec = store_col_int(st, 4);
    c->started_nsec = store_col_int(st, 5);
    c->finished_nsec = store_col_int(st, 6);
    c->exit_code = (int)store_col_int(st, 7);
    c->oom_killed = store_col_int(st, 8) != 0;
    c->restart_count = (int)store_col_int(st, 9);
    TRY(mem_strdup(store_col_text(st, 10), &c->error));
    c->auto_remove = store_col_int(st, 11) != 0;
    TRY(mem_strdup(store_col_text(st, 12), &c->command));
    TRY(mem_strdup(store_col_text(st, 13), &c->publish));
    TRY(mem_strdup(store_col_text(st, 14), &c->image_origin));
    TRY(mem_strdup(store_col_text(st, 15), &c->pod_id));
    TRY(mem_strdup(store_col_text(st, 16), &c->pod_name));
    c->is_infra = store_col_int(st, 17) != 0;
    c->state = c->started_nsec ? CT_EXITED : CT_CREATED;
    if (spec_column < 0)
        return NULL;
    TRY(mem_strdup(store_col_text(st, spec_column), &c->spec_json));
    return parse_spec(c);
}

struct err *container_from_row(struct store_stmt *st, int spec_column, struct container **ret)
{
    struct container *c = mem_zalloc(sizeof(*c));
    if (!c)
        return err_oom();
    c->lock_fd = -1;
    struct err *err = fill_from_row(c, st, spec_column);
    if (err) {
        container_free(c);
        return err;
    }
    *ret = c;
    return NULL;
}

struct err *container_load_spec(struct engine *e, struct container *c)
{
    struct store_stmt *st;
    bool row;
    if (c->has_spec)
        return NULL;
    TRY(store_prepare(engine_store(e), "SELECT spec FROM containers WHERE id = ?1", &st));
    TRY(store_bind(st, "t", c->id));
    TRY(store_step(st, &row));
    if (!row)
        return ERR_NEW(ERR_NOT_FOUND, "container %s was removed", c->id);
    TRY(mem_strdup(store_col_text(st, 0), &c->spec_json));
    return parse_spec(c);
}

struct err *container_reload(struct engine *e, struct container *c)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(engine_store(e),
                      "SELECT started_nsec, finished_nsec, exit_code, oom_killed, restart_count, error FROM containers "
                      "WHERE id = ?1",
                      &st));
    TRY(store_bind(st, "t", c->id));
    TRY(store_step(st, &row));
    c->gone = !row;
    if (!row)
        return NULL;
    c->started_nsec = store_col_int(st, 0);
    c->finished_nsec = store_col_int(st, 1);
    c->exit_code = (int)store_col_int(st, 2);
    c->oom_killed = store_col_int(st, 3) != 0;
    c->restart_count = (int)store_col_int(st, 4);
    c->state = c->started_nsec ? CT_EXITED : CT_CREATED;
    return mem_replace(&c->error, store_col_text(st, 5));
}

/* Up to two rows; *ret is the first. */
static struct err *step_unique(struct store_stmt *st, struct container **ret, int *ret_count)
{
    bool row;
    *ret = NULL;
    for (*ret_count = 0; *ret_count < 2; (*ret_count)++) {
        struct err *err = store_step(st, &row);
        if (!err && row && !*ret)
            err = container_from_row(st, CONTAINER_COLUMNS_END, ret);
        if (err) {
            container_free(*ret);
            *ret = NULL;
            return err;
        }
        if (!row)
            break;
    }
    return NULL;
}

static struct err *find_row(struct engine *e, const char *name, struct container **ret, int *ret_count)
{
    struct store_stmt *st;
    AUTO_FREE char *end = NULL;
    TRY(store_prepare(engine_store(e), CONTAINER_SELECT_ALL " WHERE c.name = ?1 OR c.id = ?1", &st));
    TRY(store_bind(st, "t", name));
    TRY(step_unique(st, ret, ret_count));
    if (*ret_count || !ident_is_prefix(name))
        return NULL;
    TRY(store_prepare(engine_store(e), CONTAINER_SELECT_ALL " WHERE c.id > ?1 AND c.id < ?2 LIMIT 2", &st));
    TRY(mem_asprintf(&end, "%sg", name));
    TRY(store_bind(st, "tt", name, end));
    return step_unique(st, ret, ret_count);
}

struct err *container_not_found(const char *name)
{
    return ERR_NEW(ERR_NOT_FOUND, "no container with name or ID \"%s\" found: no such container", name);
}

struct err *container_find_own(struct engine *e, const char *id, struct container **ret)
{
    int count;
    TRY(find_row(e, id, ret, &count));
    return count ? NULL : ERR_NEW(ERR_NOT_FOUND, "container %s was removed", id);
}

/* Podman's words. */
static struct err *not_found(struct engine *e, const char *name)
{
    bool pod = false;
    TRY(pod_row_is(e, name, &pod));
    return pod ? ERR_NEW(ERR_NOT_FOUND, "\"%s\" is a pod, not a container: no such container", name)
               : container_not_found(name);
}

struct err *container_find(struct engine *e, const char *name, struct container **ret)
{
    struct container *c;
    int count;
    TRY(find_row(e, name, &c, &count));
    if (count > 1) {
        container_free(c);
        return ERR_NEW(ERR_INVALID, "more than one result for container name or ID %s: container already exists", name);
    }
    if (count == 0)
        return not_found(e, name);
    struct err *err = container_observe(e, c);
    /* A container of `--rm` whose run is over exists only until somebody looks. */
    if (!err && c->gone)
        err = container_not_found(name);
    if (err) {
        container_free(c);
        return err;
    }
    *ret = c;
    return NULL;
}

struct err *container_dir(const struct engine *e, const char *id, char **ret)
{
    return mem_asprintf(ret, "%s/containers/%s", engine_root(e), id);
}

struct err *container_run_dir(const struct engine *e, const char *id, char **ret)
{
    return mem_asprintf(ret, "%s/containers/%s", engine_run_dir(e), id);
}

struct err *container_rename(struct engine *e, struct container *c, const char *new_name)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    struct store_stmt *st;
    if (!ident_is_name(new_name))
        return ERR_NEW(ERR_INVALID, "names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
    TRY(events_take_reports(e)); /* these are of the old name */
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(pod_row_check_name(e, new_name));
    TRY(store_prepare(s, "UPDATE containers SET name = ?2 WHERE id = ?1", &st));
    TRY(store_bind(st, "tt", c->id, new_name));
    struct err *err = store_run(st);
    if (err && err_kind(err) == ERR_EXISTS) {
        err_drop(err);
        return ERR_NEW(ERR_EXISTS,
                       "renaming container %s: name %s already in use, cannot rename container %s: container already "
                       "exists",
                       c->id, new_name, c->id);
    }
    TRY(err);
    TRY(container_load_spec(e, c)); /* the event tells labels, and the new name */
    TRY(mem_replace(&c->name, new_name));
    TRY(container_event(e, c, "rename"));
    TRY(store_commit(s));
    return container_tell_name(e, c);
}
