/* Which control groups this host has, and what would have to change for a user to set limits: for doctor, which tells,
 * and for starting a container. Sources: cgroups(7), systemd(1) on the kernel command line, systemd's
 * CGROUP_DELEGATION. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

/* Hybrid: version 1 controllers, and version 2 beside them for systemd's own use. */
enum cgroup_layout { CGROUP_NONE, CGROUP_V1, CGROUP_HYBRID, CGROUP_V2 };
enum cgroup_layout cgroup_layout(void);

/* What an administrator does to get version 2; NULL when it is there. */
const char *cgroup_layout_fix(enum cgroup_layout layout);
/* With version 2: what makes a cgroup that the user may change. */
const char *cgroup_delegation_fix(void);
/* What gives the user's systemd a controller that the kernel has. */
const char *cgroup_controller_fix(void);

/* The cgroup of the user's own systemd ("/" based), below which it makes scopes for those who ask over
 * $XDG_RUNTIME_DIR. ERR_NOT_FOUND when there is no such systemd to be reached, or its cgroup is not visible. */
struct err *cgroup_user_manager(uid_t host_uid, char **ret) ERR_RESULT;
