/* Log driver k8s-file. The lines of one read share a time, and go out in few writev(2) calls; a line is never torn
 * between two files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/monitor/ctlog_driver.h"

#define NSEC_PER_SEC 1000000000LL
#define SEC_PER_DAY 86400

/* Where lines go from now on. What is there already counts (a restarted container goes on). */
static int open_path(struct ctlog *log)
{
    struct stat st;
    int fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0)
        return errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        fd_close(fd);
        return EINVAL;
    }
    fd_close(log->fd);
    log->fd = fd;
    log->size_bytes = (uint64_t)st.st_size;
    return 0;
}

struct err *ctlog_file_open(struct ctlog *log, const struct monitor_plan *plan)
{
    if (plan->log_path)
        TRY(mem_strdup(plan->log_path, &log->path));
    else
        TRY(mem_asprintf(&log->path, "%s/ctr.log", plan->container_dir));
    log->max_bytes = plan->log_max_bytes;
    int r = open_path(log);
    return r ? ERR_SYS(r, "open log file %s", log->path) : NULL;
}

static int rotate(struct ctlog *log)
{
    AUTO_FREE char *old = NULL;
    struct err *e = mem_asprintf(&old, "%s.1", log->path);
    if (e) {
        err_drop(e);
        return ENOMEM;
    }
    if (rename(log->path, old) < 0 && errno != ENOENT)
        return errno;
    return open_path(log);
}

struct err *ctlog_file_rotate(struct ctlog *log)
{
    int r = rotate(log);
    return r ? ERR_SYS(r, "rotate log file %s", log->path) : NULL;
}

/* Seconds to a date without the C library's time zones, which would read files for nothing. The civil calendar from
 * days, Howard Hinnant's algorithm; good for all years that an int64_t of nanoseconds can hold from 1970 on. */
static void make_stamp(struct ctlog *log, int64_t sec)
{
    int64_t days = sec / SEC_PER_DAY, rest = sec % SEC_PER_DAY;
    int64_t z = days + 719468;
    int64_t era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9;
    int n = snprintf(log->stamp, sizeof(log->stamp), "%04d-%02d-%02dT%02d:%02d:%02d",
                     (int)(yoe + era * 400 + (month <= 2)), (int)month, (int)(doy - (153 * mp + 2) / 5 + 1),
                     (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
    log->stamp_len = (size_t)n;
    log->stamp_sec = sec;
}

/* The four beginnings that a line of this read can have; all are of one length. */
static void make_heads(struct ctlog *log)
{
    static const char *const kinds[] = {"stdout F ", "stdout P ", "stderr F ", "stderr P "};
    int64_t now = timefmt_now();
    if (now < 0)
        now = 0;
    if (now / NSEC_PER_SEC != log->stamp_sec)
        make_stamp(log, now / NSEC_PER_SEC);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        int n = snprintf(log->heads[i], sizeof(log->heads[i]), "%s.%09d+00:00 %s", log->stamp,
                         (int)(now % NSEC_PER_SEC), kinds[i]);
        log->head_len = (size_t)n;
    }
}

/* After a failure the file may end within a line; O_APPEND goes on behind it, and readers skip the torn line. */
int ctlog_file_flush(struct ctlog *log)
{
    struct iovec *iov = log->batch;
    size_t n = log->n_batch;
    int errnum = 0;
    while (n > 0 && !errnum) {
        ssize_t w = writev(log->fd, iov, (int)n);
        if (w < 0) {
            errnum = errno == EINTR ? 0 : errno;
            continue;
        }
        log->size_bytes += (uint64_t)w;
        size_t left = (size_t)w;
        while (n > 0 && left >= iov->iov_len) {
            left -= iov->iov_len;
            iov++;
            n--;
        }
        if (n > 0 && left > 0) {
            iov->iov_base = (char *)iov->iov_base + left;
            iov->iov_len -= left;
        }
    }
    log->n_batch = 0;
    log->batch_bytes = 0;
    return errnum;
}

static void add(struct ctlog *log, const char *data, size_t len)
{
    /* writev does not write there. */
    log->batch[log->n_batch++] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    log->batch_bytes += len;
}

int ctlog_file_line(struct ctlog *log, enum ctlog_stream stream, bool partial, const char *text, size_t len)
{
    int errnum = 0;
    if (!log->head_len)
        make_heads(log);
    uint64_t line = log->head_len + len + 1;
    bool full = log->max_bytes && log->size_bytes + log->batch_bytes + line > log->max_bytes;
    if (log->n_batch + 3 > CTLOG_BATCH || full)
        errnum = ctlog_file_flush(log);
    if (full && log->size_bytes) {
        int r = rotate(log);
        errnum = r ? r : errnum;
    }
    add(log, log->heads[(stream == CTLOG_STDERR ? 2 : 0) + (partial ? 1 : 0)], log->head_len);
    add(log, text, len);
    add(log, "\n", 1);
    return errnum;
}
