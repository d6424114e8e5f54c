/* The processes of a running container, as proc(5) shows them from outside: for `top` and `stats`. */
#pragma once

#include "base/err.h"
#include "base/proclist.h"
#include "engine/container/container.h"

/* All of /proc; those of the container are marked: its own first process, those of exec, what is in its pid namespace
 * (when that isn't ours), and what descends from them. */
struct err *container_processes(struct engine *e, const struct container *c, struct proclist *ret) ERR_RESULT;
/* Seconds since boot, the clock that start_ticks count. */
double processes_uptime(void);

/* `top`: lines of cells separated by tabs, headings first, one line a process. `descriptors` are names or AIX codes
 * ("pid", "%p"); empty: Podman's default. ERR_NOT_FOUND: one that is unknown; ps(1) may know it. */
struct err *container_top(struct engine *e, struct container *c, const struct strv *descriptors,
                          struct strv *ret_lines) ERR_RESULT;
