/* Writing the id maps of another process's new user namespace (user_namespaces(7)). Each map can be written once. */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "userns/idmap.h"

enum idmap_kind { IDMAP_UID, IDMAP_GID };

/* By the kernel's file. Allowed for a single own id, or with CAP_SETUID/CAP_SETGID in the parent namespace. `pid` is
 * a child that was not reaped. */
struct err *idmap_write_direct(pid_t pid, enum idmap_kind kind, const struct idmap *m) ERR_RESULT;
/* Needed before a single gid is mapped without CAP_SETGID. */
struct err *idmap_deny_setgroups(pid_t pid) ERR_RESULT;
/* By newuidmap / newgidmap. The error carries what they said. */
struct err *idmap_write_helper(pid_t pid, enum idmap_kind kind, const struct idmap *m) ERR_RESULT;
/* Path of newuidmap / newgidmap; ERR_NOT_FOUND. Looks where PATH may not point under cron and on NixOS. */
struct err *idmap_find_helper(enum idmap_kind kind, char **ret) ERR_RESULT;
/* Why the two helpers cannot work here, in one line that says what would help; NULL when nothing speaks against it. */
struct err *idmap_helper_trouble(char **ret) ERR_RESULT;
