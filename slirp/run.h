/* From a device that is ready to a running network. */
#pragma once

#include "base/err.h"
#include "slirp/device.h"
#include "slirp/slirp.h"

/* Makes the stack, enters the sandbox, and serves until the end. s->config and s->loop are set; `device` is borrowed.
 */
struct err *slirp_run(struct slirp *s, const struct device *device) ERR_RESULT;
void slirp_done(struct slirp *s);
