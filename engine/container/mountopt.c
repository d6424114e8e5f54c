/* The table of mount options and its two readers. Options that exclude each other form a group; the messages of both
 * readers are made from the group's text. */
#include "engine/container/mountopt.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

enum group {
    G_EXEC,
    G_DEV,
    G_SUID,
    G_WRITE,
    G_LABEL,
    G_CHOWN,
    G_PROPAGATION,
    G_BIND,
    G_COPY,
    G_OVERLAY,
    G_UPPER,
    G_WORK,
    G_IDMAP,
    G_IGNORED,
    G_SIZE,
    G_MODE,
    G_COPYUP,
    G_MAX
};

/* Where an option may stand. */
#define IN_VOLUME 1u /* -v and --mount type=bind|volume */
#define IN_TMPFS 2u  /* --tmpfs and --mount type=tmpfs|ramfs */
#define IN_BOTH (IN_VOLUME | IN_TMPFS)

static const struct group_text {
    const char *only; /* "invalid options …, can only specify 1 %s option" */
    const char *dup;  /* "%s: duplicate mount option passed" */
} groups[G_MAX] = {
    [G_EXEC] = {"'noexec' or 'exec'", "only one of 'noexec' and 'exec' can be used"},
    [G_DEV] = {"'nodev' or 'dev'", "only one of 'nodev' and 'dev' can be used"},
    [G_SUID] = {"'nosuid' or 'suid'", "only one of 'nosuid' and 'suid' can be used"},
    [G_WRITE] = {"'rw' or 'ro'", "only one of 'rw' and 'ro' can be used"},
    [G_LABEL] = {"'z', 'Z', or 'O'", "only one of 'z' and 'Z' can be used"},
    [G_CHOWN] = {"'U'", "the 'U' option can only be set once"},
    [G_PROPAGATION] = {"'[r]shared', '[r]private', '[r]slave' or '[r]unbindable'",
                       "only one root propagation mode can be used"},
    [G_BIND] = {"'[r]bind'", "only one of 'rbind' and 'bind' can be used"},
    [G_COPY] = {"'copy' or 'nocopy'", "only one of 'nocopy' and 'copy' can be used"},
    [G_OVERLAY] = {"'z', 'Z', or 'O'", "the 'O' option can only be set once"},
    [G_UPPER] = {"upperdir per overlay", "the 'upperdir' option can only be set once"},
    [G_WORK] = {"workdir per overlay", "the 'workdir' option can only be set once"},
    [G_IDMAP] = {"'idmap'", "the 'idmap' option can only be set once"},
    [G_SIZE] = {"'size'", "only one tmpfs size can be specified"},
    [G_MODE] = {"'mode'", "only one tmpfs mode can be specified"},
    [G_COPYUP] = {"'tmpcopyup' or 'notmpcopyup'", "the 'tmpcopyup' or 'notmpcopyup' option can only be set once"},
};

static const struct option {
    const char *name;
    enum group group;
    unsigned where;
    bool kernel; /* goes into mount_spec.options */
    bool value;  /* "name=…" */
} options[] = {
    {"exec", G_EXEC, IN_BOTH, true, false},
    {"noexec", G_EXEC, IN_BOTH, true, false},
    {"dev", G_DEV, IN_BOTH, true, false},
    {"nodev", G_DEV, IN_BOTH, true, false},
    {"suid", G_SUID, IN_BOTH, true, false},
    {"nosuid", G_SUID, IN_BOTH, true, false},
    {"rw", G_WRITE, IN_BOTH, true, false},
    {"ro", G_WRITE, IN_BOTH, true, false},
    {"private", G_PROPAGATION, IN_BOTH, true, false},
    {"rprivate", G_PROPAGATION, IN_BOTH, true, false},
    {"slave", G_PROPAGATION, IN_BOTH, true, false},
    {"rslave", G_PROPAGATION, IN_BOTH, true, false},
    {"shared", G_PROPAGATION, IN_BOTH, true, false},
    {"rshared", G_PROPAGATION, IN_BOTH, true, false},
    {"unbindable", G_PROPAGATION, IN_BOTH, true, false},
    {"runbindable", G_PROPAGATION, IN_BOTH, true, false},
    {"bind", G_BIND, IN_VOLUME, true, false},
    {"rbind", G_BIND, IN_VOLUME, true, false},
    /* SELinux labels: there is no SELinux policy that an ordinary user could use here, so there is nothing to change.
     */
    {"z", G_LABEL, IN_VOLUME, false, false},
    {"Z", G_LABEL, IN_VOLUME, false, false},
    {"O", G_OVERLAY, IN_VOLUME, false, false},
    {"U", G_CHOWN, IN_BOTH, false, false},
    {"copy", G_COPY, IN_VOLUME, false, false},
    {"nocopy", G_COPY, IN_VOLUME, false, false},
    {"upperdir", G_UPPER, IN_VOLUME, true, true},
    {"workdir", G_WORK, IN_VOLUME, true, true},
    {"idmap", G_IDMAP, IN_VOLUME, false, true},
    /* Of other systems, without meaning on Linux; Docker and Podman drop them as well. */
    {"cached", G_IGNORED, IN_VOLUME, false, false},
    {"delegated", G_IGNORED, IN_VOLUME, false, false},
    {"consistent", G_IGNORED, IN_VOLUME, false, false},
    {"consistency", G_IGNORED, IN_BOTH, false, true},
    {"size", G_SIZE, IN_TMPFS, true, true},
    {"mode", G_MODE, IN_TMPFS, true, true},
    {"tmpcopyup", G_COPYUP, IN_TMPFS, false, false},
    {"notmpcopyup", G_COPYUP, IN_TMPFS, false, false},
};

/* By the part in front of "=". An option that takes no value does not match with one: "ro=1" is unknown, not "ro". */
static const struct option *find(const char *text)
{
    size_t len = strcspn(text, "=");
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const struct option *o = &options[i];
        if (strlen(o->name) == len && memcmp(o->name, text, len) == 0)
            return text[len] == '\0' || o->value ? o : NULL;
    }
    return NULL;
}

bool mountopt_is_propagation(const char *option)
{
    const struct option *o = find(option);
    return o && o->group == G_PROPAGATION;
}

/* 18 digits keep the number itself below 2^63; the kernel multiplies with care. */
bool mountopt_is_size(const char *value)
{
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || digits > 18)
        return false;
    const char *unit = value + digits;
    return unit[0] == '\0' || (strchr("kKmMgGtT%", unit[0]) && unit[1] == '\0');
}

static bool is_mode(const char *value)
{
    size_t len = strlen(value);
    return len >= 1 && len <= 5 && strspn(value, "01234567") == len;
}

/* Podman checks -v twice, once with these messages and once with those of mountopt_finish(); a script may look for
 * either. */
struct err *mountopt_check(const struct strv *list)
{
    bool seen[G_MAX] = {false};
    for (size_t i = 0; i < list->count; i++) {
        const struct option *o = find(list->items[i]);
        if (!o || !(o->where & IN_VOLUME) || o->group == G_SIZE)
            return ERR_NEW(ERR_INVALID, "invalid option type \"%s\"", list->items[i]);
        /* O counts as a label here, as in Podman. */
        enum group g = o->group == G_OVERLAY ? G_LABEL : o->group;
        if (seen[g] && g != G_IGNORED) {
            AUTO_FREE char *all = NULL;
            TRY(strv_join(list, ", ", &all));
            return ERR_NEW(ERR_INVALID, "invalid options \"%s\", can only specify 1 %s%s", all, groups[g].only,
                           g == G_UPPER || g == G_WORK ? "" : " option");
        }
        seen[g] = true;
    }
    return NULL;
}

/* An option that exists, but not for this type of mount, gets the message that says so. */
static struct err *refuse(const struct option *o, const char *text, bool tmpfs)
{
    if (o && tmpfs && o->group == G_BIND)
        return ERR_NEW(ERR_INVALID,
                       "the 'bind' and 'rbind' options are not allowed with tmpfs mounts: invalid mount option");
    if (o && tmpfs && o->group == G_LABEL)
        return ERR_NEW(ERR_INVALID, "the 'z' and 'Z' options are not allowed with tmpfs mounts: invalid mount option");
    if (o && !tmpfs)
        return ERR_NEW(ERR_INVALID, "the '%s' option is only allowed with tmpfs mounts: invalid mount option", o->name);
    return ERR_NEW(ERR_INVALID, "unknown mount option \"%s\": invalid mount option", text);
}

/* Values that only the mount would refuse are refused when given: at that point the user still sees which flag it
 * was. */
static struct err *check_value(const struct option *o, const char *text)
{
    const char *eq = strchr(text, '=');
    if (o->group == G_SIZE && (!eq || !mountopt_is_size(eq + 1)))
        return ERR_NEW(ERR_INVALID, "invalid tmpfs size \"%s\": must be a number with k, m, g or %%", eq ? eq + 1 : "");
    if (o->group == G_MODE && (!eq || !is_mode(eq + 1)))
        return ERR_NEW(ERR_INVALID, "invalid tmpfs mode \"%s\": must be an octal number", eq ? eq + 1 : "");
    if ((o->group == G_UPPER || o->group == G_WORK) && (!eq || eq[1] != '/'))
        return ERR_NEW(ERR_INVALID, "%s: must be an absolute path", text);
    return NULL;
}

/* What isn't for the kernel becomes a flag of the mount. */
static struct err *set_flag(const struct option *o, const char *text, struct mount_spec *m)
{
    const char *eq = strchr(text, '=');
    if (o->group == G_OVERLAY)
        m->overlay = true;
    else if (o->group == G_CHOWN)
        m->chown = true;
    else if (o->group == G_COPY)
        m->no_copy = strcmp(text, "nocopy") == 0;
    else if (o->group == G_COPYUP)
        m->tmpcopyup = strcmp(text, "tmpcopyup") == 0;
    else if (o->group == G_WRITE)
        m->read_only = strcmp(text, "ro") == 0;
    else if (o->group == G_IDMAP)
        return mem_replace(&m->idmap, eq ? eq + 1 : "");
    return NULL;
}

static bool is_tmpfs(const struct mount_spec *m)
{
    return m->type == MOUNT_TMPFS || m->type == MOUNT_RAMFS;
}

/* Everything explicit, in the order given; `seen` tells the caller which groups need a default. */
static struct err *take_options(const struct strv *raw, struct mount_spec *m, bool *seen)
{
    bool tmpfs = is_tmpfs(m);
    for (size_t i = 0; i < raw->count; i++) {
        const char *text = raw->items[i];
        const struct option *o = find(text);
        if (!o || !(o->where & (tmpfs ? IN_TMPFS : IN_VOLUME)))
            return refuse(o, text, tmpfs);
        if (o->group == G_IGNORED)
            continue;
        if (seen[o->group])
            return ERR_NEW(ERR_INVALID, "%s: duplicate mount option passed", groups[o->group].dup);
        seen[o->group] = true;
        TRY(check_value(o, text));
        TRY(set_flag(o, text, m));
        if (o->kernel)
            TRY(strv_add(&m->options, text));
    }
    return NULL;
}

struct err *mountopt_finish(const struct strv *raw, struct mount_spec *m)
{
    bool seen[G_MAX] = {false};
    bool tmpfs = is_tmpfs(m);
    strv_clear(&m->options);
    if (tmpfs)
        m->tmpcopyup = m->type == MOUNT_TMPFS;
    TRY(take_options(raw, m, seen));

    if (!seen[G_WRITE])
        TRY(strv_add(&m->options, "rw"));
    if (!seen[G_PROPAGATION])
        TRY(strv_add(&m->options, "rprivate"));
    /* Volumes and file systems made for the container carry no devices or setuid programs unless asked for; a path of
     * the host stays as it is there. */
    bool tame = tmpfs || m->type == MOUNT_VOLUME;
    if (tame && !seen[G_SUID])
        TRY(strv_add(&m->options, "nosuid"));
    if (tame && !seen[G_DEV])
        TRY(strv_add(&m->options, "nodev"));
    if (!tmpfs && !seen[G_BIND])
        TRY(strv_add(&m->options, "rbind"));
    return NULL;
}
