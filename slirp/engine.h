/* coracle-slirp --engine FD: the server side of control.h. */
#pragma once

#include "base/err.h"

/* From the start message to the end of the connection. The descriptor is taken. An error that the client was told is
 * returned too. */
struct err *engine_run(int take_sock) ERR_RESULT;
