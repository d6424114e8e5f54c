#include "engine/monitor/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "base/strv.h"

#define RECORD_MAX ((size_t)16 << 10)

struct err *record_write(const char *container_dir, const struct monitor_exit *exit, const char *error)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    AUTO_FD int dir = -1;
    TRY(strbuf_printf(&sb,
                      "exit_code=%" PRId32 "\nstarted_nsec=%" PRId64 "\nfinished_nsec=%" PRId64 "\noom=%u\n"
                      "restart_count=%u\nby_user=%u\ntimed_out=%u\n",
                      exit->exit_code, exit->started_nsec, exit->finished_nsec, exit->oom_killed, exit->restart_count,
                      exit->by_user, exit->timed_out));
    if (error) /* one line: err_text() has no line breaks */
        TRY(strbuf_printf(&sb, "error=%s\n", error));
    TRY(file_open_dir(AT_FDCWD, container_dir, &dir));
    return ERR_WRAP(file_write_atomic(dir, RECORD_FILE, sb.data, sb.len, 0600, FILE_NOSYNC),
                    "record the exit of a container");
}

struct record_value {
    const char *key;
    int64_t value;
};

static struct err *parse_line(const char *line, struct record_value *values, size_t n, char **ret_error)
{
    const char *equals = strchr(line, '=');
    if (!equals)
        return *line ? ERR_NEW(ERR_CORRUPT, "exit record: \"%s\" is no assignment", line) : NULL;
    size_t len = (size_t)(equals - line);
    if (len == 5 && strncmp(line, "error", len) == 0)
        return mem_replace(ret_error, equals + 1);
    for (size_t i = 0; i < n; i++) {
        if (strlen(values[i].key) == len && strncmp(values[i].key, line, len) == 0)
            return ERR_WRAP(number_parse_i64(equals + 1, INT64_MIN, INT64_MAX, &values[i].value), "exit record");
    }
    return NULL;
}

struct err *record_read(const char *container_dir, struct monitor_exit *ret, char **ret_error)
{
    enum { CODE, STARTED, FINISHED, OOM, RESTARTS, BY_USER, TIMED_OUT };
    struct record_value v[] = {{"exit_code", 0},     {"started_nsec", 0}, {"finished_nsec", 0}, {"oom", 0},
                               {"restart_count", 0}, {"by_user", 0},      {"timed_out", 0}};
    AUTO_FD int dir = -1;
    AUTO_FREE char *text = NULL, *error = NULL;
    AUTO_STRV struct strv lines = STRV_INIT;
    TRY(file_open_dir(AT_FDCWD, container_dir, &dir));
    TRY(file_read(dir, RECORD_FILE, RECORD_MAX, &text, NULL));
    TRY(strv_split(text, '\n', &lines));
    for (size_t i = 0; i < lines.count; i++)
        TRY(parse_line(lines.items[i], v, ARRAY_LEN(v), &error));
    *ret = (struct monitor_exit){
        .exit_code = (int32_t)v[CODE].value,
        .started_nsec = v[STARTED].value,
        .finished_nsec = v[FINISHED].value,
        .oom_killed = v[OOM].value != 0,
        .restart_count = (uint32_t)v[RESTARTS].value,
        .by_user = v[BY_USER].value != 0,
        .timed_out = v[TIMED_OUT].value != 0,
    };
    if (ret_error)
        *ret_error = TAKE_PTR(error);
    return NULL;
}

struct err *record_remove(const char *container_dir)
{
    AUTO_FD int dir = -1;
    TRY(file_open_dir(AT_FDCWD, container_dir, &dir));
    if (unlinkat(dir, RECORD_FILE, 0) < 0 && errno != ENOENT)
        return ERR_SYS(errno, "remove an exit record");
    return NULL;
}
