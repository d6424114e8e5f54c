#include "slirp/version.h"

#include <seccomp.h>
#include <slirp/libslirp.h>

#include "base/fd.h"
#include "base/strbuf.h"

struct err *version_print(int fd)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    const struct scmp_version *v = seccomp_version();
    TRY(strbuf_printf(&sb, "coracle-slirp version %s\nlibslirp: %s\nSLIRP_CONFIG_VERSION_MAX: %d\n", CORACLE_VERSION,
                      slirp_version_string(), SLIRP_CONFIG_VERSION_MAX));
    TRY(strbuf_printf(&sb, "libseccomp: %u.%u.%u\n", v->major, v->minor, v->micro));
    return fd_write_all(fd, sb.data, sb.len);
}
