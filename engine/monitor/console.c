#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/fd.h"
#include "engine/monitor/launch.h"
#include "engine/monitor/runtime_socket.h"

#define CONSOLE_RECEIVE_SEC 2 /* the runtime sends as soon as it has connected */

struct err *console_receive(int listen_fd, int *ret_master)
{
    const struct timeval limit = {.tv_sec = CONSOLE_RECEIVE_SEC};
    *ret_master = -1;
    AUTO_FD int conn = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (conn < 0)
        return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? NULL
                                                                          : ERR_SYS(errno, "accept the terminal");
    (void)setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    TRY_WRAP(runtime_socket_receive(conn, ret_master), "receive the terminal");
    return *ret_master < 0 ? ERR_NEW(ERR_INTERNAL, "the OCI runtime sent no terminal") : NULL;
}
