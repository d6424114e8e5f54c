/* Calls about the process itself: its ids, and what it becomes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/monitor/ids_internal.h"

/* Which of the ids a call is about. */
static bool is_gid(const struct ids_call *c)
{
    switch (c->notif->data.nr) {
    case SYS_getgid:
    case SYS_getegid:
    case SYS_getresgid:
    case SYS_setgid:
    case SYS_setregid:
    case SYS_setresgid:
    case SYS_setfsgid:
        return true;
    default:
        return false;
    }
}

struct ids_answer ids_do_get(const struct ids_call *c)
{
    struct ids_creds creds;
    bool effective = c->notif->data.nr == SYS_geteuid || c->notif->data.nr == SYS_getegid;
    if (!ids_creds_get(c, &creds))
        return IDS_VALUE(0);
    const uint32_t *ids = is_gid(c) ? creds.gid : creds.uid;
    return IDS_VALUE(ids[effective ? IDS_EFFECTIVE : IDS_REAL]);
}

struct ids_answer ids_do_get_three(const struct ids_call *c)
{
    struct ids_creds creds;
    if (!ids_creds_get(c, &creds))
        return IDS_GO_ON;
    const uint32_t *ids = is_gid(c) ? creds.gid : creds.uid;
    for (unsigned i = 0; i < 3; i++)
        if (!ids_write(c, c->notif->data.args[i], &ids[i], sizeof(ids[i])))
            return IDS_ERRNO(EFAULT);
    return IDS_VALUE(0);
}

struct ids_answer ids_do_get_groups(const struct ids_call *c)
{
    struct ids_creds creds;
    uint32_t room = ids_arg(c, 0);
    if (!ids_creds_get(c, &creds))
        return IDS_GO_ON;
    if (room > INT_MAX || (room && room < creds.n_groups))
        return IDS_ERRNO(EINVAL);
    if (room && creds.n_groups &&
        !ids_write(c, c->notif->data.args[1], creds.groups, creds.n_groups * sizeof(creds.groups[0])))
        return IDS_ERRNO(EFAULT);
    return IDS_VALUE(creds.n_groups);
}

/* The runtime, which prepares for its last program, is root until then: what it sets is what it is. */
static struct ids_answer changed(const struct ids_call *c, const struct ids_creds *creds, int errnum, int64_t value)
{
    struct ids_creds next;
    if (!errnum && !ids_creds_get_next(c, &next))
        errnum = ids_creds_put(c, creds);
    return errnum ? IDS_ERRNO(errnum) : IDS_VALUE(value);
}

struct ids_answer ids_do_set(const struct ids_call *c)
{
    struct ids_creds creds;
    const uint32_t args[] = {ids_arg(c, 0), ids_arg(c, 1), ids_arg(c, 2)};
    bool gid = is_gid(c);
    (void)ids_creds_get(c, &creds);
    switch (c->notif->data.nr) {
    case SYS_setuid:
    case SYS_setgid:
        return changed(c, &creds, ids_set(&creds, gid, args[0]), 0);
    case SYS_setreuid:
    case SYS_setregid:
        return changed(c, &creds, ids_set_re(&creds, gid, args[0], args[1]), 0);
    case SYS_setresuid:
    case SYS_setresgid:
        return changed(c, &creds, ids_set_res(&creds, gid, args), 0);
    default:; /* setfsuid, setfsgid */
        uint32_t before = ids_set_fs(&creds, gid, args[0]);
        return changed(c, &creds, 0, before);
    }
}

struct ids_answer ids_do_set_groups(const struct ids_call *c)
{
    struct ids_creds creds;
    uint32_t groups[IDS_GROUPS_MAX], n = ids_arg(c, 0);
    (void)ids_creds_get(c, &creds);
    if (n > IDS_GROUPS_MAX)
        return IDS_ERRNO(EINVAL);
    if (n && !ids_read(c, c->notif->data.args[1], groups, n * sizeof(groups[0])))
        return IDS_ERRNO(EFAULT);
    return changed(c, &creds, ids_set_groups(&creds, groups, n), 0);
}

/* prctl(PR_SET_KEEPCAPS), the only one that the filter hands to us. The kernel may know it, too. */
struct ids_answer ids_do_keep(const struct ids_call *c)
{
    struct ids_creds creds;
    (void)ids_creds_get(c, &creds);
    creds.keep = ids_arg(c, 1) == 1;
    struct ids_answer a = changed(c, &creds, 0, 0);
    return a.errnum ? a : IDS_GO_ON;
}

/* The kernel ignores the bits of scripts, and where the process has given up new privileges. That its environment has
 * done so for all of us (a container without privilege escalation) says nothing about the programs of this one. */
static bool heeds_bits(const struct ids_call *c, int fd)
{
    char magic[4] = "";
    AUTO_FD int file = open(fd_proc_path(fd).s, O_RDONLY | O_CLOEXEC);
    if (file < 0 || pread(file, magic, sizeof(magic), 0) != (ssize_t)sizeof(magic) ||
        memcmp(magic, "\177ELF", sizeof(magic)) != 0)
        return false;
    return c->sealed_outside || ids_status(c, "\nNoNewPrivs:", false, 0) == 0;
}

/* Before the kernel has run it: should that fail, the process is left with what it could have had anyway. */
struct ids_answer ids_do_exec(const struct ids_call *c)
{
    bool at = c->notif->data.nr == SYS_execveat;
    struct ids_creds creds;
    struct stat st;
    char path[PATH_MAX];
    int errnum = 0;
    AUTO_FD int fd = -1;
    if (ids_creds_get_next(c, &creds)) { /* the container's own program, or exec's */
        (void)ids_creds_put(c, &creds);
        return IDS_GO_ON;
    }
    if (!ids_creds_get(c, &creds) || ids_read_path(c, c->notif->data.args[at ? 1 : 0], path) != 0 ||
        ids_open(c, at ? (int)ids_arg(c, 0) : AT_FDCWD, path, true, &fd) != 0)
        return IDS_GO_ON;
    (void)ids_stat(fd, &st, &errnum);
    bool setuid = st.st_mode & S_ISUID, setgid = (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    if (errnum || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
        return IDS_GO_ON;
    if ((setuid || setgid) && !heeds_bits(c, fd))
        setuid = setgid = false;
    ids_exec(&creds, setuid, st.st_uid, setgid, st.st_gid);
    (void)ids_creds_put(c, &creds);
    return IDS_GO_ON;
}
