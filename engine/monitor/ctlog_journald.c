/* Log driver journald: its native protocol, one datagram for an entry, the fields that Podman's log driver writes, so
 * that `journalctl CONTAINER_NAME=…` finds them. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/monitor/ctlog_driver.h"

#define JOURNALD_SOCKET "/run/systemd/journal/socket"
#define JOURNALD_WAIT_MSEC 1000 /* for a busy journald; then the line is lost */

/* "KEY=value\n"; a value with a line break would need the binary form, and none of ours may have one. */
static struct err *add_field(struct strbuf *sb, const char *key, const char *value)
{
    if (strchr(value, '\n'))
        return ERR_NEW(ERR_INVALID, "%s with a line break", key);
    return strbuf_printf(sb, "%s=%s\n", key, value);
}

static struct err *make_fields(struct ctlog *log, const struct monitor_plan *plan)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    char short_id[13];
    (void)snprintf(short_id, sizeof(short_id), "%s", plan->id);
    const char *name = plan->name ? plan->name : short_id;
    TRY(add_field(&sb, "CONTAINER_ID", short_id));
    TRY(add_field(&sb, "CONTAINER_ID_FULL", plan->id));
    TRY(add_field(&sb, "CONTAINER_NAME", name));
    if (plan->log_tag)
        TRY(add_field(&sb, "CONTAINER_TAG", plan->log_tag));
    TRY(add_field(&sb, "SYSLOG_IDENTIFIER", plan->log_tag && *plan->log_tag ? plan->log_tag : name));
    return strbuf_take(&sb, &log->fields);
}

struct err *ctlog_journald_open(struct ctlog *log, const struct monitor_plan *plan)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = JOURNALD_SOCKET};
    TRY(make_fields(log, plan));
    log->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (log->fd < 0)
        return ERR_SYS(errno, "make a socket");
    if (connect(log->fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
        return ERR_SYS_AS(ERR_UNSUPPORTED, errno, "journald does not listen on %s of this host", JOURNALD_SOCKET);
    return NULL;
}

int ctlog_journald_line(struct ctlog *log, enum ctlog_stream stream, bool partial, const char *text, size_t len)
{
    const char *priority = stream == CTLOG_STDERR ? "PRIORITY=3\n" : "PRIORITY=6\n";
    const char *part = partial ? "CONTAINER_PARTIAL_MESSAGE=true\n" : "";
    char head[] = "MESSAGE=", end[] = "\n";
    /* sendmsg does not write there. */
    struct iovec iov[] = {
        {.iov_base = (void *)(uintptr_t)log->fields, .iov_len = strlen(log->fields)},
        {.iov_base = (void *)(uintptr_t)priority, .iov_len = strlen(priority)},
        {.iov_base = (void *)(uintptr_t)part, .iov_len = strlen(part)},
        {.iov_base = head, .iov_len = strlen(head)},
        {.iov_base = (void *)(uintptr_t)text, .iov_len = len},
        {.iov_base = end, .iov_len = 1},
    };
    const struct msghdr msg = {.msg_iov = iov, .msg_iovlen = ARRAY_LEN(iov)};
    for (unsigned tries = 0;; tries++) {
        if (sendmsg(log->fd, &msg, MSG_NOSIGNAL) >= 0)
            return 0;
        if (errno == EINTR)
            continue;
        struct pollfd p = {.fd = log->fd, .events = POLLOUT};
        if (errno != EAGAIN || tries > 0 || poll(&p, 1, JOURNALD_WAIT_MSEC) <= 0)
            return errno ? errno : EAGAIN;
    }
}
