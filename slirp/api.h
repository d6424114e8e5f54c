/* slirp4netns' API socket: one JSON request for each connection, one answer. Whoever can connect may open ports: the
 * socket's directory decides who that is. */
#pragma once

#include "base/err.h"
#include "base/loop.h"
#include "slirp/hostfwd.h"

struct api;

/* Make the socket; before the sandbox. A stale one is replaced. */
struct err *api_listen(const char *path, int *ret_sock) ERR_RESULT;
/* Serve it on the loop; both borrowed. */
struct err *api_new(struct loop *loop, struct hostfwd *hostfwd, int take_sock, struct api **ret) ERR_RESULT;
void api_free(struct api *a);
