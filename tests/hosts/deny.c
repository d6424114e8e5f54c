/* Takes facilities away and runs a program without them: the environments of tests/hosts that mounts and limits alone
 * don't make. Run as root; --user comes last, so that a filter does not need no_new_privs (with that newuidmap would
 * be refused too, which is a cell of its own).
 *
 *   deny [--outer] [--refuse CALL[,CALL...]:ERRNO] [--no-userns ERRNO] [--landlock] [--no-new-privs] [--user NAME]
 *        [--limit NAME:VALUE] -- PROGRAM [ARG...]
 *
 * Built by tests/hosts/run: cc deny.c -lseccomp. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static scmp_filter_ctx filter;

static int errno_of(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } all[] = {{"EPERM", EPERM}, {"ENOSYS", ENOSYS}, {"EACCES", EACCES}, {"ENOSPC", ENOSPC}, {"EINVAL", EINVAL}};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].number;
    errx(2, "%s: not an errno that this knows", name);
}

static void need_filter(void)
{
    if (filter)
        return;
    filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter || seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) < 0)
        errx(2, "no filter");
}

/* "openat2,clone3:EPERM" */
static void refuse(char *list)
{
    char *colon = strchr(list, ':'), *rest = NULL;
    need_filter();
    if (!colon)
        errx(2, "--refuse %s: no errno", list);
    *colon = '\0';
    for (char *name = strtok_r(list, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        int call = seccomp_syscall_resolve_name(name);
        if (call == __NR_SCMP_ERROR)
            errx(2, "--refuse %s: no such call", name);
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)errno_of(colon + 1)), call, 0) < 0)
            errx(2, "--refuse %s", name);
    }
}

/* As docker's profile: new user namespaces by clone(2) and unshare(2), and clone3(2), which can't be looked into. */
static void refuse_userns(const char *name)
{
    uint32_t action = SCMP_ACT_ERRNO((uint32_t)errno_of(name));
    need_filter();
    struct scmp_arg_cmp flag = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER);
    if (seccomp_rule_add_array(filter, action, SCMP_SYS(unshare), 1, &flag) < 0 ||
        seccomp_rule_add_array(filter, action, SCMP_SYS(clone), 1, &flag) < 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) < 0)
        errx(2, "--no-userns");
}

/* Everything below / may be done as before; a process with a Landlock domain may not change mounts, though. */
static void enter_landlock(void)
{
    const struct landlock_ruleset_attr attr = {.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_CHAR};
    int root = open("/", O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr below = {.allowed_access = LANDLOCK_ACCESS_FS_MAKE_CHAR, .parent_fd = root};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (rules < 0 || syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0 ||
        syscall(SYS_landlock_restrict_self, rules, 0) < 0)
        err(77, "landlock");
    close(rules);
    close(root);
}

static void limit(char *text)
{
    static const struct {
        const char *name;
        int number;
    } all[] = {{"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC}, {"fsize", RLIMIT_FSIZE},
               {"memlock", RLIMIT_MEMLOCK}, {"as", RLIMIT_AS},       {"stack", RLIMIT_STACK}};
    char *colon = strchr(text, ':');
    rlim_t value = 0;
    if (!colon)
        errx(2, "--limit %s", text);
    *colon = '\0';
    for (const char *digit = colon + 1; *digit >= '0' && *digit <= '9'; digit++)
        value = value * 10 + (rlim_t)(*digit - '0');
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (strcmp(all[i].name, text) == 0) {
            const struct rlimit r = {value, value};
            if (setrlimit((__rlimit_resource_t)all[i].number, &r) < 0)
                err(2, "--limit %s", text);
            return;
        }
    }
    errx(2, "--limit %s", text);
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        err(2, "%s", path);
    close(fd);
}

/* A user namespace, and a mount namespace of its, with all ids under their own numbers: who stays outside may write
 * such a map. Limits that are set in there hold in there. */
static void enter_outer(void)
{
    static const char all[] = "0 0 4294967295";
    char path[64];
    int ready[2], status;
    if (pipe(ready) < 0)
        err(2, "pipe");
    pid_t self = getpid(), child = fork();
    if (child < 0)
        err(2, "fork");
    if (child == 0) {
        char byte;
        close(ready[1]);
        if (read(ready[0], &byte, 1) != 1)
            _exit(1);
        snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)self);
        write_file(path, all);
        snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)self);
        write_file(path, all);
        _exit(0);
    }
    close(ready[0]);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        err(77, "a user namespace around the cell");
    if (write(ready[1], "", 1) != 1 || waitpid(child, &status, 0) < 0 || status != 0)
        errx(2, "its map was not written");
    close(ready[1]);
}

static void become(const char *name)
{
    const struct passwd *pw = getpwnam(name);
    if (!pw)
        errx(2, "%s: no such user", name);
    if (initgroups(name, pw->pw_gid) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
        err(2, "become %s", name);
}

int main(int argc, char **argv)
{
    const char *user = NULL;
    int landlock = 0, quiet_privs = 0, i = 1;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--outer") == 0) {
            enter_outer();
        } else if (strcmp(argv[i], "--landlock") == 0) {
            landlock = 1;
        } else if (strcmp(argv[i], "--no-new-privs") == 0) {
            quiet_privs = 1;
        } else if (i + 1 < argc && strcmp(argv[i], "--refuse") == 0) {
            refuse(argv[++i]);
        } else if (i + 1 < argc && strcmp(argv[i], "--no-userns") == 0) {
            refuse_userns(argv[++i]);
        } else if (i + 1 < argc && strcmp(argv[i], "--limit") == 0) {
            limit(argv[++i]);
        } else if (i + 1 < argc && strcmp(argv[i], "--user") == 0) {
            user = argv[++i];
        } else {
            errx(2, "unknown option %s", argv[i]);
        }
    }
    if (i + 1 >= argc)
        errx(2, "no program");
    if (landlock)
        enter_landlock();
    if (filter && seccomp_load(filter) < 0)
        errx(77, "the filter was refused");
    if (user)
        become(user);
    if (quiet_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        err(2, "no_new_privs");
    execvp(argv[i + 1], argv + i + 1);
    err(2, "%s", argv[i + 1]);
}
