/* sd_notify(3): what a container, or its health, tells the service manager that runs it.
 *
 * NOTIFY_SOCKET of the starting command is a datagram socket of the user's systemd. A container cannot be given that
 * one: what comes from it would be about itself, with process ids that mean nothing outside. So the monitor has a
 * socket of its own, notify/notify.sock in the private directory, and passes on the lines that a container may say of a
 * service. All that arrives is hostile: it is cut into lines, and only those that notify_filter() knows leave.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"

#define NOTIFY_DIR "notify" /* bound on NOTIFY_CT_DIR */
#define NOTIFY_NAME "notify.sock"
#define NOTIFY_CT_DIR "/run/notify"
#define NOTIFY_MAX 4096

struct server;

/* One datagram to `socket`: a path, or '@' and an abstract name (unix(7)). Never waits. notify_send.c. */
struct err *notify_send(const char *socket, const char *text, size_t len) ERR_RESULT;

/* Lines of `text` that may be passed on, appended: READY, RELOADING, STOPPING, STATUS, ERRNO, BUSERROR, WATCHDOG,
 * WATCHDOG_USEC, EXTEND_TIMEOUT_USEC, MONOTONIC_USEC. Pure. */
struct err *notify_filter(const char *text, size_t len, struct strbuf *ret) ERR_RESULT;

/* In the monitor, where the plan asks for it. */
struct err *notify_listen(struct server *s) ERR_RESULT;
void notify_close(struct server *s);
/* A probe has succeeded: with --sdnotify=healthy the first time says that the service is ready. */
void notify_healthy(struct server *s);
