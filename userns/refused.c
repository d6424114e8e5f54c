/* The kernel says EPERM, ENOSPC or EACCES and no more; the reasons can be read from a few files. They are tried from
 * the most to the least specific, in tables: one of limits, since each kind of namespace has its own, and one of the
 * rest. */
#include "userns/refused.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define REFUSED_FILE_MAX ((size_t)16 << 10)
#define REFUSED_MOUNTS_MAX ((size_t)4 << 20)

/* True when the file can be read and its first line is `value`. */
static bool refused_file_is(const char *path, const char *value)
{
    AUTO_FREE char *text = NULL;
    struct err *e = file_read(AT_FDCWD, path, REFUSED_FILE_MAX, &text, NULL);
    if (e) {
        err_drop(e);
        return false;
    }
    text[strcspn(text, "\n")] = '\0';
    return strcmp(text, value) == 0;
}

/* "Seccomp: 2" in /proc/self/status: a filter is installed (proc(5)). */
static bool refused_has_seccomp(void)
{
    AUTO_FREE char *text = NULL;
    struct err *e = file_read(AT_FDCWD, "/proc/self/status", REFUSED_FILE_MAX, &text, NULL);
    if (e) {
        err_drop(e);
        return false;
    }
    return strstr(text, "\nSeccomp:\t2") != NULL;
}

/* The kernel refuses user namespaces to processes whose root is not that of their mount namespace. A root that is no
 * mount point gives a chroot away (statx(2), Linux 5.8). */
static bool refused_in_chroot(void)
{
    struct statx stx;
    if (statx(AT_FDCWD, "/", 0, 0, &stx) < 0 || !(stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT))
        return false;
    return !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* --- limits: namespaces(7), "The /proc/sys/user directory" */

static const struct {
    const char *limit; /* in /proc/sys/user; NULL: none */
    const char *what;
} refused_steps[REFUSED_COUNT] = {
    [REFUSED_CREATE] = {"max_user_namespaces", "create a user namespace"},
    [REFUSED_MAP] = {NULL, "map ids in the new user namespace"},
    [REFUSED_MOUNT] = {NULL, "mount in the new user namespace"},
    [REFUSED_PID_NS] = {"max_pid_namespaces", "create a pid namespace"},
    [REFUSED_IPC_NS] = {"max_ipc_namespaces", "create an IPC namespace"},
    [REFUSED_UTS_NS] = {"max_uts_namespaces", "create a UTS namespace"},
    [REFUSED_CGROUP_NS] = {"max_cgroup_namespaces", "create a cgroup namespace"},
    [REFUSED_NET_NS] = {"max_net_namespaces", "create a network namespace"},
    [REFUSED_PROC] = {"max_pid_namespaces", "mount a new /proc"},
    [REFUSED_SYSFS] = {"max_net_namespaces", "mount a new /sys"},
    [REFUSED_SYSCTL] = {"max_net_namespaces", "write to /proc/sys"},
    [REFUSED_SECCOMP] = {NULL, "install a seccomp filter"},
};

/* *ret stays NULL when no limit is 0. A new user namespace comes with a mount namespace. */
static struct err *refused_limit(enum refused_step step, char **ret)
{
    const char *const names[] = {refused_steps[step].limit, step == REFUSED_CREATE ? "max_mnt_namespaces" : NULL};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        AUTO_FREE char *path = NULL;
        if (!names[i])
            continue;
        TRY(mem_asprintf(&path, "/proc/sys/user/%s", names[i]));
        if (refused_file_is(path, "0"))
            return mem_asprintf(ret, "the sysctl user.%s is 0; as root: sysctl -w user.%s=15000", names[i], names[i]);
    }
    return NULL;
}

/* --- what covers a file system that is there: mount_too_revealing() wants a fully visible one of the same kind */

static struct err *refused_cover(const char *top, char **ret)
{
    AUTO_FREE char *text = NULL;
    size_t len = strlen(top);
    TRY(file_read(AT_FDCWD, "/proc/self/mountinfo", REFUSED_MOUNTS_MAX, &text, NULL));
    for (char *line = text, *next; line && *line; line = next) {
        char *rest = NULL;
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        (void)strtok_r(line, " ", &rest);
        for (int field = 0; field < 3; field++) /* parent, device, root */
            (void)strtok_r(NULL, " ", &rest);
        const char *place = strtok_r(NULL, " ", &rest);
        if (place && strncmp(place, top, len) == 0 && place[len] == '/')
            return mem_strdup(place, ret);
    }
    return NULL;
}

static struct err *refused_by_cover(enum refused_step step, int errnum, char **ret)
{
    const char *top = step == REFUSED_SYSFS ? "/sys" : "/proc";
    AUTO_FREE char *cover = NULL;
    if (step == REFUSED_SYSCTL)
        return errnum == EROFS ? mem_strdup("/proc/sys is mounted read-only here", ret) : NULL;
    if (access(top, F_OK) < 0 || (errnum != EPERM && errnum != EACCES))
        return NULL;
    struct err *e = refused_cover(top, &cover);
    if (e || !cover) { /* without a /proc nobody knows */
        err_drop(e);
        return NULL;
    }
    return mem_asprintf(
        ret,
        "parts of %s, such as %s, are covered here, and the kernel allows no new one that would show them; "
        "in a container: --security-opt unmask=ALL, or systempaths=unconfined in Docker",
        top, cover);
}

/* --- the rest */

static bool refused_by_clone_sysctl(void)
{
    return refused_file_is("/proc/sys/kernel/unprivileged_userns_clone", "0");
}

static bool refused_by_apparmor(void)
{
    return refused_file_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1");
}

static bool refused_by_selinux(void)
{
    return refused_file_is("/sys/fs/selinux/enforce", "1");
}

static bool refused_by_kernel(void)
{
    struct stat st;
    return stat("/proc/self/ns/user", &st) < 0 && errno == ENOENT;
}

static bool refused_without_proc(void)
{
    return access("/proc/self/status", F_OK) < 0;
}

static const struct {
    bool (*test)(void);
    bool userns_only; /* it says nothing about other things */
    const char *text;
} refused_reasons[] = {
    {refused_without_proc, false, "no /proc is mounted here; as root: mount -t proc proc /proc"},
    {refused_by_kernel, true, "this kernel is built without user namespaces (CONFIG_USER_NS)"},
    {refused_by_clone_sysctl, true,
     "the sysctl kernel.unprivileged_userns_clone is 0; as root: sysctl -w kernel.unprivileged_userns_clone=1"},
    {refused_by_apparmor, true,
     "AppArmor restricts user namespaces to programs with a profile (sysctl "
     "kernel.apparmor_restrict_unprivileged_userns); `coracle doctor` prints a profile for this program"},
    {refused_has_seccomp, false,
     "a seccomp filter on this process refuses it; in a container, its engine set that filter (docker, podman: "
     "--security-opt seccomp=unconfined)"},
    {refused_in_chroot, true, "this process runs in a chroot, where the kernel refuses user namespaces"},
    {refused_by_selinux, false, "SELinux may have refused it: ausearch -m avc -ts recent shows that to root"},
};

/* The limit that counts may be that of a namespace around this one, which cannot be read from here. */
static struct err *refused_by_count(const char *limit, char **ret)
{
    return mem_asprintf(ret,
                        "the sysctl user.%s, of the host or of a container around this, allows no more (or namespaces "
                        "are nested 32 deep); as root there: sysctl -w user.%s=15000",
                        limit, limit);
}

struct err *refused_reason(enum refused_step step, int errnum, char **ret)
{
    AUTO_FREE char *reason = NULL;
    bool userns = step == REFUSED_CREATE || step == REFUSED_MAP || step == REFUSED_MOUNT;
    TRY(refused_limit(step, &reason));
    if (!reason && (step == REFUSED_PROC || step == REFUSED_SYSFS || step == REFUSED_SYSCTL))
        TRY(refused_by_cover(step, errnum, &reason));
    for (size_t i = 0; !reason && i < ARRAY_LEN(refused_reasons); i++) {
        if ((userns || !refused_reasons[i].userns_only) && refused_reasons[i].test())
            TRY(mem_strdup(refused_reasons[i].text, &reason));
    }
    if (!reason && (errnum == ENOSPC || errnum == EUSERS))
        TRY(refused_by_count(refused_steps[step].limit ? refused_steps[step].limit : "max_user_namespaces", &reason));
    if (!reason)
        TRY(mem_strdup(step == REFUSED_CREATE
                           ? "a chroot, the kernel's configuration or a security module (AppArmor, SELinux) refused it"
                           : "the kernel or a security module (Landlock, AppArmor, SELinux) refused it",
                       &reason));
    *ret = TAKE_PTR(reason);
    return NULL;
}

struct err *refused_explain(enum refused_step step, int errnum)
{
    AUTO_FREE char *reason = NULL;
    enum err_kind kind = errnum == ENOSYS || errnum == EINVAL ? ERR_UNSUPPORTED : ERR_DENIED;
    struct err *e = refused_reason(step, errnum, &reason);
    return e ? e : ERR_SYS_AS(kind, errnum, "%s (%s)", refused_steps[step].what, reason);
}

/* Abstraction 4.0 is AppArmor's first with "userns". Nothing else is confined: "unconfined" is what Ubuntu ships for
 * browsers. */
struct err *refused_apparmor_profile(const char *path, char **ret)
{
    return mem_asprintf(ret,
                        "abi <abi/4.0>,\n"
                        "include <tunables/global>\n"
                        "profile coracle-session \"%s\" flags=(unconfined) {\n"
                        "  userns,\n"
                        "  include if exists <local/coracle-session>\n"
                        "}\n",
                        path);
}
