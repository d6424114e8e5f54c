/* Ids, and the settings that decide about user namespaces. */
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "rootless/doctor_internal.h"
#include "rootless/session_internal.h"
#include "userns/idmap_write.h"
#include "userns/idplan.h"
#include "userns/refused.h"

#define ENOUGH_IDS 65536 /* what images are built with: nobody is 65534 */
#define SETTING_MAX 256

static uint64_t ids_total(const struct subid_set *s)
{
    uint64_t total = 0;
    for (size_t i = 0; i < s->count; i++)
        total += s->spans[i].count;
    return total;
}

static struct err *ids_judge(struct doctor_item *item, const struct subid_ranges *r)
{
    uint64_t uids = ids_total(&r->uids), gids = ids_total(&r->gids);
    const struct passwd *pw = getpwuid(getuid());
    const char *user = pw ? pw->pw_name : "USER";
    DOCTOR_SET(item->found, "%llu uids and %llu gids for %s (%s)", (unsigned long long)uids, (unsigned long long)gids,
               user, r->source);
    if (uids >= ENOUGH_IDS && gids >= ENOUGH_IDS) {
        DOCTOR_SET(item->meaning, "containers have users and groups of their own");
        return NULL;
    }
    item->state = DOCTOR_DEGRADED;
    if (uids && gids)
        DOCTOR_SET(item->meaning, "images whose files belong to higher ids than these cannot be unpacked completely");
    else
        DOCTOR_SET(item->meaning, "containers have a single user and group id: owners in images are ignored, and USER, "
                                  "su and package managers that change owners fail");
    DOCTOR_SET(item->fix,
               "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s "
               "(a range that nobody else has)",
               user);
    return NULL;
}

struct err *doctor_probe_ranges(const struct doctor_opts *opts, struct doctor_item *item)
{
    AUTO_IDPLAN_FACTS struct idplan_facts facts = {0};
    AUTO_SUBID_RANGES struct subid_ranges ranges = {0};
    (void)opts;
    DOCTOR_SET(item->probed, "/etc/subuid and /etc/subgid, or what /etc/nsswitch.conf names, through libsubid");
    TRY(idplan_facts_read(&facts));
    if (facts.uid == 0 && facts.can_set_ids) {
        uint32_t n = idmap_contiguous(&facts.own_uids);
        bool real = idplan_is_real_root(&facts);
        item->state = real || n > ENOUGH_IDS ? DOCTOR_OK : DOCTOR_DEGRADED;
        if (real)
            DOCTOR_SET(item->found, "root of this machine: a range is chosen once and recorded in the data directory");
        else
            DOCTOR_SET(item->found, "root in a user namespace with %u ids", n);
        return NULL;
    }
    TRY(session_ask_ranges(NULL, NULL, &ranges));
    return ids_judge(item, &ranges);
}

struct err *doctor_probe_idmap_helpers(const struct doctor_opts *opts, struct doctor_item *item)
{
    AUTO_IDPLAN_FACTS struct idplan_facts facts = {0};
    AUTO_FREE char *trouble = NULL;
    AUTO_FREE char *path = NULL;
    (void)opts;
    DOCTOR_SET(item->probed, "PATH, setuid bit, file capabilities, mount options, no_new_privs, bounding set");
    TRY(idplan_facts_read(&facts));
    if (facts.can_set_ids) {
        DOCTOR_SET(item->found, "not needed: this process may write id maps itself");
        return NULL;
    }
    TRY(idmap_helper_trouble(&trouble));
    if (!trouble) {
        TRY(idmap_find_helper(IDMAP_UID, &path));
        DOCTOR_SET(item->found, "%s", path);
        return NULL;
    }
    item->state = DOCTOR_DEGRADED;
    DOCTOR_SET(item->found, "%s", trouble);
    DOCTOR_SET(item->meaning, "containers have a single user and group id");
    DOCTOR_SET(item->fix, "install the package uidmap (shadow-utils) as your distribution ships it, or run outside of "
                          "what restricts this process");
    return NULL;
}

/* One setting: what it holds is shown; a value that refuses user namespaces makes the item MISSING. */
static const struct {
    const char *name;
    const char *path;
    const char *bad; /* NULL: only shown */
    const char *fix;
} settings[] = {
    {"user.max_user_namespaces", "/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"},
    {"kernel.unprivileged_userns_clone", "/proc/sys/kernel/unprivileged_userns_clone", "0",
     "sysctl -w kernel.unprivileged_userns_clone=1"},
    {"kernel.apparmor_restrict_unprivileged_userns", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
     "put the AppArmor profile below into /etc/apparmor.d/coracle-session and load it: apparmor_parser -r "
     "/etc/apparmor.d/coracle-session"},
    {"kernel.yama.ptrace_scope", "/proc/sys/kernel/yama/ptrace_scope", NULL, NULL},
    {"SELinux enforcing", "/sys/fs/selinux/enforce", NULL, NULL},
};

static struct err *settings_read(struct doctor_item *item, struct strbuf *found, struct strbuf *fix)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        AUTO_FREE char *value = NULL;
        struct err *e = file_read(AT_FDCWD, settings[i].path, SETTING_MAX, &value, NULL);
        if (e) {
            err_drop(e);
            continue;
        }
        value[strcspn(value, "\n")] = '\0';
        TRY(strbuf_printf(found, "%s%s=%s", found->len ? ", " : "", settings[i].name, value));
        if (!settings[i].bad || strcmp(value, settings[i].bad) != 0)
            continue;
        item->state = geteuid() == 0 ? DOCTOR_DEGRADED : DOCTOR_MISSING;
        TRY(strbuf_printf(fix, "%s%s", fix->len ? "; " : "as root: ", settings[i].fix));
    }
    return NULL;
}

/* Where AppArmor is in the way, what lets coracle-session through. */
static struct err *security_profile(struct doctor_item *item)
{
    AUTO_FREE char *path = NULL;
    if (!strstr(item->fix ? item->fix : "", "AppArmor"))
        return NULL;
    TRY(proc_find_helper("coracle-session", &path));
    return refused_apparmor_profile(path, &item->file);
}

struct err *doctor_probe_security(const struct doctor_opts *opts, struct doctor_item *item)
{
    AUTO_STRBUF struct strbuf found = STRBUF_INIT;
    AUTO_STRBUF struct strbuf fix = STRBUF_INIT;
    (void)opts;
    DOCTOR_SET(item->probed, "sysctls of user namespaces, security modules, no_new_privs, seccomp");
    TRY(settings_read(item, &found, &fix));
    bool no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    /* PR_GET_SECCOMP kills a process in strict mode, which could not have come here. */
    bool seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2;
    TRY(strbuf_printf(&found, "%sno_new_privs=%d, seccomp filter=%d", found.len ? ", " : "", no_new_privs, seccomp));
    if (item->state == DOCTOR_OK && no_new_privs)
        item->state = DOCTOR_DEGRADED;
    DOCTOR_SET(item->found, "%s", strbuf_str(&found));
    if (item->state == DOCTOR_MISSING)
        DOCTOR_SET(item->meaning, "user namespaces are refused to ordinary users, so containers cannot run");
    else if (no_new_privs)
        DOCTOR_SET(item->meaning, "setuid programs such as newuidmap do not work from this process");
    if (fix.len)
        DOCTOR_SET(item->fix, "%s", strbuf_str(&fix));
    return security_profile(item);
}
