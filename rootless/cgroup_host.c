#include "rootless/cgroup_host.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"

static bool is_cgroup2(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

enum cgroup_layout cgroup_layout(void)
{
    if (is_cgroup2(CGROUP_ROOT))
        return CGROUP_V2;
    if (is_cgroup2(CGROUP_ROOT "/unified"))
        return CGROUP_HYBRID;
    if (access(CGROUP_ROOT "/memory", F_OK) == 0 || access(CGROUP_ROOT "/cpu", F_OK) == 0)
        return CGROUP_V1;
    return CGROUP_NONE;
}

static bool host_runs_systemd(void)
{
    return access("/run/systemd/system", F_OK) == 0;
}

const char *cgroup_layout_fix(enum cgroup_layout layout)
{
    switch (layout) {
    case CGROUP_V1:
    case CGROUP_HYBRID:
        return host_runs_systemd() ? "boot with systemd.unified_cgroup_hierarchy=1 on the kernel command line"
                                   : "boot with systemd.unified_cgroup_hierarchy=1 (or, without systemd, "
                                     "cgroup_no_v1=all, and mount cgroup2 on " CGROUP_ROOT ")";
    case CGROUP_NONE:
        return "mount cgroup2 on " CGROUP_ROOT;
    case CGROUP_V2:
    default:
        return NULL;
    }
}

const char *cgroup_delegation_fix(void)
{
    return host_runs_systemd()
               ? "log in through systemd (ssh or a console, not su or cron), so that XDG_RUNTIME_DIR leads to a "
                 "systemd "
                 "of your own, or start the command with: systemd-run --user --scope -p Delegate=yes"
               : "an administrator can make a cgroup, give it to you (chown it, its cgroup.procs and its "
                 "cgroup.subtree_control), enable controllers for it and start your login in it";
}

const char *cgroup_controller_fix(void)
{
    return host_runs_systemd() ? "an administrator can put \"[Service]\\nDelegate=cpu cpuset io memory pids\" into "
                                 "/etc/systemd/system/user@.service.d/delegate.conf"
                               : "an administrator can enable it in cgroup.subtree_control of the cgroups above yours";
}

struct err *cgroup_user_manager(uid_t host_uid, char **ret)
{
    const char *dir = getenv("XDG_RUNTIME_DIR");
    AUTO_FREE char *cgroup = NULL, *full = NULL, *socket = NULL;
    TRY(mem_asprintf(&socket, "%s/systemd/private", dir ? dir : ""));
    if (!dir || *dir != '/' || access(socket, F_OK) < 0)
        return ERR_NEW(ERR_NOT_FOUND, "no systemd of the user's own is to be reached");
    TRY(mem_asprintf(&cgroup, "/user.slice/user-%u.slice/user@%u.service", (unsigned)host_uid, (unsigned)host_uid));
    TRY(mem_asprintf(&full, CGROUP_ROOT "%s", cgroup));
    if (access(full, F_OK) < 0)
        return ERR_NEW(ERR_NOT_FOUND, "the cgroup of the user's systemd is not visible here");
    *ret = TAKE_PTR(cgroup);
    return NULL;
}
