/* The user's terminal and a container: the loop that `run`, `start -a`, `attach` and `exec` sit in.
 *
 * Copies output to the caller's descriptors and input to the container, follows window sizes, proxies signals or puts
 * the terminal into raw mode, watches for the detach keys. The terminal is restored on every way out, signals
 * included. Single-threaded; blocks signals while it runs and restores the mask.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "engine/monitor/client.h"

#define ATTACH_LASTING_NSEC UINT64_C(10000000)

struct monitor_io {
    int in_fd, out_fd, err_fd; /* borrowed; in_fd -1: no input */
    const char *detach_keys;   /* NULL: ctrl-p,ctrl-q; "": none. Only looked for when the process has a terminal */
    bool sig_proxy;            /* forward signals; not when in_fd is a terminal that the container has */
    /* Called once, when the process has lasted for ATTACH_LASTING_NSEC or the loop ends before it does; not for one
     * that ends sooner: what can wait for that long needn't be done twice. May be NULL. */
    struct err *(*lasting)(void *arg);
    void *lasting_arg;
};

struct monitor_outcome {
    bool detached;            /* by keys: the process runs on */
    struct monitor_exit exit; /* else */
};

/* `m` is attached (monitor_launch, monitor_exec or monitor_request_attach). Returns when the process has ended and all
 * of its output was written, or at the detach keys. Where the caller's stdout goes away (EPIPE) output is dropped and
 * the end awaited, without stdin. ERR_NETWORK: the monitor is gone without a word (killed). */
struct err *monitor_attach(struct monitor *m, const struct monitor_io *io, struct monitor_outcome *ret) ERR_RESULT;
/* The size of the terminal `fd`; zeros when it is none. */
struct monitor_size monitor_terminal_size(int fd);
