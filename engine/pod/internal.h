/* What the files of this folder share. */
#pragma once

#include "engine/pod/pod.h"

/* run.c: those that run, in their order. */
struct err *pod_stop_members(struct engine *e, struct pod *p, int64_t timeout_sec, bool even_paused) ERR_RESULT;
/* cgroup.c: the pod's own, once it is empty. */
void pod_remove_cgroup(struct engine *e, const struct pod *p);
