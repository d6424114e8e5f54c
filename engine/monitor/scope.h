/* A place in the cgroup tree where the runtime may make the container's cgroup and give it controllers. */
#pragma once

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

/* The request to systemd, for tests: *ret is one D-Bus message, marshalled. `slice` and `name` are plain ASCII. */
struct strbuf;
struct err *scope_message(const char *name, const char *slice, unsigned pid, struct strbuf *ret) ERR_RESULT;
