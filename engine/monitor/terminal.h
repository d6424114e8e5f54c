/* The user's terminal: raw mode, and back. */
#pragma once

#include <stdbool.h>
#include <termios.h>

#include "base/err.h"

struct terminal {
    int fd; /* borrowed; -1: nothing to restore */
    struct termios saved;
};
#define TERMINAL_INIT \
    {                 \
        .fd = -1      \
    }

/* Raw, as the container's own terminal does the line discipline. No-op where `fd` is no terminal. */
struct err *terminal_raw(int fd, struct terminal *ret) ERR_RESULT;
/* Only no processing of output, which the container's own terminal has done: for a caller whose input isn't wanted. */
struct err *terminal_raw_output(int fd, struct terminal *ret) ERR_RESULT;
void terminal_restore(struct terminal *t);
#define AUTO_TERMINAL __attribute__((cleanup(terminal_restore)))
