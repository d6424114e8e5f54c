/* Runs outside the namespaces, as the user. Its child (holder_child.c) goes in; the maps of the child's namespace are
 * written from here, because newuidmap wants a caller in the parent namespace. When newuidmap fails although nothing
 * spoke against it, the child is thrown away and another gets a single-id map, with the reason as the notice. */
#include "rootless/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "rootless/holder_child.h"
#include "rootless/root_range.h"
#include "rootless/session_internal.h"
#include "userns/idmap_write.h"
#include "userns/idplan.h"
#include "userns/refused.h"

#define STARTER_SELF "/proc/self/exe"
#define STARTER_IDLE_SEC 60

struct starter {
    const char *dir, *root;
    struct idplan_facts facts;
    struct idplan plan;
    bool helper_trouble; /* more ids were there, but newuidmap is not */
    uint64_t idle_nsec;
    char *tmp_path, *hello_path;
    struct strbuf hello;
};

static void starter_done(struct starter *s)
{
    idplan_facts_done(&s->facts);
    idplan_done(&s->plan);
    free(s->tmp_path);
    free(s->hello_path);
    strbuf_done(&s->hello);
}
#define AUTO_STARTER __attribute__((cleanup(starter_done)))

/* --- deciding */

static struct err *starter_ranges(const struct starter *s, struct subid_ranges *ret)
{
    if (idplan_is_real_root(&s->facts))
        return root_range_get(s->root, STARTER_SELF, ret);
    if (idplan_is_nested_root(&s->facts))
        return NULL;
    struct err *e = session_ask_ranges(STARTER_SELF, NULL, ret);
    if (!e)
        return NULL;
    /* A name service that hangs or crashes took that process with it. */
    log_debug("%s", err_text(e));
    err_drop(e);
    const struct passwd *pw = getpwuid(s->facts.uid);
    const struct subid_owner owner = {.name = pw ? pw->pw_name : NULL, .uid = s->facts.uid};
    return subid_read_files(&owner, ret);
}

static struct err *starter_decide(struct starter *s)
{
    AUTO_SUBID_RANGES struct subid_ranges ranges = {0};
    AUTO_FREE char *trouble = NULL;
    uint64_t idle_sec = STARTER_IDLE_SEC;
    const char *wish = getenv("CORACLE_SESSION_IDLE");
    if (wish && *wish)
        TRY_WRAP(number_parse_u64(wish, 1000000000, &idle_sec), "CORACLE_SESSION_IDLE");
    s->idle_nsec = idle_sec * 1000000000;
    TRY(idplan_facts_read(&s->facts));
    TRY(starter_ranges(s, &ranges));
    TRY(idmap_helper_trouble(&trouble));
    TRY(idplan_make(&s->facts, &ranges, trouble, &s->plan));
    s->helper_trouble = s->plan.method == IDPLAN_SINGLE && trouble && ranges.uids.count > 0;
    return NULL;
}

/* newuidmap said no: one id, then. */
static struct err *starter_settle_for_one(struct starter *s, struct err *take_why)
{
    AUTO_ERR struct err *why = take_why;
    idplan_done(&s->plan);
    s->helper_trouble = true;
    return idplan_make_single(&s->facts, err_text(why), &s->plan);
}

/* --- preparing */

/* The owner of root's data is root inside. Parent directories are the administrator's. */
static struct err *starter_chown(const struct starter *s)
{
    uint32_t uid = 0, gid = 0;
    AUTO_FREE char *run = NULL;
    if (!s->plan.remapped)
        return NULL;
    if (!idmap_to_host(&s->plan.uids, 0, &uid) || !idmap_to_host(&s->plan.gids, 0, &gid))
        return ERR_NEW(ERR_INTERNAL, "no root in the id map");
    TRY(path_join(&run, s->root, "run"));
    const char *const paths[] = {s->root, run, s->dir, s->tmp_path};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (lchown(paths[i], uid, gid) < 0 && errno != ENOENT)
            return ERR_SYS(errno, "hand %s to root's containers (uid %u)", paths[i], uid);
    }
    AUTO_FD int dir = open(s->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    static const char *const files[] = {SESSION_LOCK, SESSION_START_LOCK, "host"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (fchownat(dir, files[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
            return ERR_SYS(errno, "hand %s/%s to root's containers", s->dir, files[i]);
    }
    return NULL;
}

static struct err *starter_prepare(struct starter *s)
{
    if (!s->tmp_path)
        TRY(path_join(&s->tmp_path, s->dir, SESSION_TMP));
    if (!s->hello_path)
        TRY(path_join(&s->hello_path, s->tmp_path, SESSION_HELLO_FILE));
    if (mkdir(s->tmp_path, 0700) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "make directory %s", s->tmp_path);
    TRY(starter_chown(s));
    struct session_hello h = {
        .flags = SESSION_KEEPS | (s->plan.remapped ? SESSION_REMAPPED : 0u) |
                 (s->helper_trouble ? SESSION_HELPER_TROUBLE : 0u),
        .host_uid = getuid(),
        .host_gid = getgid(),
        .digest = session_sources_digest(),
        .idle_nsec = s->idle_nsec,
        .uids = s->plan.uids,
        .gids = s->plan.gids,
        .root = (char *)(uintptr_t)s->root,
        .notice = s->plan.notice,
    };
    strbuf_done(&s->hello);
    return session_hello_encode(&h, &s->hello);
}

/* --- doing */

struct starter_run {
    struct proc child;
    int report; /* read end */
    int go;     /* write end */
};
static void starter_run_done(struct starter_run *r)
{
    (void)fd_close(r->report);
    (void)fd_close(r->go);
    proc_done(&r->child);
}
#define AUTO_RUN __attribute__((cleanup(starter_run_done)))

static struct err *starter_fork(const struct starter *s, struct starter_run *ret)
{
    int report[2], go[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    AUTO_FD int report_write = report[1];
    ret->report = report[0];
    if (pipe2(go, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    AUTO_FD int go_read = go[0];
    ret->go = go[1];
    char *const argv[] = {(char[]){"coracle-session"}, (char[]){"--hold"}, (char[]){"--dir"}, (char *)(uintptr_t)s->dir,
                          NULL};
    const struct holder_child c = {
        .report_fd = report_write,
        .go_fd = go_read,
        .tmp_path = s->tmp_path,
        .hello_path = s->hello_path,
        .hello = s->hello.data,
        .hello_len = s->hello.len,
        .drop_groups = s->plan.remapped,
        .argv = argv,
    };
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYS(errno, "fork");
    if (pid == 0) {
        (void)close(ret->go); /* else the end of it would never come */
        holder_child_run(&c);
    }
    ret->child.pid = pid;
    return proc_pidfd_open(pid, &ret->child.pidfd);
}

static struct err *starter_write_maps(const struct starter *s, pid_t pid)
{
    const struct idplan *p = &s->plan;
    if (p->method == IDPLAN_HELPER) {
        TRY(idmap_write_helper(pid, IDMAP_UID, &p->uids));
        return idmap_write_helper(pid, IDMAP_GID, &p->gids);
    }
    if (p->method == IDPLAN_SINGLE)
        TRY(idmap_deny_setgroups(pid));
    TRY(idmap_write_direct(pid, IDMAP_UID, &p->uids));
    return idmap_write_direct(pid, IDMAP_GID, &p->gids);
}

static struct err *starter_explain(const struct starter *s, const struct holder_report *r)
{
    switch (r->step) {
    case HOLDER_CREATE:
        return refused_explain(REFUSED_CREATE, r->errnum);
    case HOLDER_IDS:
        return refused_explain(REFUSED_MAP, r->errnum);
    case HOLDER_SLAVE:
        return refused_explain(REFUSED_MOUNT, r->errnum);
    case HOLDER_TMPFS:
        if (s->plan.remapped && r->errnum == EACCES)
            return ERR_SYS(EACCES,
                           "%s cannot be reached by root's session, which has no rights in directories of "
                           "root that are closed to others; choose another data directory with --root",
                           s->dir);
        if (r->errnum == EPERM || r->errnum == EACCES)
            return refused_explain(REFUSED_MOUNT, r->errnum);
        return ERR_SYS(r->errnum, "mount a tmpfs on %s", s->tmp_path);
    case HOLDER_HELLO:
        return ERR_SYS(r->errnum, "write %s", s->hello_path);
    default:
        return ERR_SYS(r->errnum, "execute coracle-session in the session%s",
                       r->errnum == EACCES ? " (its file must be readable by others)" : "");
    }
}

/* user_namespaces(7): since Linux 5.12 uid 0 is only handed on by who has CAP_SETFCAP, a container's root often not. */
static struct err *starter_explain_maps(const struct starter *s, struct err *take_why)
{
    int errnum = err_errno(take_why);
    if (errnum != EPERM && errnum != EACCES)
        return take_why;
    err_drop(take_why);
    if (s->facts.uid == 0 && !s->facts.can_map_zero)
        return ERR_SYS_AS(ERR_DENIED, errnum,
                          "map ids in the new user namespace (uid 0 may not be mapped without the capability SETFCAP; "
                          "in a container: its option --cap-add SETFCAP, or --user 1000)");
    return refused_explain(REFUSED_MAP, errnum);
}

/* The next report; *ret_end when the child has executed the holder. */
static struct err *starter_read_report(const struct starter_run *run, struct holder_report *ret, bool *ret_end)
{
    ssize_t n;
    do {
        n = read(run->report, ret, sizeof(*ret));
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return ERR_SYS(errno, "hear from the session's holder");
    *ret_end = n == 0;
    return n == 0 || n == sizeof(*ret) ? NULL : ERR_NEW(ERR_INTERNAL, "the session's holder sent half a report");
}

/* A child with the plan's maps that becomes the holder. *ret_maps tells whether it was the maps that failed. */
static struct err *starter_attempt(const struct starter *s, bool *ret_maps)
{
    AUTO_RUN struct starter_run run = {.child = PROC_INIT, .report = -1, .go = -1};
    struct holder_report r = {0};
    bool end = false;
    *ret_maps = false;
    TRY(starter_fork(s, &run));
    TRY(starter_read_report(&run, &r, &end));
    if (end)
        return ERR_NEW(ERR_INTERNAL, "the session's holder was killed");
    if (r.step != HOLDER_CREATED)
        return starter_explain(s, &r);
    struct err *e = starter_write_maps(s, run.child.pid);
    if (e) {
        *ret_maps = true;
        return e;
    }
    TRY(fd_write_all(run.go, "", 1));
    TRY(starter_read_report(&run, &r, &end));
    if (!end)
        return starter_explain(s, &r);
    run.child.pidfd = fd_close(run.child.pidfd); /* it stays */
    run.child.pid = 0;
    return NULL;
}

struct err *starter_run(const char *dir, const char *root)
{
    AUTO_STARTER struct starter s = {.dir = dir, .root = root, .hello = STRBUF_INIT};
    bool maps_failed = false;
    (void)umask(077);
    TRY(starter_decide(&s));
    TRY(starter_prepare(&s));
    struct err *e = starter_attempt(&s, &maps_failed);
    if (e && maps_failed && s.plan.method == IDPLAN_HELPER) {
        TRY(starter_settle_for_one(&s, e));
        TRY(starter_prepare(&s));
        e = starter_attempt(&s, &maps_failed);
    }
    return e && maps_failed ? starter_explain_maps(&s, e) : e;
}
