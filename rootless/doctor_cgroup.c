/* Control groups: which version, where this process is, and what it may do there (cgroups(7)). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "rootless/cgroup_host.h"
#include "rootless/doctor_internal.h"

#define CGROUP_TEXT_MAX ((size_t)64 << 10)

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

static struct err *cgroup_limits_missing(struct doctor_item *item, const char *controllers, const char *fix)
{
    item->state = DOCTOR_DEGRADED;
    item->rung = controllers ? 2 : 3;
    if (controllers)
        DOCTOR_SET(item->meaning, "limits that need these controllers cannot be applied: %s", controllers);
    else
        DOCTOR_SET(item->meaning,
                   "limits (--memory, --cpus, --pids-limit …) cannot be applied, and `pause` does not work");
    DOCTOR_SET(item->fix, "%s", fix);
    return NULL;
}

/* Where containers' cgroups would be made: below our own, or below the user's systemd, which makes scopes for us. */
static struct err *cgroup_place(const char *own, char **ret_dir, const char **ret_how)
{
    AUTO_FREE char *manager = NULL;
    *ret_how = NULL;
    if (cgroup_is_ours(own)) {
        *ret_how = "is delegated";
        return mem_strdup(own, ret_dir);
    }
    struct err *e = cgroup_user_manager(getuid(), &manager);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return mem_strdup(own, ret_dir);
    }
    TRY(e);
    *ret_how = "belongs to your systemd, which makes scopes for containers";
    return path_join(ret_dir, CGROUP_ROOT, manager);
}

static struct err *cgroup_judge_v2(struct doctor_item *item)
{
    static const char *const wanted[] = {"cpu", "cpuset", "io", "memory", "pids"};
    AUTO_FREE char *own = NULL, *dir = NULL, *controllers = NULL;
    AUTO_STRV struct strv have = STRV_INIT;
    AUTO_STRBUF struct strbuf missing = STRBUF_INIT;
    const char *how;
    TRY(cgroup_own_dir(&own));
    TRY(cgroup_place(own, &dir, &how));
    TRY(cgroup_controllers(dir, &controllers));
    DOCTOR_SET(item->found, "version 2; %s %s; controllers: %s", dir, how ? how : "is not delegated",
               *controllers ? controllers : "none");
    if (!how)
        return cgroup_limits_missing(item, NULL, cgroup_delegation_fix());
    TRY(strv_split(controllers, ' ', &have));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (!strv_contains(&have, wanted[i]))
            TRY(strbuf_printf(&missing, "%s%s", missing.len ? ", " : "", wanted[i]));
    }
    return missing.len ? cgroup_limits_missing(item, strbuf_str(&missing), cgroup_controller_fix()) : NULL;
}

struct err *doctor_probe_cgroups(const struct doctor_opts *opts, struct doctor_item *item)
{
    static const char *const names[] = {
        [CGROUP_NONE] = "none mounted",
        [CGROUP_V1] = "version 1",
        [CGROUP_HYBRID] = "version 1, with version 2 for naming only (hybrid)",
    };
    enum cgroup_layout layout = cgroup_layout();
    (void)opts;
    DOCTOR_SET(item->probed, CGROUP_ROOT ", this process's cgroup, and whether the user's systemd can be asked");
    if (layout == CGROUP_V2)
        return cgroup_judge_v2(item);
    DOCTOR_SET(item->found, "%s", names[layout]);
    return cgroup_limits_missing(item, NULL, cgroup_layout_fix(layout));
}
