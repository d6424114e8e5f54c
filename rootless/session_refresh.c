/* Is the session still made of the ids that its user has today? The cheap question (have the files changed?) is asked
 * by every command, the dear one only after that. And who uses the session, for messages. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "rootless/session_internal.h"
#include "userns/idmap_write.h"
#include "userns/idplan.h"
#include "userns/subid.h"

#define RANGES_TEXT_MAX ((size_t)256 << 10)
#define LOCK_USERS_MAX 4

struct err *session_ask_ranges(const char *self, const char *user, struct subid_ranges *ret)
{
    AUTO_FREE char *path = NULL;
    AUTO_FREE char *text = NULL;
    if (self)
        TRY(mem_strdup(self, &path));
    else
        TRY(proc_find_helper("coracle-session", &path));
    char *const argv[] = {(char[]){"coracle-session"}, (char[]){"--print-ranges"}, (char *)(uintptr_t)user, NULL};
    struct proc_opts opts = {.path = path, .argv = argv, .cwd = "/", .default_signals = true};
    TRY(proc_output(&opts, RANGES_TEXT_MAX, &text));
    return subid_ranges_parse(text, ret);
}

/* What would the map be if the session were made now? */
static struct err *refresh_compare(const struct session_peer *p, bool *ret_same)
{
    AUTO_IDPLAN_FACTS struct idplan_facts facts = {0};
    AUTO_SUBID_RANGES struct subid_ranges ranges = {0};
    AUTO_IDPLAN struct idplan plan = {0};
    AUTO_FREE char *trouble = NULL;
    TRY(idplan_facts_read(&facts));
    *ret_same = true;
    if (facts.uid == 0 && facts.can_set_ids) /* root's range stays the one that its data is owned by */
        return NULL;
    TRY(session_ask_ranges(NULL, NULL, &ranges));
    TRY(idmap_helper_trouble(&trouble));
    TRY(idplan_make(&facts, &ranges, trouble, &plan));
    /* What this process alone can't do (no_new_privs) is no reason to take ids away from the others. */
    bool fewer = plan.method == IDPLAN_SINGLE && trouble && ranges.uids.count;
    *ret_same = fewer || (idmap_equal(&plan.uids, &p->hello.uids) && idmap_equal(&plan.gids, &p->hello.gids));
    return NULL;
}

struct err *session_retire(const struct session_peer *p, uint64_t digest, bool *ret_retired, char **ret_users)
{
    AUTO_MSG struct msg reply = MSG_INIT;
    bool eof = false;
    TRY(msg_send(p->conn, SESSION_RETIRE, &digest, sizeof(digest), NULL, 0));
    TRY_WRAP(msg_recv(p->conn, &reply, &eof), "ask the session's holder to leave");
    *ret_retired = eof || reply.type == SESSION_OK;
    if (!*ret_retired && reply.type != SESSION_BUSY)
        return ERR_NEW(ERR_CORRUPT, "the session's holder sent something unexpected");
    return *ret_retired ? NULL : mem_strdup(reply.data ? reply.data : "other commands", ret_users);
}

/* A single-id session made by a process that couldn't use newuidmap, joined by one that can? */
static struct err *refresh_could_be_more(const struct session_peer *p, bool *ret)
{
    AUTO_FREE char *trouble = NULL;
    *ret = false;
    if (!(p->hello.flags & SESSION_HELPER_TROUBLE))
        return NULL;
    TRY(idmap_helper_trouble(&trouble));
    *ret = !trouble;
    return NULL;
}

struct err *session_refresh(const struct session_peer *p, bool *ret_retired, char **ret_notice)
{
    uint64_t digest = session_sources_digest();
    bool more = false, same = false;
    AUTO_FREE char *users = NULL;
    *ret_retired = false;
    TRY(refresh_could_be_more(p, &more));
    if (!more && digest == p->hello.digest && !(p->hello.flags & SESSION_STALE))
        return NULL;
    if (digest != p->hello.digest || more) {
        TRY_WRAP(refresh_compare(p, &same), "compare the session's ids with those of now");
        if (same)
            return msg_send(p->conn, SESSION_CHECKED, &digest, sizeof(digest), NULL, 0);
    }
    TRY(session_retire(p, digest, ret_retired, &users));
    if (*ret_retired)
        return NULL;
    return mem_asprintf(ret_notice,
                        "other ids are available now than the session was made with; it keeps those until these "
                        "have ended: %s",
                        users);
}

/* Does process `pid` have this file open? Only of our own processes can that be seen. */
static bool lock_is_open_in(const char *pid, const struct stat *lock)
{
    char path[300];
    bool found = false;
    (void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    DIR *fds = opendir(path);
    const struct dirent *d;
    while (fds && !found && (d = readdir(fds))) {
        struct stat st;
        found = fstatat(dirfd(fds), d->d_name, &st, 0) == 0 && st.st_dev == lock->st_dev && st.st_ino == lock->st_ino;
    }
    if (fds)
        (void)closedir(fds);
    return found;
}

static struct err *lock_put_user(struct strbuf *sb, const char *pid)
{
    char path[300];
    AUTO_FREE char *comm = NULL;
    (void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    struct err *e = file_read(AT_FDCWD, path, 64, &comm, NULL);
    if (e) { /* it ended just now */
        err_drop(e);
        return NULL;
    }
    comm[strcspn(comm, "\n")] = '\0';
    return strbuf_printf(sb, "%sprocess %s (%s)", sb->len ? ", " : "", pid, comm);
}

struct err *session_lock_users(int lock_fd, char **ret)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    char self[16];
    struct stat lock;
    unsigned n = 0;
    if (fstat(lock_fd, &lock) < 0)
        return ERR_SYS(errno, "look at the session's lock");
    (void)snprintf(self, sizeof(self), "%d", getpid());
    DIR *proc = opendir("/proc");
    const struct dirent *d;
    struct err *e = NULL;
    while (proc && !e && n < LOCK_USERS_MAX && (d = readdir(proc))) {
        if (d->d_name[0] < '1' || d->d_name[0] > '9' || strcmp(d->d_name, self) == 0)
            continue;
        if (lock_is_open_in(d->d_name, &lock)) {
            e = lock_put_user(&sb, d->d_name);
            n++;
        }
    }
    if (proc)
        (void)closedir(proc);
    TRY(e);
    if (sb.len == 0) {
        *ret = NULL;
        return NULL;
    }
    return strbuf_take(&sb, ret);
}
