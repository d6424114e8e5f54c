/* What pod create and pod clone, and run --pod new:NAME, share. */
#pragma once

#include "cli/create.h"

/* run and create --pod new:NAME: make the pod, which gets the network, the host name and the user namespace of `o`, and
 * have the container join it. Nothing for other values of --pod. */
struct err *pod_create_for(struct cli *c, struct create_opts *o) ERR_RESULT;
