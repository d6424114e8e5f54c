/* Entering the session: the path that every command takes. On a live session it is a connect, one message, the checks,
 * and two setns(2); everything else is in session_start.c and session_refresh.c. */
#include "rootless/session.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "rootless/session_internal.h"

void session_free(struct session *s)
{
    if (!s)
        return;
    free(s->root);
    free(s->session_dir);
    free(s->run_dir);
    free(s->notice);
    (void)fd_close(s->conn_fd);
    (void)fd_close(s->lock_fd);
    (void)fd_close(s->userns_fd);
    (void)fd_close(s->mntns_fd);
    idmap_done(&s->uid_map);
    idmap_done(&s->gid_map);
    free(s);
}

static void session_freep(struct session **s)
{
    session_free(*s);
}
#define AUTO_SESSION __attribute__((cleanup(session_freep)))

/* What is left to join. */
struct session_join {
    bool inside;      /* in its user namespace already */
    bool same_mounts; /* in its mount namespace, too */
    bool started;     /* by this command: what a session lacks is said once, not by each command in it */
};

/* Take over what the peer brought. */
static struct err *session_fill(const struct session_place *place, struct session_peer *p,
                                const struct session_join *join, struct session *s)
{
    TRY(mem_strdup(place->root, &s->root));
    TRY(path_join(&s->run_dir, p->dir, SESSION_TMP));
    s->session_dir = TAKE_PTR(p->dir);
    s->conn_fd = TAKE_FD(p->conn);
    s->lock_fd = TAKE_FD(p->lock);
    s->userns_fd = TAKE_FD(p->userns);
    s->mntns_fd = TAKE_FD(p->mntns);
    s->host_uid = join->inside ? p->hello.host_uid : getuid();
    s->host_gid = join->inside ? p->hello.host_gid : getgid();
    s->uid_map = p->hello.uids;
    s->gid_map = p->hello.gids;
    p->hello.uids = p->hello.gids = (struct idmap){0};
    s->single_id = idmap_total(&s->uid_map) == 1;
    s->keeps = p->hello.flags & SESSION_KEEPS;
    s->remapped = p->hello.flags & SESSION_REMAPPED;
    if (!s->notice && join->started)
        s->notice = TAKE_PTR(p->hello.notice);
    return NULL;
}

/* Uid and gid 0 of the session. Supplementary groups are the user's own and stay (--group-add keep-groups), unless the
 * user is root of the host, whose groups have no business in there. */
static struct err *session_become_root(const struct session *s)
{
    if (s->remapped && setgroups(0, NULL) < 0 && errno != EPERM)
        return ERR_SYS(errno, "drop supplementary groups");
    if (setresgid(0, 0, 0) < 0)
        return ERR_SYS(errno, "become gid 0 in the session");
    if (setresuid(0, 0, 0) < 0)
        return ERR_SYS(errno, "become uid 0 in the session");
    return NULL;
}

static struct err *session_join(const struct session *s, const struct session_join *join)
{
    char cwd[PATH_MAX];
    bool has_cwd = getcwd(cwd, sizeof(cwd)) && cwd[0] == '/'; /* "(unreachable)…": it is nowhere */
    if (!join->inside && setns(s->userns_fd, CLONE_NEWUSER) < 0) {
        if (errno == EINVAL)
            return ERR_SYS(EINVAL, "join the session's user namespace (is this process single-threaded?)");
        return ERR_SYS(errno, "join the session's user namespace");
    }
    if (!join->same_mounts && setns(s->mntns_fd, CLONE_NEWNS) < 0)
        return ERR_SYS(errno, "join the session's mount namespace");
    if (!join->inside)
        TRY(session_become_root(s));
    if (!join->same_mounts && has_cwd && chdir(cwd) < 0)
        log_debug("working directory %s cannot be reached in the session: %s", cwd, strerror(errno));
    return NULL;
}

/* The session was made in another user namespace (under `podman unshare`, say). When nobody uses it there, it makes
 * room. */
static struct err *session_replace_foreign(const struct session_peer *p, struct err *take_why)
{
    AUTO_ERR struct err *why = take_why;
    AUTO_FREE char *users = NULL;
    bool retired = false;
    if (err_kind(why) != ERR_UNSUPPORTED)
        return TAKE_PTR(why);
    TRY(session_retire(p, p->hello.digest, &retired, &users));
    return retired ? NULL : ERR_NEW(ERR_UNSUPPORTED, "%s; it is used by %s", err_text(why), users);
}

/* Look at a session that was found: ours, and with the ids of today? *ret_retired: it was not, and has gone. */
static struct err *session_inspect(const struct session_place *place, const struct session_peer *p, struct session *s,
                                   struct session_join *join, bool *ret_retired)
{
    *ret_retired = false;
    struct err *e = session_verify(place, p, &join->inside, &join->same_mounts);
    if (e) {
        *ret_retired = true;
        return session_replace_foreign(p, e);
    }
    return join->inside ? NULL : session_refresh(p, ret_retired, &s->notice);
}

static struct err *session_attach(const struct session_place *place, const struct session_opts *opts,
                                  struct session_peer *p, struct session *s, struct session_join *join)
{
    bool retired = false;
    struct err *e = session_find(place, p);
    if (!e)
        e = session_inspect(place, p, s, join, &retired);
    if (!e && !retired)
        return NULL;
    if (e && err_kind(e) != ERR_NOT_FOUND)
        return e;
    if (opts->only_existing)
        return e ? e : ERR_NEW(ERR_NOT_FOUND, "there is no session");
    err_drop(e);
    session_peer_done(p); /* its lock, of which this process has a part, must be free */
    TRY(session_start(place, p));
    join->started = true;
    return session_verify(place, p, &join->inside, &join->same_mounts);
}

struct err *session_enter(const struct session_opts *opts, struct session **ret)
{
    AUTO_PLACE struct session_place place = {0};
    AUTO_PEER struct session_peer peer = SESSION_PEER_INIT;
    AUTO_SESSION struct session *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom();
    s->conn_fd = s->lock_fd = s->userns_fd = s->mntns_fd = -1;
    struct session_join join = {0};
    TRY(session_place_find(opts, &place));
    TRY(session_attach(&place, opts, &peer, s, &join));
    TRY(session_fill(&place, &peer, &join, s));
    TRY(session_join(s, &join));
    *ret = TAKE_PTR(s);
    return NULL;
}
