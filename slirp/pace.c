#include "slirp/pace.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

void pace_disable(int fd)
{
    static const char simplest[] =
        "reno"; /* every kernel has it, and users may choose it unless somebody forbade that */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, simplest, sizeof(simplest) - 1);
}
