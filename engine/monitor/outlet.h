/* Where output goes: the caller's stdout or stderr, written without ever blocking the loop.
 *
 * O_NONBLOCK belongs to the open file, which the caller shares with its shell and others, so it is not touched: pipes
 * and terminals are opened anew for ourselves, sockets are written with MSG_DONTWAIT, files never block. Where opening
 * is refused, writes are so short that poll(2) vouches for them. One message at most waits in an outlet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/loop.h"

struct outlet {
    int fd;                  /* ours; written and watched; -1: output is dropped */
    bool is_socket, careful; /* careful: short writes after poll */
    struct loop_source *src; /* while something waits */
    char *data;              /* what waits, owned */
    size_t len, at;
};
#define OUTLET_INIT \
    {               \
        .fd = -1    \
    }

void outlet_open(struct outlet *o, int fd);
void outlet_close(struct outlet *o);
/* Write; what doesn't go at once waits. `take_data` is heap memory. True in *ret_wait: something waits, and `fn` is
 * called with `arg` when it can be tried again: outlet_flush(). A reader that is gone (EPIPE) turns the outlet off. */
struct err *outlet_write(struct outlet *o, struct loop *l, char *take_data, size_t len, loop_fd_fn fn,
                         void *arg) ERR_RESULT;
struct err *outlet_flush(struct outlet *o) ERR_RESULT;
bool outlet_waits(const struct outlet *o);
