/* `top`: the descriptors of Podman's psgo, from proc(5). Ids in /proc are those of our user namespace; a container's
 * own are found through its map, names in its own files. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/container/capability.h"
#include "engine/container/processes.h"
#include "engine/container/user.h"
#include "engine/engine.h"
#include "rootless/session.h"

#define NSEC_PER_SEC 1000000000.0
#define PROC_TEXT_MAX ((size_t)256 << 10)

struct top {
    const struct session *session;
    struct user_db users, host_users;
    struct idmap uids, gids; /* ours to the container's; empty: the same */
    double uptime;           /* seconds */
    int64_t now_nsec;
};

/* One process. */
struct row {
    const struct top *top;
    const struct proclist_item *p;
    char *status; /* /proc/PID/status */
};

static struct err *read_proc(pid_t pid, const char *name, char **ret, size_t *ret_len)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return file_read(AT_FDCWD, path, PROC_TEXT_MAX, ret, ret_len);
}

/* Behind "Name:\t" in the status; "" when it isn't there. */
static const char *status_of(const struct row *r, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = r->status; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " \t");
    return "";
}

/* Number `index` of a line of numbers; false when there are fewer. */
static bool number_at(const char *text, unsigned index, uint32_t *ret)
{
    for (;; index--) {
        text += strspn(text, " \t");
        unsigned value;
        int used = 0;
        if (sscanf(text, "%u%n", &value, &used) != 1)
            return false;
        if (index == 0) {
            *ret = value;
            return true;
        }
        text += used;
    }
}

/* --- ids and names */

enum { REAL, EFFECTIVE };

/* An id of our user namespace as the container knows it, or as the host does. */
static struct err *put_id(struct strbuf *sb, const struct top *t, uint32_t id, bool group, bool host)
{
    const struct user_db *db = host ? &t->host_users : &t->users;
    const char *file = group ? db->group : db->passwd;
    const struct idmap *inside = group ? &t->gids : &t->uids;
    const struct idmap *outside = group ? &t->session->gid_map : &t->session->uid_map;
    const struct idmap *map = host ? outside : inside;
    uint32_t there = id;
    char name[64];
    if (map->count && !(host ? idmap_to_host(map, id, &there) : idmap_to_ct(map, id, &there)))
        return strbuf_putc(sb, '?');
    if (file && user_db_name(file, there, name, sizeof(name)))
        return strbuf_puts(sb, name);
    return strbuf_printf(sb, "%u", there);
}

static struct err *put_owner(struct strbuf *sb, const struct row *r, unsigned which, bool group, bool host)
{
    uint32_t id = 0;
    if (!number_at(status_of(r, group ? "Gid" : "Uid"), which, &id))
        return strbuf_putc(sb, '?');
    return put_id(sb, r->top, id, group, host);
}

static struct err *put_groups(struct strbuf *sb, const struct row *r, bool host)
{
    AUTO_FREE char *line = NULL;
    const char *groups = status_of(r, "Groups");
    uint32_t id;
    TRY(mem_strndup(groups, strcspn(groups, "\n"), &line));
    for (unsigned i = 0; number_at(line, i, &id); i++) {
        TRY(i ? strbuf_putc(sb, ',') : NULL);
        TRY(put_id(sb, r->top, id, true, host));
    }
    return NULL;
}

#define ID_FIELD(name, call)                                        \
    static struct err *name(struct strbuf *sb, const struct row *r) \
    {                                                               \
        return call;                                                \
    }
ID_FIELD(put_euser, put_owner(sb, r, EFFECTIVE, false, false))
ID_FIELD(put_ruser, put_owner(sb, r, REAL, false, false))
ID_FIELD(put_huser, put_owner(sb, r, EFFECTIVE, false, true))
ID_FIELD(put_egroup, put_owner(sb, r, EFFECTIVE, true, false))
ID_FIELD(put_rgroup, put_owner(sb, r, REAL, true, false))
ID_FIELD(put_hgroup, put_owner(sb, r, EFFECTIVE, true, true))
ID_FIELD(put_cgroups, put_groups(sb, r, false))
ID_FIELD(put_hgroups, put_groups(sb, r, true))

/* --- numbers of processes: the last one of a line is that of the innermost namespace */

static struct err *put_inner(struct strbuf *sb, const struct row *r, const char *name, pid_t outer)
{
    uint32_t id = (uint32_t)outer;
    const char *text = status_of(r, name);
    AUTO_FREE char *line = NULL;
    TRY(mem_strndup(text, strcspn(text, "\n"), &line));
    for (unsigned i = 0; number_at(line, i, &id); i++)
        continue;
    return strbuf_printf(sb, "%u", id);
}

static struct err *put_pid(struct strbuf *sb, const struct row *r)
{
    return put_inner(sb, r, "NSpid", r->p->pid);
}

static struct err *put_pgid(struct strbuf *sb, const struct row *r)
{
    return put_inner(sb, r, "NSpgid", r->p->pgrp);
}

static struct err *put_hpid(struct strbuf *sb, const struct row *r)
{
    return strbuf_printf(sb, "%d", (int)r->p->pid);
}

/* How many pid namespaces a process is in, from the one whose /proc this is. */
static unsigned depth_of(const struct row *r)
{
    const char *text = status_of(r, "NSpid"), *end = strchrnul(text, '\n');
    unsigned n = 0;
    for (const char *at = text; at < end; at += strcspn(at, " \t\n"), at += strspn(at, " \t"))
        n++;
    return n;
}

/* A parent outside of the namespace is 0 inside. */
static struct err *put_ppid(struct strbuf *sb, const struct row *r)
{
    struct row parent = {.top = r->top, .p = r->p};
    struct err *e = read_proc(r->p->ppid, "status", &parent.status, NULL);
    if (!e && depth_of(&parent) >= depth_of(r))
        e = put_inner(sb, &parent, "NSpid", r->p->ppid);
    else
        err_drop(e), e = strbuf_putc(sb, '0');
    mem_freep(&parent.status);
    return e;
}

/* --- times */

static double seconds(uint64_t ticks)
{
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static struct err *put_duration(struct strbuf *sb, double sec)
{
    return strbuf_puts(sb, number_duration((int64_t)(sec < 0 ? 0 : sec * NSEC_PER_SEC)).s);
}

static struct err *put_time(struct strbuf *sb, const struct row *r)
{
    return put_duration(sb, seconds(r->p->user_ticks + r->p->system_ticks));
}

static struct err *put_elapsed(struct strbuf *sb, const struct row *r)
{
    return put_duration(sb, r->top->uptime - seconds(r->p->start_ticks));
}

static struct err *put_start(struct strbuf *sb, const struct row *r)
{
    double ago = r->top->uptime - seconds(r->p->start_ticks);
    return strbuf_puts(sb, timefmt_go(r->top->now_nsec - (int64_t)(ago * NSEC_PER_SEC)).s);
}

static struct err *put_cpu(struct strbuf *sb, const struct row *r)
{
    double elapsed = r->top->uptime - seconds(r->p->start_ticks);
    double cpu = seconds(r->p->user_ticks + r->p->system_ticks);
    return strbuf_printf(sb, "%.3f", elapsed > 0 ? 100 * cpu / elapsed : 0.0);
}

/* --- the rest */

/* Arguments are text of the container's: no control characters for the terminal. */
static struct err *put_clean(struct strbuf *sb, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        TRY(strbuf_putc(sb, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i]));
    return NULL;
}

static struct err *put_comm(struct strbuf *sb, const struct row *r)
{
    return put_clean(sb, r->p->comm, strlen(r->p->comm));
}

static struct err *put_args(struct strbuf *sb, const struct row *r)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    err_drop(read_proc(r->p->pid, "cmdline", &text, &len)); /* ended meanwhile: as a kernel thread */
    if (len)
        return put_clean(sb, text, len);
    TRY(strbuf_putc(sb, '['));
    TRY(put_comm(sb, r));
    return strbuf_putc(sb, ']');
}

static struct err *put_nice(struct strbuf *sb, const struct row *r)
{
    return strbuf_printf(sb, "%" PRId64, r->p->nice);
}

static struct err *put_state(struct strbuf *sb, const struct row *r)
{
    return strbuf_putc(sb, r->p->state);
}

static struct err *put_rss(struct strbuf *sb, const struct row *r)
{
    return strbuf_printf(sb, "%" PRIu64, r->p->resident_bytes >> 10);
}

static struct err *put_vsz(struct strbuf *sb, const struct row *r)
{
    return strbuf_printf(sb, "%" PRIu64, r->p->virtual_bytes >> 10);
}

/* devpts terminals have majors 136 to 143 (devices.txt). */
static struct err *put_tty(struct strbuf *sb, const struct row *r)
{
    unsigned major_nr = major((dev_t)(unsigned)r->p->tty), minor_nr = minor((dev_t)(unsigned)r->p->tty);
    if (!r->p->tty)
        return strbuf_putc(sb, '?');
    if (major_nr >= 136 && major_nr <= 143)
        return strbuf_printf(sb, "pts/%u", (major_nr - 136) * 256 + minor_nr);
    return strbuf_printf(sb, major_nr == 4 ? "tty%u" : "?", minor_nr);
}

static struct err *put_seccomp(struct strbuf *sb, const struct row *r)
{
    static const char *const modes[] = {"disabled", "strict", "filter"};
    uint32_t mode = 0;
    (void)number_at(status_of(r, "Seccomp"), 0, &mode);
    return strbuf_puts(sb, mode < ARRAY_LEN(modes) ? modes[mode] : "?");
}

static struct err *put_label(struct strbuf *sb, const struct row *r)
{
    AUTO_FREE char *text = NULL;
    err_drop(read_proc(r->p->pid, "attr/current", &text, NULL)); /* no security module */
    if (!text || !*text)
        return strbuf_putc(sb, '?');
    return put_clean(sb, text, strcspn(text, "\n"));
}

static struct err *put_caps(struct strbuf *sb, const struct row *r, const char *set)
{
    AUTO_STRV struct strv names = STRV_INIT;
    AUTO_FREE char *text = NULL;
    uint64_t mask = 0;
    if (sscanf(status_of(r, set), "%" SCNx64, &mask) != 1)
        return strbuf_putc(sb, '?');
    if ((mask & CAP_ALL) == 0)
        return strbuf_puts(sb, "none");
    if ((mask & CAP_ALL) == CAP_ALL)
        return strbuf_puts(sb, "full");
    for (unsigned i = 0; i < CAP_NUMBER_MAX; i++)
        if (mask >> i & 1)
            TRY(strv_add(&names, cap_name(i) + strlen("CAP_")));
    strv_sort(&names);
    TRY(strv_join(&names, ",", &text));
    return strbuf_puts(sb, text);
}
ID_FIELD(put_capamb, put_caps(sb, r, "CapAmb"))
ID_FIELD(put_capbnd, put_caps(sb, r, "CapBnd"))
ID_FIELD(put_capeff, put_caps(sb, r, "CapEff"))
ID_FIELD(put_capinh, put_caps(sb, r, "CapInh"))
ID_FIELD(put_capprm, put_caps(sb, r, "CapPrm"))

static const struct descriptor {
    const char *name, *code, *heading;
    struct err *(*put)(struct strbuf *sb, const struct row *r);
} descriptors[] = {
    {"args", "%a", "COMMAND", put_args},
    {"capamb", NULL, "AMBIENT CAPS", put_capamb},
    {"capbnd", NULL, "BOUNDING CAPS", put_capbnd},
    {"capeff", NULL, "EFFECTIVE CAPS", put_capeff},
    {"capinh", NULL, "INHERITED CAPS", put_capinh},
    {"capprm", NULL, "PERMITTED CAPS", put_capprm},
    {"comm", "%c", "COMMAND", put_comm},
    {"etime", "%t", "ELAPSED", put_elapsed},
    {"group", "%G", "GROUP", put_egroup},
    {"groups", NULL, "GROUPS", put_cgroups},
    {"hgroup", NULL, "HGROUP", put_hgroup},
    {"hgroups", NULL, "HGROUPS", put_hgroups},
    {"hpid", NULL, "HPID", put_hpid},
    {"huser", NULL, "HUSER", put_huser},
    {"label", NULL, "LABEL", put_label},
    {"nice", "%n", "NI", put_nice},
    {"pcpu", "%C", "%CPU", put_cpu},
    {"pgid", "%r", "PGID", put_pgid},
    {"pid", "%p", "PID", put_pid},
    {"ppid", "%P", "PPID", put_ppid},
    {"rgroup", "%g", "RGROUP", put_rgroup},
    {"rss", NULL, "RSS", put_rss},
    {"ruser", "%u", "RUSER", put_ruser},
    {"seccomp", NULL, "SECCOMP", put_seccomp},
    {"state", NULL, "STATE", put_state},
    {"stime", NULL, "STIME", put_start},
    {"time", "%x", "TIME", put_time},
    {"tty", "%y", "TTY", put_tty},
    {"user", "%U", "USER", put_euser},
    {"vsz", "%z", "VSZ", put_vsz},
};

static const struct descriptor *find_descriptor(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(descriptors); i++)
        if (strcmp(descriptors[i].name, word) == 0 || (descriptors[i].code && strcmp(descriptors[i].code, word) == 0))
            return &descriptors[i];
    return NULL;
}

/* --- the whole */

/* As seen from here; a container that has our own namespace shows how that is mapped outside. */
static struct err *read_map(pid_t pid, const char *name, struct idmap *ret)
{
    AUTO_FREE char *text = NULL;
    struct stat own, its;
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
    if (stat("/proc/self/ns/user", &own) < 0 || stat(path, &its) < 0)
        return ERR_SYS(errno, "look at %s", path);
    if (own.st_ino == its.st_ino && own.st_dev == its.st_dev)
        return NULL;
    TRY(read_proc(pid, name, &text, NULL));
    return idmap_parse(text, ret);
}

static struct err *top_init(struct engine *e, const struct container *c, struct top *t)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/root", (int)c->host_pid);
    AUTO_FD int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || host < 0)
        return ERR_SYS(errno, "open %s", path);
    t->session = engine_session(e);
    t->uptime = processes_uptime();
    t->now_nsec = timefmt_now();
    TRY(user_db_read(root, &t->users));
    TRY(user_db_read(host, &t->host_users));
    TRY(read_map(c->host_pid, "uid_map", &t->uids));
    return read_map(c->host_pid, "gid_map", &t->gids);
}

static void top_done(struct top *t)
{
    user_db_done(&t->users);
    user_db_done(&t->host_users);
    idmap_done(&t->uids);
    idmap_done(&t->gids);
}

static struct err *put_row(const struct row *r, const struct strv *words, struct strv *ret_lines)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    for (size_t i = 0; i < words->count; i++) {
        const struct descriptor *d = find_descriptor(words->items[i]); /* the headings have asked for each */
        TRY(i ? strbuf_putc(&line, '\t') : NULL);
        TRY(d ? d->put(&line, r) : NULL);
    }
    return strv_add(ret_lines, strbuf_str(&line));
}

static struct err *put_rows(const struct top *t, const struct proclist *l, const struct strv *words,
                            struct strv *ret_lines)
{
    for (size_t i = 0; i < l->count; i++) {
        struct row r = {.top = t, .p = &l->items[i]};
        if (!l->items[i].marked)
            continue;
        struct err *e = read_proc(r.p->pid, "status", &r.status, NULL);
        if (!e)
            e = put_row(&r, words, ret_lines);
        mem_freep(&r.status);
        if (e && err_kind(e) != ERR_NOT_FOUND && err_errno(e) != ESRCH) /* else it has ended */
            return e;
        err_drop(e);
    }
    return NULL;
}

/* Words may hold several, separated by commas. */
static struct err *split_words(const struct strv *given, struct strv *ret)
{
    static const char *const usual[] = {"user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args"};
    for (size_t i = 0; i < given->count; i++) {
        AUTO_STRV struct strv parts = STRV_INIT;
        TRY(strv_split(given->items[i], ',', &parts));
        TRY(strv_add_all(ret, parts.items));
    }
    for (size_t i = 0; !given->count && i < ARRAY_LEN(usual); i++)
        TRY(strv_add(ret, usual[i]));
    return NULL;
}

static struct err *put_headings(const struct strv *words, struct strv *ret_lines)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    for (size_t i = 0; i < words->count; i++) {
        const struct descriptor *d = find_descriptor(words->items[i]);
        if (!d)
            return ERR_NEW(ERR_NOT_FOUND, "unknown descriptor: %s", words->items[i]);
        TRY(strbuf_printf(&line, "%s%s", i ? "\t" : "", d->heading));
    }
    return strv_add(ret_lines, strbuf_str(&line));
}

struct err *container_top(struct engine *e, struct container *c, const struct strv *given, struct strv *ret_lines)
{
    AUTO_STRV struct strv words = STRV_INIT;
    AUTO_PROCLIST struct proclist l = {0};
    __attribute__((cleanup(top_done))) struct top t = {0};
    if (c->state != CT_RUNNING || !c->host_pid)
        return ERR_NEW(ERR_STATE, "top can only be used on running containers");
    TRY(split_words(given, &words));
    TRY(put_headings(&words, ret_lines));
    TRY(container_processes(e, c, &l));
    TRY(top_init(e, c, &t));
    return put_rows(&t, &l, &words, ret_lines);
}
