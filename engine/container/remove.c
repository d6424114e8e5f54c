/* Removing containers: rm, prune, cleanup after the end. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/container/pod_row.h"
#include "engine/engine.h"
#include "engine/image/image.h"
#include "engine/monitor/client.h"
#include "engine/volume/volume.h"

struct err *container_dependents(struct engine *e, const char *id, struct strv *ret_ids)
{
    return store_texts(engine_store(e), "SELECT container_id FROM container_needs WHERE needs_id = ?1", id, ret_ids);
}

/* Its anonymous volumes. */
static const char sql_own_volumes[] = "SELECT v.name FROM container_volumes c JOIN volumes v ON v.name = c.volume "
                                      "WHERE c.container_id = ?1 AND v.anonymous";
/* What refers to it goes with it: to prepare that takes SQLite longer than to do it. */
static const char sql_delete[] = "DELETE FROM containers WHERE id = ?1 RETURNING started_nsec > finished_nsec";

void container_forget_prepare(struct engine *e)
{
    struct store_stmt *st;
    err_drop(store_prepare(engine_store(e), sql_own_volumes, &st));
    err_drop(store_prepare(engine_store(e), sql_delete, &st));
}

/* Row and, with `volumes`, those anonymous volumes that nobody else uses: names of the removed ones in *ret_volumes. */
static struct err *delete_rows(struct engine *e, struct container *c, bool volumes, struct strv *ret_volumes)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    AUTO_STRV struct strv own = STRV_INIT;
    struct store_stmt *st;
    bool row;
    TRY(store_begin(s, STORE_WRITE, false));
    if (volumes)
        TRY(store_texts(s, sql_own_volumes, c->id, &own));
    TRY(store_prepare(s, sql_delete, &st));
    TRY(store_bind(st, "t", c->id));
    TRY(store_step(st, &row));
    bool unrecorded = row && store_col_int(st, 0);
    TRY(store_run(st));
    for (size_t i = 0; i < own.count; i++) {
        struct err *err = volume_delete_row(e, own.items[i]);
        if (err && err_kind(err) == ERR_IN_USE) { /* another container uses it: its business now */
            err_drop(err);
            continue;
        }
        TRY(err);
        TRY(strv_add(ret_volumes, own.items[i]));
    }
    TRY(container_event_started(e, c));
    if (unrecorded && c->finished_nsec)
        TRY(container_event_died(e, c));
    TRY(container_event(e, c, "remove"));
    if (c->is_infra) /* there is no pod without the one it was made with */
        TRY(pod_row_delete(e, c->pod_id));
    return store_commit(s);
}

static struct err *explain_in_use(struct engine *e, const struct container *c)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    AUTO_FREE char *joined = NULL;
    TRY(container_dependents(e, c->id, &ids));
    TRY(strv_join(&ids, ", ", &joined));
    return ERR_NEW(ERR_IN_USE,
                   "container %s has dependent containers which must be removed before it: %s: "
                   "container already exists",
                   c->id, joined);
}

/* --rmi: by the name that was given, when it still means the image that ran. */
static struct err *remove_image(struct engine *e, const struct container *c)
{
    AUTO_STRV struct strv untagged = STRV_INIT, deleted = STRV_INIT;
    const struct image_remove_opts opts = {.ignore = true};
    struct image *i = NULL;
    struct err *err = c->image_id ? image_find(e, c->spec.image, &i) : NULL;
    bool same = !err && i && strcmp(i->id, c->image_id) == 0;
    image_free(i);
    if (same)
        err = image_remove(e, c->spec.image, &opts, &untagged, &deleted);
    if (err && (err_kind(err) == ERR_IN_USE || err_kind(err) == ERR_NOT_FOUND)) {
        err_drop(err);
        err = NULL;
    }
    return err;
}

struct err *container_forget(struct engine *e, struct container *c, bool volumes)
{
    AUTO_STRV struct strv names = STRV_INIT;
    bool was_mounted;
    TRY(container_unmount(e, c->id, true, &was_mounted));
    if (c->auto_remove) /* while there is a row to read it from */
        TRY(container_load_spec(e, c));
    bool found;
    if (c->auto_remove && !c->finished_nsec) /* of a monitor whose exit command we are: how it ended */
        TRY(container_read_exit(e, c, &found));
    /* The rows first: what is left of a killed removal are directories without a row, which store_clean sweeps. */
    struct err *err = delete_rows(e, c, volumes, &names);
    if (err && err_kind(err) == ERR_IN_USE) {
        err_drop(err);
        return explain_in_use(e, c);
    }
    TRY(err);
    for (size_t i = 0; i < names.count; i++)
        TRY(volume_remove_directory(e, names.items[i]));
    TRY(container_release_image(e, c));
    return c->auto_remove && c->spec.remove_image ? remove_image(e, c) : NULL;
}

struct err *container_remove_directory(struct engine *e, const char *id)
{
    AUTO_FREE char *dir = NULL;
    TRY(mem_asprintf(&dir, "containers/%s", id));
    return ERR_WRAP(file_remove_tree(store_root_fd(engine_store(e)), dir), "remove container %s", id);
}

struct err *container_erase(struct engine *e, struct container *c, bool volumes)
{
    TRY(container_forget(e, c, volumes));
    return container_remove_directory(e, c->id);
}

static struct err *remove_dependents(struct engine *e, struct container *c, const struct container_remove_opts *opts)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    TRY(container_dependents(e, c->id, &ids));
    for (size_t i = 0; i < ids.count; i++) {
        struct container *d = NULL;
        struct err *err = container_find(e, ids.items[i], &d);
        if (!err)
            err = container_remove(e, d, opts);
        container_free(d);
        if (err && err_kind(err) != ERR_NOT_FOUND)
            return err;
        err_drop(err);
    }
    return NULL;
}

/* The monitor lets go of its lock a moment after it has told us that the container stopped. */
struct err *container_wait_monitor(struct engine *e, const struct container *c)
{
    struct monitor_state st;
    for (unsigned wait_usec = 500; wait_usec < 9000000; wait_usec *= 2) {
        TRY(monitor_peek(engine_run_dir(e), c->id, &st));
        if (st.phase == MONITOR_PHASE_NONE)
            return NULL;
        usleep(wait_usec);
    }
    return ERR_NEW(ERR_IN_USE, "container %s: its monitor is still at work", c->name);
}

/* With the lock held, and nothing running. */
static struct err *remove_locked(struct engine *e, struct container *c, bool volumes)
{
    TRY(container_wait_monitor(e, c));
    TRY(monitor_clear_leftovers(engine_run_dir(e), c->id));
    return container_erase(e, c, volumes);
}

struct err *container_remove(struct engine *e, struct container *c, const struct container_remove_opts *opts)
{
    AUTO_FD int lock = -1;
    bool live = container_is_live(c);
    if (c->is_infra && !opts->with_pod)
        return ERR_NEW(ERR_IN_USE,
                       "container %s is the infra container of pod %s and cannot be removed without removing the pod",
                       c->id, c->pod_id);
    if (live && !opts->force && c->state != CT_INITIALIZED)
        return ERR_NEW(ERR_STATE,
                       "cannot remove container %s as it is %s - running or paused containers cannot be removed "
                       "without force: container state improper",
                       c->id, container_state_name(c->state));
    if (opts->depend)
        TRY(remove_dependents(e, c, opts));
    if (live) {
        struct err *err = container_stop_any(e, c, opts->timeout_sec, true);
        if (err && err_kind(err) != ERR_STATE)
            return err;
        err_drop(err);
        if (c->gone) /* with --rm, by looking at it */
            return NULL;
    }
    TRY(container_lock_wait(e, c->id, &lock));
    struct err *err = remove_locked(e, c, opts->volumes || c->auto_remove);
    container_unlock(e, c->id, TAKE_FD(lock));
    return err;
}

/* The monitor's exit command runs while the monitor, at its end, still holds its lock (phase EXITED). */
static struct err *cleanup_locked(struct engine *e, struct container *c, bool remove)
{
    struct monitor_state st;
    TRY(monitor_peek(engine_run_dir(e), c->id, &st));
    if (st.phase != MONITOR_PHASE_NONE && st.phase != MONITOR_PHASE_EXITED)
        return ERR_NEW(ERR_STATE, "container %s is running: stop it first: container state improper", c->id);
    return remove ? container_erase(e, c, true) : container_record_exit(e, c);
}

struct err *container_cleanup(struct engine *e, struct container *c, bool remove, bool image)
{
    AUTO_FD int lock = -1;
    if (image) /* while there is a row to read its name from */
        TRY(container_load_spec(e, c));
    TRY(container_lock_wait(e, c->id, &lock));
    struct err *err = cleanup_locked(e, c, remove || (c->auto_remove && c->started_nsec));
    container_unlock(e, c->id, TAKE_FD(lock));
    return err || !image ? err : remove_image(e, c);
}

struct err *container_cleanup_directory(struct engine *e, const char *id, bool *ret_done)
{
    AUTO_FD int lock = -1;
    struct container *c = NULL;
    *ret_done = false;
    if (strlen(id) != IDENT_LEN || !ident_is_prefix(id))
        return NULL;
    TRY(container_lock_wait(e, id, &lock)); /* whoever makes one holds it before there is a directory */
    struct err *err = container_find_own(e, id, &c);
    container_free(c);
    if (err && err_kind(err) == ERR_NOT_FOUND) {
        err_drop(err);
        err = container_remove_directory(e, id);
        *ret_done = !err;
    }
    container_unlock(e, id, TAKE_FD(lock));
    return err;
}

struct err *container_prune(struct engine *e, const struct strv *filters, struct strv *ret_ids, uint64_t *ret_bytes)
{
    struct container **list = NULL;
    size_t count = 0;
    uint64_t bytes = 0;
    struct container_list_opts opts = {.all = true};
    TRY(strv_copy(filters, &opts.filters));
    struct err *err = container_list(e, &opts, &list, &count);
    strv_done(&opts.filters);
    TRY(err);
    const struct container_remove_opts rm = {.timeout_sec = -1};
    for (size_t i = 0; i < count && !err; i++) {
        uint64_t rw = 0;
        if ((list[i]->state != CT_CREATED && list[i]->state != CT_EXITED) || list[i]->is_infra)
            continue;
        err_drop(container_size(e, list[i], &rw, NULL));
        err = container_remove(e, list[i], &rm);
        if (err && (err_kind(err) == ERR_IN_USE || err_kind(err) == ERR_STATE)) { /* taken meanwhile */
            err_drop(err);
            err = NULL;
            continue;
        }
        if (!err)
            err = strv_add(ret_ids, list[i]->id);
        bytes += rw;
    }
    container_list_free(list, count);
    if (ret_bytes)
        *ret_bytes = bytes;
    return err;
}
