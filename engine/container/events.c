#include "engine/container/events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/container/internal.h"
#include "engine/engine.h"
#include "engine/monitor/report.h"

struct reader {
    struct engine *e;
    const struct events_opts *opts;
    struct err *(*fn)(void *arg, const struct event *event);
    void *arg;
    int64_t row;    /* number of the last event that was seen */
    unsigned looks; /* since the kernel last told of a change */
};

static const char *text_of(const json_t *attributes, const char *key)
{
    const char *text = json_string_value(json_object_get(attributes, key));
    return text ? text : "";
}

/* A row of the store. Damaged attributes are none. */
static struct err *on_row(void *arg, const struct store_event *row)
{
    struct reader *r = arg;
    AUTO_JSON json_t *attributes = NULL;
    if (row->attributes)
        err_drop(json_parse(row->attributes, strlen(row->attributes), "event", &attributes));
    const json_t *exit_code = json_object_get(attributes, "exit"), *streak = json_object_get(attributes, "streak");
    const struct event event = {
        .at_nsec = row->at_nsec,
        .type = row->type,
        .status = row->action,
        .id = row->object_id,
        .name = row->name ? row->name : "",
        .image = text_of(attributes, "image"),
        .health = text_of(attributes, "health"),
        .health_log = text_of(attributes, "log"),
        .has_streak = json_is_integer(streak),
        .failing_streak = (int)json_integer_value(streak),
        .container = text_of(attributes, "container"),
        .has_exit = json_is_integer(exit_code),
        .exit_code = (int)json_integer_value(exit_code),
        .labels = json_object_get(attributes, "labels"),
    };
    return events_match(&r->opts->filters, &event) ? r->fn(r->arg, &event) : NULL;
}

/* --- what monitors left */

/* What is known of containers that are gone: from the last event of each, looked up once. */
struct gone {
    json_t *names, *attributes; /* by id */
};

static struct err *look_up_gone(struct engine *e, const char *id, struct gone *g)
{
    struct store_stmt *st;
    bool row;
    if (json_object_get(g->names, id))
        return NULL;
    TRY(store_prepare(engine_store(e),
                      "SELECT name, attributes FROM events WHERE type = 'container' AND object_id = ?1 "
                      "ORDER BY id DESC LIMIT 1",
                      &st));
    TRY(store_bind(st, "t", id));
    TRY(store_step(st, &row));
    const char *name = row ? store_col_text(st, 0) : NULL, *attributes = row ? store_col_text(st, 1) : NULL;
    AUTO_JSON json_t *parsed = NULL;
    if (attributes)
        err_drop(json_parse(attributes, strlen(attributes), "event", &parsed));
    TRY(json_put_str(g->names, id, name));
    return json_put(g->attributes, id, parsed ? json_incref(parsed) : json_object());
}

/* Of one that was removed since, nothing but its earlier events is left; without these its report is nobody's. */
static struct err *take_gone(struct engine *e, const struct event_report *r, struct gone *g)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    AUTO_STRV struct strv labels = STRV_INIT;
    const char *key;
    json_t *value;
    TRY(look_up_gone(e, r->id, g));
    const json_t *attributes = json_object_get(g->attributes, r->id);
    const char *name = json_string_value(json_object_get(g->names, r->id));
    if (!name || !*name)
        return NULL;
    json_object_foreach (json_object_get(attributes, "labels"), key, value)
        TRY(strv_addf(&labels, "%s=%s", key, json_string_value(value)));
    TRY(event_attributes(text_of(attributes, "image"), &labels, r, &sb));
    return store_event_at(engine_store(e), r->at_nsec, "container", r->action, r->id, name, strbuf_str(&sb));
}

static struct err *take_report(struct engine *e, const struct event_report *report, struct gone *g)
{
    struct container *c = NULL;
    struct err *err = container_find_own(e, report->id, &c);
    if (err && err_kind(err) == ERR_NOT_FOUND) {
        err_drop(err);
        return take_gone(e, report, g);
    }
    if (!err)
        err = container_event_reported(e, c, report);
    container_free(c);
    return err;
}

static struct err *take_lines(struct engine *e, const char *text, size_t len)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    AUTO_JSON json_t *names = json_object(), *attributes = json_object();
    struct gone gone = {names, attributes};
    TRY(store_begin(s, STORE_WRITE, false));
    for (const char *at = text, *end = text + len, *nl; at < end; at = nl + 1) {
        struct event_report report;
        nl = memchr(at, '\n', (size_t)(end - at));
        if (!nl)
            break;
        if (events_parse_report(at, (size_t)(nl - at), &report))
            TRY(take_report(e, &report, &gone));
    }
    return store_commit(s);
}

/* events.pending into the store. Monitors append under a shared lock, so nothing comes between reading and cutting. */
struct err *events_take_reports(struct engine *e)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    AUTO_FD int fd = openat(store_root_fd(engine_store(e)), REPORT_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "open " REPORT_FILE);
    TRY(file_lock(fd, true, true));
    TRY(fd_read_all(fd, 2 * REPORT_BYTES_MAX, &text, &len));
    if (!len)
        return NULL;
    TRY(take_lines(e, text, len));
    return ftruncate(fd, 0) < 0 ? ERR_SYS(errno, "empty " REPORT_FILE) : NULL;
}

/* Runs that are over are recorded by looking at them. */
static struct err *take_exits(struct engine *e)
{
    struct container **list;
    size_t count;
    const struct container_list_opts running = {0};
    TRY(container_list(e, &running, &list, &count));
    container_list_free(list, count);
    return NULL;
}

/* Everything that is known by now. */
static struct err *read_rows(struct reader *r)
{
    TRY(events_take_reports(r->e));
    TRY(take_exits(r->e));
    TRY(store_event_each(engine_store(r->e), &r->row, r->opts->since_nsec, r->opts->until_nsec, on_row, r));
    return r->fn(r->arg, NULL);
}

/* --- waiting */

static struct err *watch(struct engine *e, int *ret)
{
    AUTO_FREE char *runs = NULL;
    AUTO_FD int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    TRY(mem_asprintf(&runs, "%s/containers", engine_run_dir(e)));
    TRY(file_mkdirs(runs, 0700));
    if (fd < 0 || inotify_add_watch(fd, engine_root(e), IN_MODIFY | IN_CREATE | IN_CLOSE_WRITE) < 0 ||
        inotify_add_watch(fd, runs, IN_DELETE) < 0)
        return ERR_SYS(errno, "watch for events");
    *ret = TAKE_FD(fd);
    return NULL;
}

/* A commit shows a moment after the log was written, without a word of the kernel's (what makes it show is in shared
 * memory); most of those who commit close the files soon, which is told. So: look again some times after each word. */
static int next_look_msec(unsigned looks)
{
    static const int waits[] = {20, 100, 500, 2000};
    return looks < ARRAY_LEN(waits) ? waits[looks] : -1;
}

static int until_msec(const struct reader *r)
{
    if (!r->opts->until_nsec)
        return -1;
    int64_t left = (r->opts->until_nsec - timefmt_now()) / 1000000 + 1;
    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

/* *ret_more false: until_nsec has come. */
static struct err *wait_for_change(struct reader *r, int fd, bool *ret_more)
{
    char ignored[4096];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int look = next_look_msec(r->looks), until = until_msec(r);
    store_idle(engine_store(r->e));
    int n = poll(&p, 1, look < 0 || (until >= 0 && until < look) ? until : look);
    if (n < 0 && errno != EINTR)
        return ERR_SYS(errno, "wait for events");
    r->looks = n > 0 ? 0 : r->looks + 1;
    while (read(fd, ignored, sizeof(ignored)) > 0)
        continue;
    *ret_more = !r->opts->until_nsec || timefmt_now() < r->opts->until_nsec;
    return NULL;
}

struct err *events_read(struct engine *e, const struct events_opts *opts,
                        struct err *(*fn)(void *arg, const struct event *event), void *arg)
{
    struct reader r = {.e = e, .opts = opts, .fn = fn, .arg = arg};
    AUTO_FD int fd = -1;
    bool more = opts->stream && (!opts->until_nsec || opts->until_nsec > timefmt_now());
    TRY(events_check_filters(&opts->filters));
    if (more)
        TRY(watch(e, &fd)); /* before the first look, so that nothing is missed between */
    if (opts->stream && !opts->since_nsec && !opts->until_nsec) {
        TRY(events_take_reports(e));
        TRY(take_exits(e));
        TRY(store_event_last(engine_store(e), &r.row));
    }
    TRY(read_rows(&r));
    while (more) {
        TRY(wait_for_change(&r, fd, &more));
        TRY(read_rows(&r));
    }
    return NULL;
}
