/* The side of sd_notify(3) that client and monitor share. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/monitor/notify.h"

struct err *notify_send(const char *socket_name, const char *text, size_t len)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t n = strlen(socket_name);
    if ((*socket_name != '/' && *socket_name != '@') || n < 2 || n >= sizeof(addr.sun_path))
        return ERR_NEW(ERR_INVALID, "NOTIFY_SOCKET=%s: neither a path nor an abstract socket", socket_name);
    memcpy(addr.sun_path, socket_name, n);
    if (*socket_name == '@')
        addr.sun_path[0] = '\0';
    AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_SYS(errno, "make a socket");
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*socket_name == '/'));
    if (sendto(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&addr, size) < 0)
        return ERR_SYS(errno, "notify %s", socket_name);
    return NULL;
}

struct err *notify_filter(const char *text, size_t len, struct strbuf *ret)
{
    static const char *const known[] = {
        "READY=",         "RELOADING=",           "STOPPING=",      "STATUS=", "ERRNO=", "BUSERROR=", "WATCHDOG=",
        "WATCHDOG_USEC=", "EXTEND_TIMEOUT_USEC=", "MONOTONIC_USEC="};
    for (size_t at = 0; at < len;) {
        const char *line = text + at;
        const char *end = memchr(line, '\n', len - at);
        size_t n = end ? (size_t)(end - line) : len - at;
        at += n + 1;
        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
            size_t k = strlen(known[i]);
            if (n >= k && memcmp(line, known[i], k) == 0 && !memchr(line, '\0', n)) {
                TRY(strbuf_add(ret, line, n));
                TRY(strbuf_putc(ret, '\n'));
            }
        }
    }
    return NULL;
}
