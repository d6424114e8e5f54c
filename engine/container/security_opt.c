/* --security-opt. */
#include "engine/container/security_opt.h"

#include <string.h>

#include "base/mem.h"
#include "engine/container/spec.h"

void security_opts_done(struct security_opts *o)
{
    strv_done(&o->mask);
    strv_done(&o->unmask);
    *o = (struct security_opts){0};
}

/* A colon-separated list. Podman skips what is not absolute; here it is an error, as a mask that doesn't mask would
 * be missed. */
static struct err *add_paths(struct strv *list, const char *value, const char *what)
{
    AUTO_STRV struct strv paths = STRV_INIT;
    TRY(strv_split(value, ':', &paths));
    for (size_t i = 0; i < paths.count; i++) {
        if (paths.items[i][0] == '\0')
            continue;
        if (paths.items[i][0] != '/')
            return ERR_NEW(ERR_INVALID, "--security-opt %s: path \"%s\" is not an absolute path", what, paths.items[i]);
        TRY(strv_add(list, paths.items[i]));
    }
    return NULL;
}

/* "=false" exists, so that a default can be overridden. */
static struct err *set_no_new_privileges(struct security_opts *o, const char *value)
{
    o->no_new_privileges = strcmp(value, "true") == 0;
    if (!o->no_new_privileges && strcmp(value, "false") != 0)
        return ERR_NEW(ERR_INVALID, "invalid --security-opt 2: \"no-new-privileges=%s\"", value);
    return NULL;
}

/* Whether the file exists is for the caller to find out. */
static struct err *set_seccomp(struct security_opts *o, const char *value)
{
    if (value[0] == '\0')
        return ERR_NEW(ERR_INVALID, "invalid --security-opt 2: \"seccomp=\"");
    o->seccomp = value;
    return NULL;
}

/* The profile's name, or "unconfined"; whether this host has AppArmor is not known here. */
static struct err *set_apparmor(struct security_opts *o, const char *value)
{
    o->apparmor = value;
    return NULL;
}

/* Mount options of proc(5), passed on as they are; the kernel refuses unknown ones. */
static struct err *set_proc_opts(struct security_opts *o, const char *value)
{
    o->proc_opts = value;
    return NULL;
}

static struct err *set_mask(struct security_opts *o, const char *value)
{
    return add_paths(&o->mask, value, "mask");
}

/* "ALL", or patterns. */
static struct err *set_unmask(struct security_opts *o, const char *value)
{
    if (strcasecmp(value, "all") == 0) {
        o->unmask_all = true;
        return NULL;
    }
    return add_paths(&o->unmask, value, "unmask");
}

/* Without SELinux there is nothing to label; "disable" is what scripts give everywhere to be safe. */
static struct err *set_label(struct security_opts *o, const char *value)
{
    (void)o;
    if (strcmp(value, "disable") == 0)
        return NULL;
    return ERR_NEW(ERR_UNSUPPORTED, "--security-opt label=%s: SELinux labels are not supported, only label=disable",
                   value);
}

/* Docker's word for unmask=ALL. */
static struct err *set_system_paths(struct security_opts *o, const char *value)
{
    o->unmask_all = strcmp(value, "unconfined") == 0;
    return o->unmask_all ? NULL : ERR_NEW(ERR_INVALID, "invalid --security-opt 2: \"systempaths=%s\"", value);
}

/* Ours alone: see "about" in seccomp_default.json. */
static struct err *set_socketcall(struct security_opts *o, const char *value)
{
    o->allow_socketcall = strcmp(value, "allow") == 0;
    return o->allow_socketcall ? NULL : ERR_NEW(ERR_INVALID, "invalid --security-opt 2: \"socketcall=%s\"", value);
}

/* Ours alone, and of no effect but where a user has one id: see monitor/ids.h. */
static struct err *set_ids(struct security_opts *o, const char *value)
{
    static const char *const names[] = {
        [SECURITY_IDS_FULL] = "full", [SECURITY_IDS_PRETEND] = "pretend", [SECURITY_IDS_OFF] = "off"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], value) != 0)
            continue;
        o->ids = (enum security_ids)i;
        return NULL;
    }
    return ERR_NEW(ERR_INVALID, "invalid --security-opt 2: \"ids=%s\"", value);
}

static const struct {
    const char *name;
    struct err *(*set)(struct security_opts *o, const char *value);
} keys[] = {
    {"no-new-privileges", set_no_new_privileges},
    {"seccomp", set_seccomp},
    {"apparmor", set_apparmor},
    {"proc-opts", set_proc_opts},
    {"mask", set_mask},
    {"unmask", set_unmask},
    {"label", set_label},
    {"systempaths", set_system_paths},
    {"socketcall", set_socketcall},
    {"ids", set_ids},
};

/* "key=value" or "key:value"; the first of the two separators counts. */
static struct err *parse_one(struct security_opts *o, const char *text)
{
    size_t len = strcspn(text, "=:");
    if (text[len] == '\0') {
        if (strcmp(text, "no-new-privileges") != 0)
            return ERR_NEW(ERR_INVALID, "invalid --security-opt 1: \"%s\"", text);
        o->no_new_privileges = true;
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strlen(keys[i].name) == len && memcmp(keys[i].name, text, len) == 0)
            return keys[i].set(o, text + len + 1);
    return ERR_NEW(ERR_INVALID, "invalid --security-opt 2: \"%s\"", text);
}

struct err *security_opts_parse(const struct strv *list, struct security_opts *ret)
{
    AUTO_SECURITY_OPTS struct security_opts o = {0};
    for (size_t i = 0; i < list->count; i++)
        TRY(parse_one(&o, list->items[i]));
    *ret = o;
    o = (struct security_opts){0};
    return NULL;
}

bool security_opts_image_profile(const struct security_opts *o, const struct container_spec *spec)
{
    return !o->seccomp && spec->seccomp_policy && strcmp(spec->seccomp_policy, "image") == 0;
}
