/* What the files of this folder share. */
#pragma once

#include "engine/pod/pod.h"

/* run.c: those that run, in their order. */
struct err *pod_stop_members(struct engine *e, struct pod *p, int64_t timeout_sec, bool even_paused) ERR_RESULT;
/* cgroup.c: the pod's own, below pod_cgroup_parent(), which is `parent`; *ret stays NULL where that is "". */
struct err *pod_cgroup_path(const struct pod *p, const char *parent, char **ret) ERR_RESULT;
/* Once it is empty. */
void pod_remove_cgroup(struct engine *e, const struct pod *p);
