#include "engine/monitor/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/monitor/server.h"

/* <root>/containers/<id> is the container's directory. */
static int open_reports(const struct server *s)
{
    AUTO_FREE char *path = NULL;
    int fd = -1;
    struct err *e = mem_asprintf(&path, "%s/../../" REPORT_FILE, s->plan.container_dir);
    if (!e)
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    err_drop(e);
    return fd;
}

void report_event(const struct server *s, const char *words)
{
    char line[REPORT_LINE_MAX];
    struct stat st;
    AUTO_FD int fd = open_reports(s);
    int n = snprintf(line, sizeof(line), "%lld %s %s\n", (long long)timefmt_now(), s->plan.id, words);
    if (fd < 0 || n < 0 || (size_t)n >= sizeof(line))
        return;
    struct err *e = file_lock(fd, false, true); /* a reader has it for milliseconds */
    if (!e && fstat(fd, &st) == 0 && (size_t)st.st_size < REPORT_BYTES_MAX)
        e = fd_write_all(fd, line, (size_t)n);
    err_drop(e);
}

void report_health(const struct server *s, const struct report_health *h)
{
    char words[REPORT_LINE_MAX - 128];
    char hex[2 * REPORT_LOG_MAX + 1] = "";
    for (size_t i = 0; h->log && h->log[i] && i < REPORT_LOG_MAX; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", (unsigned char)h->log[i]);
    if (h->log)
        (void)snprintf(words, sizeof(words), "health_status health=%s streak=%u log=%s", h->status, h->failing_streak,
                       hex);
    else
        (void)snprintf(words, sizeof(words), "health_status health=%s", h->status);
    report_event(s, words);
}

void report_end(const struct server *s, const char *action, int exit_code)
{
    char words[48];
    (void)snprintf(words, sizeof(words), "%s exit=%d", action, exit_code & 255);
    report_event(s, words);
}
