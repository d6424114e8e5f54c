/* What the files of this folder share. */
#pragma once

#include "engine/pod/pod.h"

/* run.c: those that run, in their order. */
struct err *pod_stop_members(struct engine *e, struct pod *p, int64_t timeout_sec, bool even_paused) ERR_RESULT;
/* cgroup.c: `path` from pod_cgroup(), asked for while it ran; once it is empty. */
void pod_remove_cgroup(const struct pod *p, const char *path);
