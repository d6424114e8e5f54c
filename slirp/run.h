/* From a device that is ready to a running network. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "slirp/device.h"
#include "slirp/slirp.h"

/* The host's resolvers: from `text` (`len` bytes), or from the host's file when len is 0; `watch`: follow that file
 * from a process of its own. Before slirp_run(), which ends all access to files. */
struct err *slirp_prepare_dns(struct slirp *s, const char *text, size_t len, bool watch) ERR_RESULT;
/* Makes the stack, enters the sandbox, and serves until the end. s->config and s->loop are set; `device` is borrowed.
 */
struct err *slirp_run(struct slirp *s, const struct device *device) ERR_RESULT;
/* The same without interface, stack and names: for published ports alone. */
struct err *slirp_run_ports(struct slirp *s) ERR_RESULT;
void slirp_init(struct slirp *s);
void slirp_done(struct slirp *s);
