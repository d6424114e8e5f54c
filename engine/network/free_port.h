/* Free ports of this host. */
#pragma once

#include "base/err.h"
#include "engine/network/publish.h"

/* Give each mapping without a host port one that is free now, and that no other mapping names. It is found by binding
 * to it; all stay bound until each has one, so that they differ. */
struct err *free_port_choose(struct publish_list *l) ERR_RESULT;
