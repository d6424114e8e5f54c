/* coracle-slirp --engine FD: the server side of control.h. */
#pragma once

#include "base/err.h"
#include "slirp/config.h"
#include "slirp/device.h"

/* From the start message to the end of the connection. The descriptor is taken. An error that the client was told is
 * returned too. */
struct err *engine_run(int take_sock) ERR_RESULT;
/* The confined half of a hub (hub.h): libslirp and the resolver of a bridge, told names and the text of resolvers over
 * the connection. Descriptor and device are taken. */
struct err *engine_run_bridge(const struct slirp_config *config, int take_sock, const char *resolv,
                              struct device *take_device) ERR_RESULT;
