/* What state a container is in: asked of the lock, the monitor and the exit file, never of a stored state. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/container/internal.h"
#include "engine/engine.h"
#include "engine/monitor/client.h"
#include "engine/monitor/record.h"

/* <run_dir>/work/<id>: the directory is made with the first lock of a session. */
static struct err *open_work_dir(const struct engine *e, int *ret)
{
    AUTO_FREE char *dir = NULL;
    TRY(mem_asprintf(&dir, "%s/work", engine_run_dir(e)));
    *ret = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret >= 0)
        return NULL;
    TRY(file_mkdirs(dir, 0700));
    return file_open_dir(AT_FDCWD, dir, ret);
}

struct err *container_lock(struct engine *e, const char *id, int *ret_fd)
{
    AUTO_FD int dirfd = -1;
    TRY(open_work_dir(e, &dirfd));
    /* The file may be removed between open and flock by who held it before: then once more with the new one. */
    for (int attempt = 0; attempt < 16; attempt++) {
        AUTO_FD int fd = -1;
        struct stat by_fd, by_name;
        struct err *err = file_open_locked(dirfd, id, true, false, &fd);
        if (err && err_kind(err) == ERR_IN_USE) {
            err_drop(err);
            break;
        }
        TRY(err);
        if (fstat(fd, &by_fd) == 0 && fstatat(dirfd, id, &by_name, 0) == 0 && by_fd.st_ino == by_name.st_ino) {
            *ret_fd = TAKE_FD(fd);
            return NULL;
        }
    }
    return ERR_NEW(ERR_IN_USE, "container %.12s: another command is working on it", id);
}

struct err *container_lock_wait(struct engine *e, const char *id, int *ret_fd)
{
    for (int i = 0;; i++) {
        struct err *err = container_lock(e, id, ret_fd);
        if (!err || err_kind(err) != ERR_IN_USE || i == 2000)
            return err;
        err_drop(err);
        usleep(5000);
    }
}

void container_unlock(struct engine *e, const char *id, int take_fd)
{
    AUTO_FD int dirfd = -1;
    if (take_fd < 0)
        return;
    struct err *err = open_work_dir(e, &dirfd);
    if (!err)
        unlinkat(dirfd, id, 0); /* before the lock goes: nobody else can hold this file then */
    err_drop(err);
    fd_close(take_fd);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Is there a trace of a monitor at all? One system call, for the many stopped containers of a listing. */
static bool has_run_dir(const struct engine *e, const char *id)
{
    AUTO_FREE char *path = NULL;
    struct err *err = container_run_dir(e, id, &path);
    bool yes = !err && access(path, F_OK) == 0;
    err_drop(err);
    return yes;
}

void container_take_exit(struct container *c, const struct monitor_exit *x)
{
    c->exit_code = x->exit_code;
    c->started_nsec = x->started_nsec;
    c->finished_nsec = x->finished_nsec;
    c->oom_killed = x->oom_killed != 0;
    c->restart_count = (int)x->restart_count;
}

struct err *container_read_exit(struct engine *e, struct container *c, bool *ret_found)
{
    AUTO_FREE char *dir = NULL, *error = NULL;
    struct monitor_exit x;
    *ret_found = false;
    TRY(container_dir(e, c->id, &dir));
    struct err *err = record_read(dir, &x, &error);
    if (err && err_kind(err) == ERR_NOT_FOUND) {
        err_drop(err);
        return NULL;
    }
    TRY(err);
    container_take_exit(c, &x);
    *ret_found = true;
    return error ? mem_replace(&c->error, error) : NULL;
}

static struct err *update_row(struct engine *e, struct container *c)
{
    TRY(container_load_spec(e, c)); /* the event tells labels */
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    struct store_stmt *st;
    TRY(store_begin(s, STORE_WRITE, false));
    TRY(store_prepare(s,
                      "UPDATE containers SET started_nsec = ?2, finished_nsec = ?3, exit_code = ?4, oom_killed = ?5, "
                      "restart_count = ?6, error = ?7 WHERE id = ?1",
                      &st));
    TRY(store_bind(st, "tiiiiit", c->id, c->started_nsec, c->finished_nsec, (int64_t)c->exit_code,
                   (int64_t)c->oom_killed, (int64_t)c->restart_count, c->error ? c->error : ""));
    TRY(store_run(st));
    TRY(container_event_started(e, c));
    TRY(container_event_died(e, c));
    return store_commit(s);
}

struct err *container_record_exit(struct engine *e, struct container *c)
{
    AUTO_FREE char *dir = NULL;
    bool found;
    TRY(container_read_exit(e, c, &found));
    if (!found) {
        /* Somebody else (the client, the monitor's exit command, a listing) may have recorded it since our look. */
        TRY(container_reload(e, c));
        /* Started, never finished, and no monitor: it was killed, and its container with it. */
        if (c->gone || c->started_nsec <= c->finished_nsec)
            return NULL;
        c->finished_nsec = timefmt_now();
        c->exit_code = 137;
        TRY(mem_replace(&c->error, "the container's monitor was killed"));
    }
    c->state = CT_EXITED;
    TRY(update_row(e, c));
    TRY(container_release_image(e, c));
    TRY(container_dir(e, c->id, &dir));
    return record_remove(dir);
}

/* What the monitor says of itself in its lock file. */
static struct err *observe_monitor(struct engine *e, struct container *c, bool *ret_alive)
{
    struct monitor_state st;
    TRY(monitor_peek(engine_run_dir(e), c->id, &st));
    *ret_alive = st.phase != MONITOR_PHASE_NONE;
    c->host_pid = 0;
    switch ((enum monitor_phase)st.phase) {
    case MONITOR_PHASE_RUNNING:
    case MONITOR_PHASE_PAUSED:
    case MONITOR_PHASE_STOPPING:
    case MONITOR_PHASE_RESTARTING:
        c->state = st.phase == MONITOR_PHASE_STOPPING ? CT_STOPPING
                   : st.phase == MONITOR_PHASE_PAUSED ? CT_PAUSED
                                                      : CT_RUNNING;
        c->health = (enum container_health)(st.health <= CT_UNHEALTHY ? st.health : CT_NO_HEALTH);
        c->host_pid = st.phase == MONITOR_PHASE_RESTARTING ? 0 : st.host_pid;
        c->started_nsec = st.started_nsec;
        c->restart_count = (int)st.restart_count;
        break;
    case MONITOR_PHASE_INITIALIZED:
        c->state = CT_INITIALIZED;
        c->host_pid = st.host_pid;
        c->started_nsec = 0;
        break;
    case MONITOR_PHASE_EXITED:
        if (!st.last.finished_nsec) /* its start failed: as it was */
            break;
        container_take_exit(c, &st.last);
        c->state = c->auto_remove ? CT_REMOVING : CT_EXITED;
        break;
    case MONITOR_PHASE_NONE:
    case MONITOR_PHASE_STARTING:
    case MONITOR_PHASE_MAX:
    default:
        break;
    }
    return NULL;
}

/* No monitor; is there anything to record or to sweep? The row says "running" from before the start (record_start), so
 * for what is stopped no file has to be looked at. */
static bool needs_settling(const struct container *c, bool has_trace)
{
    return has_trace || c->started_nsec > c->finished_nsec || (c->auto_remove && c->started_nsec);
}

struct err *container_settle(struct engine *e, struct container *c)
{
    struct err *err = monitor_clear_leftovers(engine_run_dir(e), c->id);
    if (err && err_kind(err) == ERR_STATE) { /* a monitor came up meanwhile */
        bool alive;
        err_drop(err);
        return observe_monitor(e, c, &alive);
    }
    TRY(err);
    if (!c->auto_remove || !c->started_nsec)
        return container_record_exit(e, c);
    c->gone = true;
    return container_erase(e, c, true);
}

/* Somebody works on it. Who records an exit writes the row before the file goes, so one of both tells it; with neither
 * it is being started or removed: as it was. */
static struct err *observe_busy(struct engine *e, struct container *c)
{
    bool over;
    TRY(container_read_exit(e, c, &over));
    if (!over) {
        TRY(container_reload(e, c));
        over = c->gone || (c->started_nsec && c->started_nsec <= c->finished_nsec);
    }
    c->state = over ? CT_EXITED : CT_CREATED;
    if (c->started_nsec == CONTAINER_STARTING)
        c->started_nsec = 0;
    return NULL;
}

/* No monitor holds it, but something is left to do. */
static struct err *observe_stale(struct engine *e, struct container *c)
{
    bool alive;
    AUTO_FD int lock = -1;
    struct err *err = container_lock(e, c->id, &lock);
    if (err && err_kind(err) == ERR_IN_USE) {
        err_drop(err);
        return observe_busy(e, c);
    }
    TRY(err);
    /* What was read before the lock was taken may be old news. */
    err = container_reload(e, c);
    if (!err && !c->gone)
        err = observe_monitor(e, c, &alive);
    if (!err && !c->gone && !alive)
        err = container_settle(e, c);
    container_unlock(e, c->id, TAKE_FD(lock));
    return err;
}

static struct err *observe(struct engine *e, struct container *c, bool has_trace)
{
    bool alive = false;
    if (has_trace)
        TRY(observe_monitor(e, c, &alive));
    if (alive || c->lock_fd >= 0 || !needs_settling(c, has_trace))
        return NULL;
    return observe_stale(e, c);
}

struct err *container_observe(struct engine *e, struct container *c)
{
    return observe(e, c, has_run_dir(e, c->id));
}

struct err *container_observe_among(struct engine *e, struct container *c, const struct strv *present)
{
    const char *id = c->id;
    return observe(e, c, present->count && bsearch(&id, present->items, present->count, sizeof(id), compare_ids));
}

struct err *container_present(struct engine *e, struct strv *ret_ids)
{
    AUTO_FREE char *path = NULL;
    TRY(mem_asprintf(&path, "%s/containers", engine_run_dir(e)));
    DIR *d = opendir(path);
    struct err *err = NULL;
    if (!d)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "read %s", path);
    for (struct dirent *de; !err && (de = readdir(d));)
        if (de->d_name[0] != '.')
            err = strv_add(ret_ids, de->d_name);
    closedir(d);
    strv_sort(ret_ids);
    return err;
}

/* A monitor takes its lock before there is a row, and may be killed then. */
struct err *container_clear_strangers(struct engine *e)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    TRY(container_present(e, &ids));
    for (size_t i = 0; i < ids.count; i++) {
        struct store_stmt *st;
        bool row = false;
        TRY(store_prepare(engine_store(e), "SELECT 1 FROM containers WHERE id = ?1", &st));
        TRY(store_bind(st, "t", ids.items[i]));
        TRY(store_step(st, &row));
        struct err *err = row ? NULL : monitor_clear_leftovers(engine_run_dir(e), ids.items[i]);
        if (err && err_kind(err) != ERR_STATE && err_kind(err) != ERR_INVALID) /* it lives; or it is none of ours */
            return err;
        err_drop(err);
    }
    return NULL;
}
