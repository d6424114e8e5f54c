#include "fuse-overlay/options.h"

#include <string.h>
#include <sys/mount.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"

#define OPTIONS_TIMEOUT_DEFAULT 1e9 /* nobody else writes to these layers */

void options_done(struct options *o)
{
    mem_freep(&o->target);
    strv_done(&o->lowers);
    mem_freep(&o->upper);
    mem_freep(&o->work);
    ids_done(&o->uids);
    ids_done(&o->gids);
}

const char *options_usage(void)
{
    return "usage: coracle-overlay [-f] [-d] -o OPTION[,OPTION...] MOUNTPOINT\n"
           "\n"
           "    lowerdir=DIR[:DIR...]   layers, the topmost first\n"
           "    upperdir=DIR            where changes go; without it the mount is read-only\n"
           "    workdir=DIR             an empty directory on the file system of upperdir\n"
           "    uidmapping=DISK:SHOWN:N show user ids from DISK on as SHOWN (more, separated by colons); gidmapping\n"
           "    squash_to_root          everything belongs to root; squash_to_uid=N, squash_to_gid=N\n"
           "    xattr_permissions=N     owner and mode in an extended attribute: 1 "
           "security.fuseoverlayfs.override_stat,\n"
           "                            2 user.containers.override_stat\n"
           "    static_nlink            directories have one link\n"
           "    noacl                   no POSIX access control lists\n"
           "    volatile, fsync=0       fsync does nothing\n"
           "    size=BYTES, inodes=N    how much, and how many files, the upper directory may hold\n"
           "    timeout=SECONDS         how long names and attributes are kept by the kernel\n"
           "    threaded=0|1, writeback=0|1, ro, suid, nosuid, dev, nodev, exec, noexec, atime, noatime, allow_other\n";
}

/* The next part of `s` up to an unescaped `sep`, escapes kept; advances *s behind the separator, or to NULL. */
static struct err *options_next(const char **s, char sep, char **ret)
{
    const char *p = *s;
    while (*p && *p != sep)
        p += p[0] == '\\' && p[1] ? 2 : 1;
    TRY(mem_strndup(*s, (size_t)(p - *s), ret));
    *s = *p ? p + 1 : NULL;
    return NULL;
}

static void options_unescape(char *s)
{
    char *to = s;
    for (; *s; s++) {
        if (s[0] == '\\' && s[1])
            s++;
        *to++ = *s;
    }
    *to = '\0';
}

static struct err *options_path(const char *value, char **slot)
{
    if (!*value)
        return ERR_NEW(ERR_INVALID, "it names no directory");
    TRY(mem_replace(slot, value));
    options_unescape(*slot);
    return NULL;
}

static struct err *options_lower(struct options *o, const char *value)
{
    strv_clear(&o->lowers);
    while (value) {
        AUTO_FREE char *part = NULL;
        TRY(options_next(&value, ':', &part));
        options_unescape(part);
        if (!*part)
            return ERR_NEW(ERR_INVALID, "it names no directory");
        /* "::" begins the kernel's data-only layers. */
        if (o->lowers.count >= OPTIONS_LAYERS_MAX)
            return ERR_NEW(ERR_INVALID, "there are more than %d layers", OPTIONS_LAYERS_MAX);
        TRY(strv_take(&o->lowers, TAKE_PTR(part)));
    }
    return NULL;
}

static struct err *options_bool(const char *value, bool *ret)
{
    uint64_t n = 1;
    if (value)
        TRY(number_parse_u64(value, 1, &n));
    *ret = n != 0;
    return NULL;
}

static struct err *options_number(const char *value, uint32_t max, uint32_t *ret)
{
    uint64_t n = 0;
    TRY(number_parse_u64(value, max, &n));
    *ret = (uint32_t)n;
    return NULL;
}

static struct err *set_size(struct options *o, const char *value)
{
    TRY(number_parse_bytes(value, &o->max_bytes));
    return o->max_bytes > INT64_MAX ? ERR_NEW(ERR_INVALID, "%s is too much", value) : NULL;
}

static struct err *set_inodes(struct options *o, const char *value)
{
    return number_parse_u64(value, INT64_MAX, &o->max_files);
}

static struct err *set_lower(struct options *o, const char *value)
{
    return options_lower(o, value);
}

static struct err *set_upper(struct options *o, const char *value)
{
    return options_path(value, &o->upper);
}

static struct err *set_work(struct options *o, const char *value)
{
    return options_path(value, &o->work);
}

static struct err *set_uids(struct options *o, const char *value)
{
    return ids_parse(value, &o->uids);
}

static struct err *set_gids(struct options *o, const char *value)
{
    return ids_parse(value, &o->gids);
}

static struct err *set_squash_root(struct options *o, const char *value)
{
    bool on = false;
    TRY(options_bool(value, &on));
    if (on) {
        o->squash_uid = o->squash_gid = true;
        o->squash_to_uid = o->squash_to_gid = 0;
    }
    return NULL;
}

static struct err *set_squash_uid(struct options *o, const char *value)
{
    o->squash_uid = true;
    return options_number(value, UINT32_MAX - 1, &o->squash_to_uid);
}

static struct err *set_squash_gid(struct options *o, const char *value)
{
    o->squash_gid = true;
    return options_number(value, UINT32_MAX - 1, &o->squash_to_gid);
}

static struct err *set_xattr_permissions(struct options *o, const char *value)
{
    uint32_t n = 0;
    TRY(options_number(value, 2, &n));
    o->xattr_permissions = n;
    return NULL;
}

static struct err *set_static_nlink(struct options *o, const char *value)
{
    return options_bool(value, &o->static_nlink);
}

static struct err *set_noacl(struct options *o, const char *value)
{
    return options_bool(value, &o->no_acl);
}

static struct err *set_volatile(struct options *o, const char *value)
{
    return options_bool(value, &o->is_volatile);
}

static struct err *set_fsync(struct options *o, const char *value)
{
    bool on = true;
    TRY(options_bool(value, &on));
    o->no_fsync = !on;
    return NULL;
}

static struct err *set_writeback(struct options *o, const char *value)
{
    return options_bool(value, &o->writeback);
}

static struct err *set_threaded(struct options *o, const char *value)
{
    bool on = true;
    TRY(options_bool(value, &on));
    o->single_thread = !on;
    return NULL;
}

static struct err *set_timeout(struct options *o, const char *value)
{
    double d = 0;
    TRY(number_parse_double(value, &d));
    if (d < 0 || d > OPTIONS_TIMEOUT_DEFAULT)
        return ERR_NEW(ERR_INVALID, "it must be from 0 to 1000000000 seconds");
    o->timeout = d;
    return NULL;
}

static struct err *options_fd(const char *value, int *ret)
{
    uint32_t n = 0;
    TRY(options_number(value, 1U << 20, &n));
    *ret = (int)n;
    return NULL;
}

static struct err *set_ready_fd(struct options *o, const char *value)
{
    return options_fd(value, &o->ready_fd);
}

static struct err *set_device_fd(struct options *o, const char *value)
{
    return options_fd(value, &o->device_fd);
}

static struct err *set_watch_fd(struct options *o, const char *value)
{
    return options_fd(value, &o->watch_fd);
}

static struct err *set_private(struct options *o, const char *value)
{
    (void)value;
    o->private_mount = true;
    return NULL;
}

static struct err *set_nothing(struct options *o, const char *value)
{
    (void)o;
    (void)value;
    return NULL;
}

enum option_value { VALUE_NONE, VALUE_MAYBE, VALUE_NEEDED };

/* What fuse-overlayfs takes; the last three are for coracle's own use. */
static const struct option {
    const char *name;
    enum option_value value;
    struct err *(*set)(struct options *o, const char *value)ERR_RESULT;
} option_table[] = {
    {"lowerdir", VALUE_NEEDED, set_lower},
    {"upperdir", VALUE_NEEDED, set_upper},
    {"workdir", VALUE_NEEDED, set_work},
    {"uidmapping", VALUE_NEEDED, set_uids},
    {"gidmapping", VALUE_NEEDED, set_gids},
    {"squash_to_root", VALUE_MAYBE, set_squash_root},
    {"squash_to_uid", VALUE_NEEDED, set_squash_uid},
    {"squash_to_gid", VALUE_NEEDED, set_squash_gid},
    {"xattr_permissions", VALUE_NEEDED, set_xattr_permissions},
    {"static_nlink", VALUE_MAYBE, set_static_nlink},
    {"noacl", VALUE_MAYBE, set_noacl},
    {"volatile", VALUE_MAYBE, set_volatile},
    {"fsync", VALUE_MAYBE, set_fsync},
    {"writeback", VALUE_MAYBE, set_writeback},
    {"threaded", VALUE_MAYBE, set_threaded},
    {"timeout", VALUE_NEEDED, set_timeout},
    {"size", VALUE_NEEDED, set_size},
    {"inodes", VALUE_NEEDED, set_inodes},
    {"noallow_other", VALUE_NONE, set_private},
    /* What these ask for is the case anyway. */
    {"allow_other", VALUE_NONE, set_nothing},
    {"default_permissions", VALUE_NONE, set_nothing},
    {"userxattr", VALUE_NONE, set_nothing},
    {"ready_fd", VALUE_NEEDED, set_ready_fd},
    {"device_fd", VALUE_NEEDED, set_device_fd},
    {"watch_fd", VALUE_NEEDED, set_watch_fd},
};

static const struct option_flag {
    const char *name;
    unsigned long set, clear;
} option_flags[] = {
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"suid", 0, MS_NOSUID},
    {"nosuid", MS_NOSUID, 0},
    {"dev", 0, MS_NODEV},
    {"nodev", MS_NODEV, 0},
    {"exec", 0, MS_NOEXEC},
    {"noexec", MS_NOEXEC, 0},
    {"atime", 0, MS_NOATIME},
    {"noatime", MS_NOATIME, 0},
    {"sync", MS_SYNCHRONOUS, 0},
    {"async", 0, MS_SYNCHRONOUS},
    {"dirsync", MS_DIRSYNC, 0},
    {"nodiratime", MS_NODIRATIME, 0},
    {"diratime", 0, MS_NODIRATIME},
    {"relatime", MS_RELATIME, MS_STRICTATIME},
    {"strictatime", MS_STRICTATIME, MS_RELATIME},
};

static struct err *options_set(struct options *o, const char *name, const char *value)
{
    for (size_t i = 0; i < ARRAY_LEN(option_flags); i++) {
        if (strcmp(name, option_flags[i].name) != 0)
            continue;
        if (value)
            return ERR_NEW(ERR_INVALID, "option %s takes no value", name);
        o->mount_flags = (o->mount_flags & ~option_flags[i].clear) | option_flags[i].set;
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(option_table); i++) {
        const struct option *t = &option_table[i];
        if (strcmp(name, t->name) != 0)
            continue;
        if (value ? t->value == VALUE_NONE : t->value == VALUE_NEEDED)
            return ERR_NEW(ERR_INVALID, "option %s %s", name, value ? "takes no value" : "needs a value");
        return ERR_WRAP(t->set(o, value), "option %s", name);
    }
    return ERR_NEW(ERR_INVALID, "unknown option %s", name);
}

struct err *options_parse_list(const char *list, struct options *o)
{
    while (list) {
        AUTO_FREE char *part = NULL;
        TRY(options_next(&list, ',', &part));
        if (!*part) /* ",," and a trailing comma: mount(8) lets them pass, and Podman writes them */
            continue;
        char *value = strchr(part, '=');
        if (value)
            *value++ = '\0';
        TRY(options_set(o, part, value));
    }
    return NULL;
}

static struct err *options_argument(struct options *o, const char *arg)
{
    if (strcmp(arg, "-f") == 0)
        o->foreground = true;
    else if (strcmp(arg, "-d") == 0 || strcmp(arg, "--debug") == 0)
        o->foreground = o->is_debug = true;
    else if (strcmp(arg, "-s") == 0)
        o->single_thread = true;
    else if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0)
        o->is_help = true;
    else if (strcmp(arg, "-V") == 0 || strcmp(arg, "--version") == 0)
        o->is_version = true;
    else if (arg[0] == '-' && arg[1])
        return ERR_NEW(ERR_INVALID, "unknown option %s", arg);
    else if (o->target)
        return ERR_NEW(ERR_INVALID, "more than one mount point: %s and %s", o->target, arg);
    else
        return mem_strdup(arg, &o->target);
    return NULL;
}

static struct err *options_arguments(int argc, char *const *argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strncmp(arg, "-o", 2) == 0) {
            const char *list = arg[2] ? arg + 2 : i + 1 < argc ? argv[++i] : NULL;
            if (!list)
                return ERR_NEW(ERR_INVALID, "option -o needs a value");
            TRY(options_parse_list(list, o));
        } else {
            TRY(options_argument(o, arg));
        }
    }
    return NULL;
}

static struct err *options_check(const struct options *o)
{
    if (o->is_help || o->is_version)
        return NULL;
    if (!o->target && o->device_fd < 0)
        return ERR_NEW(ERR_INVALID, "no mount point is given");
    if (!o->upper != !o->work)
        return ERR_NEW(ERR_INVALID, "upperdir and workdir need each other");
    if (o->lowers.count == 0 && !o->upper)
        return ERR_NEW(ERR_INVALID, "no lowerdir is given");
    return NULL;
}

struct err *options_parse(int argc, char *const *argv, struct options *ret)
{
    *ret = (struct options){.timeout = OPTIONS_TIMEOUT_DEFAULT, .ready_fd = -1, .device_fd = -1, .watch_fd = -1};
    struct err *e = options_arguments(argc, argv, ret);
    if (!e)
        e = options_check(ret);
    if (e)
        options_done(ret);
    return e;
}
