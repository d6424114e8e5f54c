/* Entering or making the container's network namespace for as long as it takes to set it up. The process itself stays
 * in its own: a child does the work that shares memory and descriptors with it, and ends. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "slirp/config.h"
#include "slirp/device.h"

struct netns_opts {
    const struct slirp_config *config;
    int netns_fd;  /* borrowed; -1: make one */
    int userns_fd; /* borrowed; join it first; -1: stay in ours */
    /* Called inside the namespace at the end, with the rights that set-up has; NULL: nothing. */
    struct err *(*inside)(void *arg);
    void *inside_arg;
};

/* *ret_device and *ret_netns are the caller's. */
struct err *netns_setup(const struct netns_opts *opts, struct device *ret_device, int *ret_netns) ERR_RESULT;
