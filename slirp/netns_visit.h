/* A piece of work inside another network namespace, or in a new one. The process itself stays where it is: a child does
 * it that shares memory and descriptors with it, and ends. Needs base/ alone, so that coracle-monitor can do it. */
#pragma once

#include "base/err.h"

struct netns_visit {
    int netns_fd;  /* borrowed; -1: make one */
    int userns_fd; /* borrowed; join it first; -1: stay in ours */
    /* Called there; netns_fd is that namespace. For a process with one thread. */
    struct err *(*work)(int netns_fd, void *arg);
    void *arg;
};
/* *ret_netns, a descriptor of the namespace, is the caller's. Errors are also those of `work`. */
struct err *netns_visit(const struct netns_visit *v, int *ret_netns) ERR_RESULT;
/* A NETLINK_ROUTE socket that speaks of that namespace, wherever it is used. */
struct err *netns_visit_route(int userns_fd, int netns_fd, int *ret_netns, int *ret_route) ERR_RESULT;
