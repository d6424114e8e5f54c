/* The kernel says EPERM, ENOSPC or EACCES and no more; the reasons can be read from a few files. They are tried from
 * the most to the least specific, in one table. */
#include "userns/refused.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

#define REFUSED_FILE_MAX ((size_t)16 << 10)

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

static bool refused_by_clone_sysctl(void)
{
    return refused_file_is("/proc/sys/kernel/unprivileged_userns_clone", "0");
}

static bool refused_by_apparmor(void)
{
    return refused_file_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1");
}

static bool refused_by_limit(void)
{
    return refused_file_is("/proc/sys/user/max_user_namespaces", "0");
}

static bool refused_by_mount_limit(void)
{
    return refused_file_is("/proc/sys/user/max_mnt_namespaces", "0");
}

static bool refused_by_kernel(void)
{
    struct stat st;
    return stat("/proc/self/ns/user", &st) < 0 && errno == ENOENT;
}

static const struct {
    bool (*test)(void);
    const char *text;
} refused_reasons[] = {
    {refused_by_kernel, "this kernel is built without user namespaces (CONFIG_USER_NS)"},
    {refused_by_limit, "the sysctl user.max_user_namespaces is 0; as root: sysctl -w user.max_user_namespaces=15000"},
    {refused_by_mount_limit,
     "the sysctl user.max_mnt_namespaces is 0; as root: sysctl -w user.max_mnt_namespaces=15000"},
    {refused_by_clone_sysctl,
     "the sysctl kernel.unprivileged_userns_clone is 0; as root: sysctl -w kernel.unprivileged_userns_clone=1"},
    {refused_by_apparmor,
     "AppArmor restricts user namespaces to programs with a profile; as root: add a profile for coracle-session with "
     "the rule \"userns,\", or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
    {refused_has_seccomp,
     "a seccomp filter on this process refuses it; in a container, its engine set that filter (docker, podman: "
     "--security-opt seccomp=unconfined)"},
    {refused_in_chroot, "this process runs in a chroot, where the kernel refuses user namespaces"},
};

static const char *refused_reason(int errnum)
{
    for (size_t i = 0; i < ARRAY_LEN(refused_reasons); i++) {
        if (refused_reasons[i].test())
            return refused_reasons[i].text;
    }
    if (errnum == ENOSPC || errnum == EUSERS)
        return "the limit of user namespaces (sysctl user.max_user_namespaces, or 32 levels of nesting) is reached";
    return "the kernel or a security module (SELinux, Landlock, a container's policy) refused it";
}

struct err *refused_explain(enum refused_step step, int errnum)
{
    static const char *const steps[] = {
        [REFUSED_CREATE] = "create a user namespace",
        [REFUSED_MAP] = "map ids in the new user namespace",
        [REFUSED_MOUNT] = "mount in the new user namespace",
    };
    enum err_kind kind = errnum == ENOSYS || errnum == EINVAL ? ERR_UNSUPPORTED : ERR_DENIED;
    return ERR_SYS_AS(kind, errnum, "%s (%s)", steps[step], refused_reason(errnum));
}
