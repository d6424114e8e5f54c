/* Sockets to which the OCI runtime connects to hand a descriptor over: a terminal, a seccomp filter. It wants streams;
 * what it writes besides the descriptor isn't needed. */
#pragma once

#include "base/err.h"

/* Listen as `name` in the directory, without waiting in accept(2). */
struct err *runtime_socket_listen(int dirfd, const char *name, int backlog, int *ret) ERR_RESULT;
/* The first descriptor of a connection's next message, -1: there is none. More than one would be a strange runtime, and
 * are closed. */
struct err *runtime_socket_receive(int conn, int *ret) ERR_RESULT;
