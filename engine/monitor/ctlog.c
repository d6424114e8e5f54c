#include "engine/monitor/ctlog.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/monitor/ctlog_driver.h"

static const struct ctlog_driver drivers[] = {
    {"k8s-file", ctlog_file_open, ctlog_file_line, ctlog_file_flush, ctlog_file_rotate},
    {"json-file", ctlog_file_open, ctlog_file_line, ctlog_file_flush, ctlog_file_rotate},
    {"journald", ctlog_journald_open, ctlog_journald_line, NULL, NULL},
    {"none", NULL, NULL, NULL, NULL},
    {"passthrough", NULL, NULL, NULL, NULL},
};

struct err *ctlog_open(const struct monitor_plan *plan, struct ctlog **ret)
{
    const char *name = plan->log_driver ? plan->log_driver : drivers[0].name;
    const struct ctlog_driver *d = NULL;
    for (size_t i = 0; i < ARRAY_LEN(drivers) && !d; i++)
        d = strcmp(drivers[i].name, name) == 0 ? &drivers[i] : NULL;
    if (!d)
        return ERR_NEW(ERR_INVALID, "unknown log driver \"%s\"", name);
    struct ctlog *log = mem_zalloc(sizeof(*log));
    if (!log)
        return err_oom();
    *log = (struct ctlog){.driver = d, .fd = -1, .stamp_sec = INT64_MIN};
    struct err *e = d->open ? d->open(log, plan) : NULL;
    if (e)
        ctlog_close(log);
    else
        *ret = log;
    return ERR_WRAP(e, "log driver %s", name);
}

void ctlog_close(struct ctlog *log)
{
    if (!log)
        return;
    fd_close(log->fd);
    mem_freep(&log->path);
    mem_freep(&log->fields);
    mem_freep(&log);
}

void ctlog_write(struct ctlog *log, enum ctlog_stream stream, const char *data, size_t len)
{
    const struct ctlog_driver *d = log->driver;
    int errnum = 0;
    if (!d->line)
        return;
    log->head_len = 0; /* a new read, a new time */
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end - data) : len;
        int r = d->line(log, stream, !end, data, n);
        errnum = r ? r : errnum;
        n += end ? 1 : 0;
        data += n;
        len -= n;
    }
    int r = d->flush ? d->flush(log) : 0;
    if (r || errnum)
        log->lost = r ? r : errnum;
}

struct err *ctlog_rotate(struct ctlog *log)
{
    if (!log->driver->rotate)
        return ERR_NEW(ERR_UNSUPPORTED, "log driver %s has no file to reopen", log->driver->name);
    return log->driver->rotate(log);
}

int ctlog_lost(const struct ctlog *log)
{
    return log->lost;
}
