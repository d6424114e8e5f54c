/* The command line of slirp4netns. Computes only. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "slirp/config.h"

struct options {
    struct slirp_config config; /* outbound addresses still 0 where an interface was named */
    const char *target;         /* PID or path; borrowed from argv, as all strings */
    bool target_is_path;
    const char *userns_path;
    const char *api_socket;
    const char *outbound, *outbound6; /* interface names, or NULL */
    int ready_fd, exit_fd;            /* -1: none */
    bool help, version;
};

/* ERR_INVALID. */
struct err *options_parse(int argc, char *const *argv, struct options *ret) ERR_RESULT;
/* The text of --help. */
const char *options_help(void);
