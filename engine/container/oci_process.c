/* The process: user, arguments, environment, capabilities, limits. config.md "process", OCI runtime specification 1.0.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "engine/container/oci_internal.h"
#include "engine/monitor/ids_creds.h"
#include "engine/monitor/notify.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define DEFAULT_LIMIT UINT64_C(1048576) /* files and processes, where the caller may have that many */

/* Assignments of `from` over those of `env`; a replaced variable keeps its place. */
static struct err *set_all(struct strv *env, const struct strv *from)
{
    for (size_t i = 0; i < from->count; i++) {
        /* An image may name a variable without a value; the runtime wants an assignment. */
        if (strchr(from->items[i], '='))
            TRY(strv_env_set(env, from->items[i]));
        else
            strv_env_unset(env, from->items[i]);
    }
    return NULL;
}

/* Only when nobody set it, not even to the empty string. */
static struct err *set_default(struct strv *env, const char *key, const char *value)
{
    if (strv_env_get(env, key))
        return NULL;
    return strv_addf(env, "%s=%s", key, value);
}

static bool is_name(char c, bool first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

/* $NAME and ${NAME} as Go's os.Expand has them: what is not there is empty; any other character behind a $ goes with
 * it. */
static struct err *expand(const char *text, const struct strv *from, struct strbuf *out)
{
    while (*text) {
        if (*text != '$') {
            TRY(strbuf_putc(out, *text++));
            continue;
        }
        bool braces = *++text == '{';
        const char *name = text + braces;
        size_t len = 0;
        while (braces ? name[len] && name[len] != '}' : is_name(name[len], len == 0))
            len++;
        text = name + len + (braces && name[len] == '}');
        if (!len)
            continue;
        AUTO_FREE char *key = NULL;
        TRY(mem_strndup(name, len, &key));
        const char *value = strv_env_get(from, key);
        TRY(value ? strbuf_puts(out, value) : NULL);
    }
    return NULL;
}

/* --env-merge: the image's values inside of the user's. */
static struct err *merge(struct strv *env, const struct strv *items, const struct strv *image)
{
    for (size_t i = 0; i < items->count; i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        TRY(expand(items->items[i], image, &out));
        TRY(strv_env_set(env, strbuf_str(&out)));
    }
    return NULL;
}

/* --unsetenv-all leaves what the user gave and the three variables that every process gets. */
struct err *oci_environment(const struct oci_build *b, struct strv *ret)
{
    AUTO_STRV struct strv env = STRV_INIT;
    const struct container_spec *s = b->spec;
    if (!s->unsetenv_all) {
        TRY(strv_add(&env, DEFAULT_PATH));
        TRY(strv_add(&env, "TERM=xterm"));
        TRY(strv_add(&env, "container=coracle"));
        TRY(set_all(&env, &s->env_base));
        TRY(set_all(&env, &b->image->env));
        for (size_t i = 0; i < s->unsetenv.count; i++)
            strv_env_unset(&env, s->unsetenv.items[i]);
    }
    TRY(set_all(&env, &s->env));
    AUTO_STRV struct strv image = STRV_INIT;
    if (s->env_merge.count) {
        TRY(strv_add(&image, DEFAULT_PATH));
        TRY(set_all(&image, &b->image->env));
        TRY(merge(&env, &s->env_merge, &image));
    }
    TRY(set_all(&env, &b->facts->secret_env));
    TRY(set_all(&env, &b->facts->device_env));
    if (b->facts->notify_dir)
        TRY(strv_env_set(&env, "NOTIFY_SOCKET=" NOTIFY_CT_DIR "/" NOTIFY_NAME));
    const char *home = b->facts->user->home;
    TRY(set_default(&env, "HOME", home && home[0] ? home : "/"));
    if (b->facts->hostname)
        TRY(set_default(&env, "HOSTNAME", b->facts->hostname));
    if (b->systemd) {
        AUTO_FREE char *uuid = NULL;
        TRY(mem_strndup(b->facts->container_id, 32, &uuid));
        TRY(set_default(&env, "container_uuid", uuid));
    }
    *ret = env;
    env = (struct strv)STRV_INIT;
    return NULL;
}

/* Groups that the namespace doesn't know cannot be set. With one id mapped there are none: setgroups(2) is denied then
 * (user_namespaces(7)), and asking for the one that the process has anyway would fail. */
static void put_groups(struct oci_build *b, const struct oci_user *u)
{
    const struct idmap *map = oci_gid_map(b);
    uint32_t host = 0;
    if (u->n_groups == 0 || (map && idmap_total(map) == 1))
        return;
    jsonout_open(&b->out, "additionalGids", '[');
    for (size_t i = 0; i < u->n_groups; i++)
        if (!map || idmap_to_host(map, u->groups[i], &host))
            jsonout_int(&b->out, NULL, u->groups[i]);
    jsonout_close(&b->out, ']');
}

/* umask is in the specification since 1.0.2; both runtimes set it. */
static void put_user(struct oci_build *b, const struct oci_user *u)
{
    uint32_t umask = 0022;
    if (b->spec->umask)
        jsonout_fail(&b->out, number_parse_octal(b->spec->umask, 07777, &umask));
    bool emulated = b->facts->ids == SECCOMP_IDS_ASK; /* put_limits() says who it believes to be */
    jsonout_open(&b->out, "user", '{');
    jsonout_int(&b->out, "uid", emulated ? 0 : u->ct_uid);
    jsonout_int(&b->out, "gid", emulated ? 0 : u->ct_gid);
    jsonout_int(&b->out, "umask", umask & 0777);
    put_groups(b, u);
    jsonout_close(&b->out, '}');
}

static void put_cap_set(struct jsonout *j, const char *key, uint64_t set)
{
    jsonout_open(j, key, '[');
    for (unsigned i = 0; cap_name(i); i++)
        if (set >> i & 1)
            jsonout_str(j, NULL, cap_name(i));
    jsonout_close(j, ']');
}

/* Empty sets that have to be there are written; inheritable and ambient only when there is something in them, since
 * an old runtime reads an empty list as "set it". */
static void put_caps(struct jsonout *j, const struct cap_sets *c)
{
    jsonout_open(j, "capabilities", '{');
    put_cap_set(j, "bounding", c->bounding);
    put_cap_set(j, "effective", c->effective);
    put_cap_set(j, "permitted", c->permitted);
    if (c->inheritable)
        put_cap_set(j, "inheritable", c->inheritable);
    if (c->ambient)
        put_cap_set(j, "ambient", c->ambient);
    jsonout_close(j, '}');
}

/* A runtime reads 64 bits without sign; readers of inspect's output know -1. */
static void put_limit_value(struct oci_build *b, const char *key, uint64_t value)
{
    if (b->facts->describe && value == UINT64_MAX)
        jsonout_int(&b->out, key, -1);
    else
        jsonout_u64(&b->out, key, value);
}

/* "nofile" becomes RLIMIT_NOFILE. */
static void put_limit(struct oci_build *b, const char *name, uint64_t soft, uint64_t hard)
{
    struct jsonout *j = &b->out;
    char type[32] = "RLIMIT_";
    size_t n = strlen(type);
    for (; *name && n < sizeof(type) - 1; name++)
        type[n++] = *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
    type[n] = '\0';
    jsonout_open(j, NULL, '{');
    jsonout_str(j, "type", type);
    put_limit_value(b, "hard", hard);
    put_limit_value(b, "soft", soft);
    jsonout_close(j, '}');
}

/* "host" is a name as well: spec_add_ulimit() keeps it in the list. */
static bool has_limit(const struct container_spec *s, const char *name)
{
    for (size_t i = 0; i < s->n_ulimits; i++)
        if (strcmp(s->ulimits[i].name, name) == 0)
            return true;
    return false;
}

/* Where ids are answered for, this limit is where a process's are kept: monitor/ids_creds.h. */
static void put_user_limit(struct oci_build *b, const struct oci_user *u)
{
    if (b->facts->ids != SECCOMP_IDS_ASK || (!u->ct_uid && !u->ct_gid))
        return;
    if (u->ct_uid > IDS_DIRECT_MAX || u->ct_gid > IDS_DIRECT_MAX)
        jsonout_fail(&b->out,
                     ERR_NEW(ERR_UNSUPPORTED, "user %u:%u: where only one id is mapped, users have numbers up to %u",
                             u->ct_uid, u->ct_gid, IDS_DIRECT_MAX));
    put_limit(b, "locks", ids_limit_of(u->ct_uid, u->ct_gid), UINT64_MAX);
}

/* Where no cgroup limits processes: how many this user may have, counted from what there is now. 0: nothing to do. */
static uint64_t substitute_nproc(const struct oci_build *b)
{
    const struct container_spec *s = b->spec;
    if (b->facts->describe || s->res.pids_limit <= 0 || oci_has_controller(b, "pids") || has_limit(s, "nproc"))
        return 0;
    uint64_t limit = (uint64_t)s->res.pids_limit + b->facts->user_processes, hard = b->facts->rlimit_nproc_hard;
    return hard && limit > hard ? hard : limit;
}

/* RLIMIT_DATA counts what a process may write to and shares with nobody (Linux 4.7), not address space, of which some
 * programs reserve terabytes. What oci_resources.c tells of it. */
static void put_substitutes(struct oci_build *b)
{
    const struct container_spec *s = b->spec;
    uint64_t nproc = substitute_nproc(b);
    int64_t bytes = s->res.memory_bytes;
    if (nproc)
        put_limit(b, "nproc", nproc, nproc);
    if (bytes > 0 && !b->facts->describe && !oci_has_controller(b, "memory") && !has_limit(s, "data"))
        put_limit(b, "data", (uint64_t)bytes, (uint64_t)bytes);
}

/* Two have defaults of their own, as far as the caller's hard limit allows; with "host" all stay as they are. */
static void put_limits(struct oci_build *b, const struct oci_user *u)
{
    const struct container_spec *s = b->spec;
    const struct {
        const char *name;
        uint64_t hard;
    } defaults[] = {{"nofile", b->facts->rlimit_nofile_hard}, {"nproc", b->facts->rlimit_nproc_hard}};
    jsonout_open(&b->out, "rlimits", '[');
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
        uint64_t limit = defaults[i].hard < DEFAULT_LIMIT ? defaults[i].hard : DEFAULT_LIMIT;
        bool replaced = strcmp(defaults[i].name, "nproc") == 0 && substitute_nproc(b);
        if (limit && !replaced && !has_limit(s, "host") && !has_limit(s, defaults[i].name))
            put_limit(b, defaults[i].name, limit, limit);
    }
    put_substitutes(b);
    for (size_t i = 0; i < s->n_ulimits; i++)
        if (strcmp(s->ulimits[i].name, "host") != 0)
            put_limit(b, s->ulimits[i].name, s->ulimits[i].soft, s->ulimits[i].hard);
    put_user_limit(b, u);
    jsonout_close(&b->out, ']');
}

/* Lowering one's own score is the administrator's right; what can't be done is said, not tried. */
static void put_oom_score(struct oci_build *b)
{
    const struct resource_spec *r = &b->spec->res;
    if (!r->oom_score_adj_set)
        return;
    if (r->oom_score_adj >= b->facts->oom_score_adj) {
        jsonout_int(&b->out, "oomScoreAdj", r->oom_score_adj);
    } else if (b->notices) {
        jsonout_fail(
            &b->out,
            strv_addf(b->notices,
                      "--oom-score-adj %lld is not applied: only an administrator can go below the caller's %lld",
                      (long long)r->oom_score_adj, (long long)b->facts->oom_score_adj));
    }
}

/* A profile that was asked for and cannot be had is an error: running without it would be a confinement that
 * silently isn't. */
static void put_apparmor(struct oci_build *b)
{
    const char *asked = b->sec.apparmor;
    if (b->facts->apparmor_profile)
        jsonout_str(&b->out, "apparmorProfile", b->facts->apparmor_profile);
    else if (asked && strcmp(asked, "unconfined") != 0 && !b->facts->describe)
        jsonout_fail(&b->out,
                     ERR_NEW(ERR_UNSUPPORTED,
                             "apparmor profile \"%s\" specified, but Apparmor is not enabled on this system", asked));
}

/* The same object for the first process and for exec, so that what confines one confines the other. */
void oci_put_process(struct oci_build *b, const char *key, const struct oci_process *p)
{
    struct jsonout *j = &b->out;
    jsonout_open(j, key, '{');
    jsonout_bool(j, "terminal", p->tty);
    put_user(b, p->user);
    jsonout_strv(j, "args", p->args);
    jsonout_strv(j, "env", p->env);
    jsonout_str(j, "cwd", p->cwd);
    put_caps(j, p->caps);
    put_limits(b, p->user);
    put_oom_score(b);
    put_apparmor(b);
    if (b->sec.no_new_privileges)
        jsonout_bool(j, "noNewPrivileges", true);
    jsonout_close(j, '}');
}
