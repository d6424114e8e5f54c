#include "userns/idmap_write.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"

static const struct {
    const char *file; /* below /proc/PID */
    const char *helper;
    int capability;
} idmap_kinds[] = {
    [IDMAP_UID] = {"uid_map", "newuidmap", CAP_SETUID},
    [IDMAP_GID] = {"gid_map", "newgidmap", CAP_SETGID},
};

/* The kernel takes a map in one write(2). */
static struct err *idmap_write_file(pid_t pid, const char *name, const char *text)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open %s", path);
    size_t len = strlen(text);
    ssize_t n = write(fd, text, len);
    if (n < 0)
        return ERR_SYS(errno, "write %s", path);
    return (size_t)n == len ? NULL : ERR_NEW(ERR_INTERNAL, "%s took only a part", path);
}

struct err *idmap_write_direct(pid_t pid, enum idmap_kind kind, const struct idmap *m)
{
    AUTO_FREE char *text = NULL;
    TRY(idmap_text(m, &text));
    return idmap_write_file(pid, idmap_kinds[kind].file, text);
}

struct err *idmap_deny_setgroups(pid_t pid)
{
    return idmap_write_file(pid, "setgroups", "deny");
}

struct err *idmap_find_helper(enum idmap_kind kind, char **ret)
{
    static const char *const dirs[] = {"/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/run/wrappers/bin"};
    const char *name = idmap_kinds[kind].helper;
    struct err *e = proc_find(name, ret);
    for (size_t i = 0; e && err_kind(e) == ERR_NOT_FOUND && i < ARRAY_LEN(dirs); i++) {
        char path[64];
        err_drop(e);
        (void)snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
        e = proc_find(path, ret);
    }
    return e;
}

static struct err *idmap_helper_argv(pid_t pid, const char *path, const struct idmap *m, struct strv *argv)
{
    TRY(strv_add(argv, path));
    TRY(strv_addf(argv, "%d", pid));
    for (size_t i = 0; i < m->count; i++) {
        TRY(strv_addf(argv, "%u", m->ranges[i].ct));
        TRY(strv_addf(argv, "%u", m->ranges[i].host));
        TRY(strv_addf(argv, "%u", m->ranges[i].count));
    }
    return NULL;
}

struct err *idmap_write_helper(pid_t pid, enum idmap_kind kind, const struct idmap *m)
{
    AUTO_FREE char *path = NULL;
    AUTO_FREE char *out = NULL;
    AUTO_STRV struct strv argv = STRV_INIT;
    TRY(idmap_find_helper(kind, &path));
    TRY(idmap_helper_argv(pid, path, m, &argv));
    struct proc_opts opts = {.path = path, .argv = argv.items, .default_signals = true};
    return ERR_WRAP(proc_output(&opts, 4096, &out), "%s", idmap_kinds[kind].helper);
}

/* Setuid root or with the file capability, and nothing that takes that away again: a nosuid mount, a bounding set
 * without the capability, an owner that is not root of this namespace (execve(2), capabilities(7)). */
static struct err *idmap_check_helper(enum idmap_kind kind, char **ret)
{
    const char *name = idmap_kinds[kind].helper;
    AUTO_FREE char *path = NULL;
    struct stat st;
    struct statvfs fs;
    struct err *e = idmap_find_helper(kind, &path);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return mem_asprintf(ret, "%s is not installed (package uidmap or shadow-utils)", name);
    }
    TRY(e);
    if (stat(path, &st) < 0 || statvfs(path, &fs) < 0)
        return ERR_SYS(errno, "look at %s", path);
    bool is_setuid = st.st_mode & S_ISUID && st.st_uid == 0;
    if (!is_setuid && getxattr(path, "security.capability", NULL, 0) <= 0)
        return mem_asprintf(ret, "%s is neither setuid root nor has file capabilities (as root: chmod u+s %s)", path,
                            path);
    if (fs.f_flag & ST_NOSUID)
        return mem_asprintf(ret, "%s is on a file system mounted nosuid", path);
    if (prctl(PR_CAPBSET_READ, idmap_kinds[kind].capability, 0, 0, 0) == 0)
        return mem_asprintf(ret, "%s cannot work: the capability it needs was dropped from the bounding set", path);
    return mem_strdup(NULL, ret);
}

struct err *idmap_helper_trouble(char **ret)
{
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return mem_strdup("no_new_privs is set for this process, so newuidmap cannot work", ret);
    AUTO_FREE char *trouble = NULL;
    TRY(idmap_check_helper(IDMAP_UID, &trouble));
    if (!trouble)
        TRY(idmap_check_helper(IDMAP_GID, &trouble));
    *ret = TAKE_PTR(trouble);
    return NULL;
}
