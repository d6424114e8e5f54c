/* Reading events: those that the store has, and those to come.
 *
 * Most are rows that a command wrote. What happens while no command runs comes from the monitors: a run's end as the
 * record of the exit, which is put into the store by whoever looks first (so a reader looks), restarts and health as
 * lines of <root>/events.pending, which a reader takes over into the store. Waiting is inotify(7) on that directory,
 * where the database's log is too, and on the directory that every monitor removes its own from; after a word of it
 * come a few more looks, else there is no polling.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"
#include "engine/monitor/report.h"

struct engine;
struct strbuf;

struct event { /* borrowed; texts are "" when there is nothing to tell */
    int64_t at_nsec;
    const char *type, *status, *id, *name, *image, *health;
    const char *health_log; /* what the check said, of containers that want it told (has_streak) */
    bool has_streak;
    int failing_streak;
    const char *container; /* name of the one that was connected to a network, whose name is the event's */
    bool has_exit;
    int exit_code;
    const json_t *labels; /* object or NULL */
};
struct events_opts {
    bool stream;                    /* go on with what happens, until until_nsec */
    int64_t since_nsec, until_nsec; /* 0: not given. With neither, a stream begins now, a list at the beginning. */
    struct strv filters;            /* container=, event=, image=, label=, network=, pod=, type=, volume=; borrowed */
};
/* `fn` is called for each, and with NULL before each wait. ERR_INVALID: a filter. */
struct err *events_read(struct engine *e, const struct events_opts *opts,
                        struct err *(*fn)(void *arg, const struct event *event), void *arg) ERR_RESULT;

/* Take over into the store what monitors have reported so far: readers do, and whoever changes what is told of a
 * container. Not within a transaction. */
struct err *events_take_reports(struct engine *e) ERR_RESULT;

/* ERR_INVALID for what is no filter. Computes only. */
struct err *events_check_filters(const struct strv *filters) ERR_RESULT;
/* One of each key must hold. */
bool events_match(const struct strv *filters, const struct event *event);

/* A line of events.pending, "NSEC CONTAINER-ID ACTION [exit=N] [health=STATUS] [streak=N] [log=HEX]"; false for what is
 * none. Hostile. */
struct event_report {
    int64_t at_nsec;
    char id[65], action[24], health[16];
    bool has_exit, has_streak;
    int exit_code, failing_streak;
    char log[REPORT_LOG_MAX + 1];
};
bool events_parse_report(const char *line, size_t len, struct event_report *ret);
/* Attributes as the store keeps them: {"image":…,"exit":…,"health":…,"streak":…,"log":…,"labels":{…}}. `labels` and `r`
 * may be NULL. */
struct err *event_attributes(const char *image, const struct strv *labels, const struct event_report *r,
                             struct strbuf *ret) ERR_RESULT;
