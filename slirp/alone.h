/* coracle-slirp with slirp4netns' command line. */
#pragma once

#include "base/err.h"

/* Runs until the namespace's process or the exit descriptor ends, or SIGINT or SIGTERM. */
struct err *alone_run(int argc, char *const *argv) ERR_RESULT;
