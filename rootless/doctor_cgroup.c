/* Control groups: which version, where this process is, and what it may do there (cgroups(7)). */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "rootless/doctor_internal.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_TEXT_MAX ((size_t)64 << 10)

enum cgroup_layout { CGROUP_NONE, CGROUP_V1, CGROUP_HYBRID, CGROUP_V2 };

static enum cgroup_layout cgroup_layout(void)
{
    struct statfs fs;
    struct stat st;
    if (statfs(CGROUP_ROOT, &fs) < 0)
        return CGROUP_NONE;
    if (fs.f_type == CGROUP2_SUPER_MAGIC)
        return CGROUP_V2;
    if (statfs(CGROUP_ROOT "/unified", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
        return CGROUP_HYBRID;
    return stat(CGROUP_ROOT "/memory", &st) == 0 || stat(CGROUP_ROOT "/cpu", &st) == 0 ? CGROUP_V1 : CGROUP_NONE;
}

/* The path behind "0::" in /proc/self/cgroup, below the mount point. */
static struct err *cgroup_own_dir(char **ret)
{
    AUTO_FREE char *text = NULL;
    TRY(file_read(AT_FDCWD, "/proc/self/cgroup", CGROUP_TEXT_MAX, &text, NULL));
    char *at = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (!at)
        return ERR_NEW(ERR_NOT_FOUND, "this process is in no cgroup v2");
    at += *at == '\n' ? 4 : 3;
    at[strcspn(at, "\n")] = '\0';
    return path_join(ret, CGROUP_ROOT, at);
}

static struct err *cgroup_controllers(const char *dir, char **ret)
{
    AUTO_FREE char *path = NULL;
    TRY(path_join(&path, dir, "cgroup.controllers"));
    TRY(file_read(AT_FDCWD, path, CGROUP_TEXT_MAX, ret, NULL));
    (*ret)[strcspn(*ret, "\n")] = '\0';
    return NULL;
}

/* Processes may be moved within a subtree whose root can be written: that is delegation. */
static bool cgroup_is_ours(const char *dir)
{
    AUTO_FREE char *procs = NULL;
    struct err *e = path_join(&procs, dir, "cgroup.procs");
    bool ours = !e && access(dir, W_OK) == 0 && access(procs, W_OK) == 0;
    err_drop(e);
    return ours;
}

static struct err *cgroup_delegation(struct doctor_item *item)
{
    struct stat st;
    item->state = DOCTOR_DEGRADED;
    DOCTOR_SET(item->meaning, "limits (--memory, --cpus, --pids-limit …) cannot be applied, and `pause` does not work");
    if (stat("/run/systemd/system", &st) == 0)
        DOCTOR_SET(item->fix,
                   "log in through systemd (not su), or: systemd-run --user --scope -p Delegate=yes; as root, "
                   "Delegate=cpu cpuset io memory pids in user@.service for all controllers");
    else
        DOCTOR_SET(item->fix, "as root: make a cgroup, chown it with cgroup.procs and cgroup.subtree_control to this "
                              "user, enable controllers for it, and start the login in it");
    return NULL;
}

static struct err *cgroup_judge_v2(struct doctor_item *item)
{
    static const char *const wanted[] = {"cpu", "cpuset", "io", "memory", "pids"};
    AUTO_FREE char *dir = NULL;
    AUTO_FREE char *controllers = NULL;
    AUTO_STRV struct strv have = STRV_INIT;
    AUTO_STRBUF struct strbuf missing = STRBUF_INIT;
    TRY(cgroup_own_dir(&dir));
    TRY(cgroup_controllers(dir, &controllers));
    bool ours = cgroup_is_ours(dir);
    DOCTOR_SET(item->found, "version 2; %s is %s; controllers: %s", dir, ours ? "delegated" : "not delegated",
               *controllers ? controllers : "none");
    if (!ours)
        return cgroup_delegation(item);
    TRY(strv_split(controllers, ' ', &have));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (!strv_contains(&have, wanted[i]))
            TRY(strbuf_printf(&missing, "%s%s", missing.len ? ", " : "", wanted[i]));
    }
    if (missing.len == 0)
        return NULL;
    TRY(cgroup_delegation(item));
    DOCTOR_SET(item->meaning, "limits that need these controllers cannot be applied: %s", strbuf_str(&missing));
    return NULL;
}

struct err *doctor_probe_cgroups(const struct doctor_opts *opts, struct doctor_item *item)
{
    (void)opts;
    DOCTOR_SET(item->probed, CGROUP_ROOT ", and whether this process's cgroup can be written");
    switch (cgroup_layout()) {
    case CGROUP_V2:
        return cgroup_judge_v2(item);
    case CGROUP_HYBRID:
        DOCTOR_SET(item->found, "version 1, with version 2 for naming only (hybrid)");
        break;
    case CGROUP_V1:
        DOCTOR_SET(item->found, "version 1");
        break;
    case CGROUP_NONE:
        DOCTOR_SET(item->found, "none mounted");
        break;
    }
    item->state = DOCTOR_DEGRADED;
    DOCTOR_SET(item->meaning, "limits (--memory, --cpus, --pids-limit …) cannot be applied");
    DOCTOR_SET(item->fix, "as root: boot with systemd.unified_cgroup_hierarchy=1 (cgroup v2)");
    return NULL;
}
