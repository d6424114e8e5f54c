/* A place in the cgroup tree where the runtime may make the container's cgroup and give it controllers. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct server;

/* Names below the monitor's own cgroup: where it, and where the container is. */
#define SCOPE_MONITOR "monitor"
#define SCOPE_CONTAINER "container"
/* A cgroup that was delegated to a shell or a service: whoever lived in it moves there. */
#define SCOPE_LEAF "coracle.leaf"

/* Called once the plan is there, before anything is started. Sets s->cgroup_manager to what the runtime should use:
 * "systemd" in the plan becomes "cgroupfs" in a scope of our own, or "disabled" when that cannot be had, which the
 * client sees from where we are. */
void scope_enter(struct server *s);

/* In the name of a pod's slice, before the pod's id: such a slice goes with the last scope in it. */
#define SCOPE_POD "-coracle_pod_"

/* The request to systemd, for tests: *ret is one D-Bus message, marshalled. `slice` and `name` are plain ASCII.
 * `make_slice`: the slice must not be there yet, and is to go when nothing is in it. */
struct strbuf;
struct err *scope_message(const char *name, const char *slice, bool make_slice, unsigned pid,
                          struct strbuf *ret) ERR_RESULT;
