#include "engine/monitor/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/monitor/scope.h"

#define CGROUP_TEXT_MAX ((size_t)64 << 10)
#define CGROUP_DEPTH_MAX 32

void cgroup_facts_done(struct cgroup_facts *f)
{
    mem_freep(&f->path);
    strv_done(&f->controllers);
    *f = (struct cgroup_facts){0};
}

/* Files in proc and cgroupfs have no size; so they are read to the end. */
static struct err *read_text(const char *path, char **ret)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open %s", path);
    return ERR_WRAP(fd_read_all(fd, CGROUP_TEXT_MAX, ret, NULL), "read %s", path);
}

static bool is_cgroup2(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

struct err *cgroup_of(pid_t pid, char **ret)
{
    AUTO_FREE char *file = NULL, *text = NULL;
    AUTO_STRV struct strv lines = STRV_INIT;
    if (pid)
        TRY(mem_asprintf(&file, "/proc/%d/cgroup", (int)pid));
    TRY(read_text(file ? file : "/proc/self/cgroup", &text));
    TRY(strv_split(text, '\n', &lines));
    *ret = NULL;
    for (size_t i = 0; i < lines.count; i++) {
        if (strncmp(lines.items[i], "0::/", 4) == 0)
            return mem_strdup(lines.items[i] + 3, ret);
    }
    return NULL;
}

struct err *cgroup_place(char **ret)
{
    TRY(cgroup_of(0, ret));
    char *last = *ret ? strrchr(*ret, '/') : NULL;
    if (last && strcmp(last + 1, SCOPE_LEAF) == 0)
        last[last == *ret ? 1 : 0] = '\0';
    return NULL;
}

/* "/.." in a path means that it lies outside our cgroup namespace. */
static struct err *full_path(const char *cgroup, const char *name, char **ret)
{
    if (strstr(cgroup, "/.."))
        return ERR_NEW(ERR_NOT_FOUND, "cgroup %s is outside of the cgroup namespace", cgroup);
    return mem_asprintf(ret, "%s%s/%s", CGROUP_ROOT, strcmp(cgroup, "/") == 0 ? "" : cgroup, name);
}

static struct err *read_controllers(const char *cgroup, struct strv *ret)
{
    AUTO_FREE char *path = NULL, *text = NULL;
    TRY(full_path(cgroup, "cgroup.controllers", &path));
    TRY(read_text(path, &text));
    text[strcspn(text, "\n")] = '\0';
    return *text ? strv_split(text, ' ', ret) : NULL;
}

/* The kernel's three conditions for delegation: the directory, cgroup.procs and cgroup.subtree_control. */
static bool is_delegated(const char *cgroup)
{
    static const char *const names[] = {"", "cgroup.procs", "cgroup.subtree_control"};
    bool writable = true;
    for (size_t i = 0; i < ARRAY_LEN(names) && writable; i++) {
        AUTO_FREE char *path = NULL;
        struct err *e = full_path(cgroup, names[i], &path);
        writable = !e && access(path, W_OK) == 0;
        err_drop(e);
    }
    return writable;
}

static struct err *settle_v2(uid_t host_uid, struct cgroup_facts *f)
{
    AUTO_FREE char *manager = NULL;
    f->writable = f->path && is_delegated(f->path);
    if (f->writable) {
        f->manager = "cgroupfs";
        err_drop(read_controllers(f->path, &f->controllers));
        return NULL;
    }
    struct err *e = cgroup_user_manager(host_uid, &manager);
    if (!e) {
        f->manager = "systemd";
        err_drop(read_controllers(manager, &f->controllers));
        return NULL;
    }
    f->why = "this cgroup is not delegated to you";
    f->fix = cgroup_delegation_fix();
    if (err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_drop(e);
    return NULL;
}

struct err *cgroup_probe(uid_t host_uid, struct cgroup_facts *ret)
{
    struct cgroup_facts f = {.layout = cgroup_layout(), .manager = "disabled"};
    struct err *e = cgroup_place(&f.path);
    if (f.layout != CGROUP_V2) {
        f.why = f.layout == CGROUP_NONE ? "no cgroup file system is mounted on " CGROUP_ROOT
                                        : "this host uses cgroup version 1, which users cannot be given a part of";
        f.fix = cgroup_layout_fix(f.layout);
    } else if (!e) {
        e = settle_v2(host_uid, &f);
    }
    if (e) {
        cgroup_facts_done(&f);
        return e;
    }
    *ret = f;
    return NULL;
}

bool cgroup_kernel_lacks(const char *controller)
{
    AUTO_STRV struct strv all = STRV_INIT;
    struct err *e = read_controllers("/", &all);
    bool lacks = !e && !strv_contains(&all, controller);
    err_drop(e);
    return lacks;
}

/* A host without /sys: crun wants to see a cgroup file system, whatever it is asked to do with it. */
static struct err *make_sys(void)
{
    if (access("/sys", F_OK) < 0 ||
        mount("coracle", "/sys", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755") < 0)
        return NULL; /* the runtime says what it misses */
    if ((mkdir("/sys/fs", 0755) < 0 || mkdir(CGROUP_ROOT, 0755) < 0) && errno != EEXIST)
        return ERR_SYS(errno, "create %s", CGROUP_ROOT);
    return NULL;
}

/* Where no new cgroup2 can be mounted, that of the hybrid layout serves: it shows more. */
static void bind_unified(void)
{
    if (is_cgroup2(CGROUP_ROOT "/unified"))
        (void)mount(CGROUP_ROOT "/unified", CGROUP_ROOT, NULL, MS_BIND, NULL);
}

struct err *cgroup_make_unified(void)
{
    if (is_cgroup2(CGROUP_ROOT))
        return NULL;
    if (access(CGROUP_ROOT, F_OK) < 0)
        TRY(make_sys());
    /* A new mount of cgroup2 takes rights over a cgroup namespace; this process has them over one that it made. */
    if (unshare(CLONE_NEWCGROUP) < 0) {
        int errnum = errno;
        bind_unified();
        return errnum == EINVAL || errnum == ENOSPC || errnum == EPERM ? NULL
                                                                       : ERR_SYS(errnum, "make a cgroup namespace");
    }
    if (mount("cgroup2", CGROUP_ROOT, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
        return NULL;
    if (errno != ENODEV && errno != EPERM && errno != EBUSY && errno != ENOENT)
        return ERR_SYS(errno, "mount cgroup2 on %s", CGROUP_ROOT);
    bind_unified();
    return NULL;
}

int cgroup_open_oom(const char *path)
{
    AUTO_FREE char *file = NULL;
    int fd = -1;
    struct err *e = full_path(path, "memory.events", &file);
    if (!e)
        fd = open(file, O_RDONLY | O_CLOEXEC);
    err_drop(e);
    return fd;
}

/* "oom_kill N": how many processes of it were killed. */
bool cgroup_saw_oom(int fd)
{
    char text[512];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *line = strstr(text, "oom_kill ");
    return line && line[strlen("oom_kill ")] != '0';
}

static void remove_below(int parent, const char *name, unsigned depth)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        (void)fd_close(fd);
        return;
    }
    for (struct dirent *de; depth < CGROUP_DEPTH_MAX && (de = readdir(dir));) {
        if (de->d_type == DT_DIR && strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
            remove_below(fd, de->d_name, depth + 1);
    }
    closedir(dir);
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

void cgroup_remove(const char *path)
{
    AUTO_FREE char *full = NULL;
    struct err *e = full_path(path, "", &full);
    if (!e && strcmp(path, "/") != 0 && is_cgroup2(CGROUP_ROOT))
        remove_below(AT_FDCWD, full, 0);
    err_drop(e);
}

#define FREEZE_TRIES 500
#define FREEZE_USEC 2000

/* Freezing goes on after the write; cgroup.events tells when all are. */
static bool is_frozen(const char *events)
{
    AUTO_FREE char *text = NULL;
    struct err *e = read_text(events, &text);
    const char *line = e ? NULL : strstr(text, "frozen ");
    err_drop(e);
    return line && line[strlen("frozen ")] == '1';
}

struct err *cgroup_freeze(const char *path, bool on, bool *ret_done)
{
    AUTO_FREE char *file = NULL, *events = NULL;
    *ret_done = false;
    TRY(full_path(path, "cgroup.freeze", &file));
    TRY(full_path(path, "cgroup.events", &events));
    AUTO_FD int fd = open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == EACCES || errno == EROFS ? NULL : ERR_SYS(errno, "open %s", file);
    TRY(fd_write_all(fd, on ? "1" : "0", 1));
    for (int i = 0; i < FREEZE_TRIES && is_frozen(events) != on; i++)
        (void)usleep(FREEZE_USEC);
    *ret_done = true;
    return NULL;
}
