/* --mount type=…,key=value,…: podman-run(1), "--mount". One table names every key, the types of mount that it goes with
 * and what it sets.
 *
 * The keys that are options of the mount are gathered as text in the order given and then go the way of -v's options
 * (mountopt.h), so that both flags mean the same and complain with the same words. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/container/mountopt.h"
#include "engine/container/spec_internal.h"

#define FORMAT                                   \
    "incorrect mount format: should be --mount " \
    "type=<bind|tmpfs|volume>,[src=<host-dir|volume-name>,]target=<ctr-dir>[,options]"

/* A mount while its keys are read. */
struct draft {
    struct mount_spec m;
    struct strv options; /* for mountopt_finish */
    bool has_source, has_write, has_copyup, has_chown, has_bind;
};

static void draft_done(struct draft *d)
{
    spec_mount_done(&d->m);
    strv_done(&d->options);
}

#define T(type) (1u << MOUNT_##type)
#define T_MEMORY (T(TMPFS) | T(RAMFS))
#define T_HOST (T(BIND) | T(GLOB))
#define T_FILES (T_HOST | T(VOLUME) | T_MEMORY)
#define T_ALL (T_FILES | T(DEVPTS) | T(IMAGE) | T(ARTIFACT))

/* Podman's words for a key without "=". */
static struct err *need_value(const char *key, const char *value)
{
    return value ? NULL : ERR_NEW(ERR_INVALID, "%s: must provide an argument for option", key);
}

/* "true", "false", or nothing, which means true. */
static struct err *bool_value(const char *names, const char *value, bool *ret)
{
    if (value && strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0)
        return ERR_NEW(ERR_INVALID,
                       "%s must be set to true or false, instead received \"%s\": must provide an argument for option",
                       names, value);
    *ret = !value || strcasecmp(value, "true") == 0;
    return NULL;
}

/* A host path becomes absolute now: later nobody knows the directory that the command was given in. */
static struct err *set_source(struct draft *d, const char *key, const char *value)
{
    TRY(need_value(key, value));
    if (d->m.type == MOUNT_TMPFS || d->m.type == MOUNT_RAMFS)
        return ERR_NEW(ERR_INVALID, "source is not supported with tmpfs mounts");
    if (value[0] == '\0' && d->m.type != MOUNT_VOLUME)
        return ERR_NEW(ERR_INVALID, "host directory cannot be empty: must provide an argument for option");
    d->has_source = true;
    free(TAKE_PTR(d->m.source));
    bool host = d->m.type == MOUNT_BIND || d->m.type == MOUNT_GLOB;
    return host ? path_absolute(value, &d->m.source) : mem_strdup(value, &d->m.source);
}

/* The last one counts, as in Podman. */
static struct err *set_target(struct draft *d, const char *key, const char *value)
{
    TRY(need_value(key, value));
    free(TAKE_PTR(d->m.target));
    return spec_check_target(value, &d->m.target);
}

/* "ro=false" and "rw" mean the same; only one of the family may be given. */
static struct err *set_write(struct draft *d, const char *key, const char *value)
{
    if (d->has_write)
        return ERR_NEW(
            ERR_INVALID,
            "cannot pass 'readonly', 'ro', or 'rw' options more than once: must provide an argument for option");
    d->has_write = true;
    bool on = true;
    TRY(bool_value("'readonly', 'ro', or 'rw'", value, &on));
    bool writable = strcmp(key, "rw") == 0 || strcmp(key, "readwrite") == 0 ? on : !on;
    d->m.read_only = !writable;
    return strv_add(&d->options, writable ? "rw" : "ro");
}

/* "nosuid", "exec", "rshared": the key is the option. */
static struct err *set_plain(struct draft *d, const char *key, const char *value)
{
    if (value)
        return ERR_NEW(ERR_INVALID, "%s: takes no argument: invalid mount option", key);
    return strv_add(&d->options, key);
}

/* bind-propagation=rslave is the option "rslave". */
static struct err *set_propagation(struct draft *d, const char *key, const char *value)
{
    TRY(need_value(key, value));
    if (!mountopt_is_propagation(value))
        return ERR_NEW(ERR_INVALID, "invalid option type \"%s\"", value);
    return strv_add(&d->options, value);
}

/* The kernel's "bind" instead of "rbind". */
static struct err *set_nonrecursive(struct draft *d, const char *key, const char *value)
{
    (void)key;
    if (d->has_bind)
        return ERR_NEW(ERR_INVALID,
                       "cannot pass 'bind-nonrecursive' option more than once: must provide an argument for option");
    d->has_bind = true;
    bool on = true;
    TRY(bool_value("'bind-nonrecursive'", value, &on));
    return strv_add(&d->options, on ? "bind" : "rbind");
}

/* As :U of -v. */
static struct err *set_chown(struct draft *d, const char *key, const char *value)
{
    (void)key;
    if (d->has_chown)
        return ERR_NEW(ERR_INVALID,
                       "cannot pass 'U' or 'chown' option more than once: must provide an argument for option");
    d->has_chown = true;
    bool on = true;
    TRY(bool_value("'U' or 'chown'", value, &on));
    return on ? strv_add(&d->options, "U") : NULL;
}

/* The key is the option; a value is not looked at, as in Podman. */
static struct err *set_copyup(struct draft *d, const char *key, const char *value)
{
    (void)value;
    if (d->has_copyup)
        return ERR_NEW(
            ERR_INVALID,
            "cannot pass 'tmpcopyup' and 'notmpcopyup' options more than once: must provide an argument for option");
    d->has_copyup = true;
    return strv_add(&d->options, key);
}

/* "tmpfs-size=1m" is the option "size=1m". */
static struct err *set_tmpfs(struct draft *d, const char *key, const char *value)
{
    TRY(need_value(key, value));
    return strv_addf(&d->options, "%s=%s", key + strlen("tmpfs-"), value);
}

/* With nothing behind it the container's own map. */
static struct err *set_idmap(struct draft *d, const char *key, const char *value)
{
    (void)key;
    return value ? strv_addf(&d->options, "idmap=%s", value) : strv_add(&d->options, "idmap");
}

/* SELinux: see mountopt.c. */
static struct err *set_relabel(struct draft *d, const char *key, const char *value)
{
    (void)d, (void)key;
    if (!value || (strcmp(value, "private") != 0 && strcmp(value, "shared") != 0))
        return ERR_NEW(ERR_INVALID, "relabel mount option must be 'private' or 'shared': invalid mount option");
    return NULL;
}

/* Below the volume; opened inside it, never by the host's rules, when the container starts. */
static struct err *set_subpath(struct draft *d, const char *key, const char *value)
{
    TRY(need_value(key, value));
    return mem_replace(&d->m.subpath, value);
}

/* Options of the volume's driver, kept as text. */
static struct err *set_volume_opt(struct draft *d, const char *key, const char *value)
{
    TRY(need_value(key, value));
    return strv_add(&d->m.volume_options, value);
}

static struct err *set_driver(struct draft *d, const char *key, const char *value)
{
    TRY(need_value(key, value));
    return mem_replace(&d->m.volume_driver, value);
}

/* Which file of an artifact, and what it is called inside. */
static struct err *set_text(struct draft *d, const char *key, const char *value)
{
    TRY(need_value(key, value));
    if (strcmp(key, "name") == 0 &&
        (!*value || strchr(value, '/') || strcmp(value, ".") == 0 || strcmp(value, "..") == 0))
        return ERR_NEW(ERR_INVALID, "%s=%s: not the name of a file: invalid mount option", key, value);
    return mem_replace(strcmp(key, "digest") == 0  ? &d->m.digest
                       : strcmp(key, "title") == 0 ? &d->m.title
                                                   : &d->m.file_name,
                       value);
}

/* Docker has "volume-nocopy", newer Podman "copy" and "nocopy". */
static struct err *set_nocopy(struct draft *d, const char *key, const char *value)
{
    bool on = true;
    TRY(bool_value("'volume-nocopy'", value, &on));
    return strcmp(key, "copy") == 0 || !on ? strv_add(&d->options, "copy") : strv_add(&d->options, "nocopy");
}

static struct err *refuse_label(struct draft *d, const char *key, const char *value)
{
    (void)d, (void)key, (void)value;
    return ERR_NEW(ERR_INVALID, "the --volume-label option is not presently implemented");
}

/* consistency=: of Docker on other systems. */
static struct err *set_ignored(struct draft *d, const char *key, const char *value)
{
    (void)d, (void)key, (void)value;
    return NULL;
}

/* devpts takes its options as the kernel does. */
static struct err *set_devpts(struct draft *d, const char *key, const char *value)
{
    TRY(need_value(key, value));
    size_t len = strlen(value);
    bool octal = strstr(key, "mode") != NULL;
    if (len == 0 || len > 10 || strspn(value, octal ? "01234567" : "0123456789") != len)
        return ERR_NEW(ERR_INVALID, "%s=%s: not a number: invalid mount option", key, value);
    return strv_addf(&d->options, "%s=%s", key, value);
}

static const struct mount_key {
    const char *name;
    unsigned types;
    struct err *(*set)(struct draft *d, const char *key, const char *value);
} keys[] = {
    {"src", T_FILES | T(IMAGE) | T(ARTIFACT), set_source},
    {"source", T_FILES | T(IMAGE) | T(ARTIFACT), set_source},
    {"dst", T_ALL, set_target},
    {"destination", T_ALL, set_target},
    {"target", T_ALL, set_target},
    {"ro", T_FILES, set_write},
    {"readonly", T_FILES, set_write},
    {"rw", T_FILES | T(IMAGE), set_write},
    {"readwrite", T(IMAGE), set_write},
    {"exec", T_FILES, set_plain},
    {"noexec", T_FILES, set_plain},
    {"dev", T_FILES, set_plain},
    {"nodev", T_FILES, set_plain},
    {"suid", T_FILES, set_plain},
    {"nosuid", T_FILES, set_plain},
    {"private", T_HOST, set_plain},
    {"rprivate", T_HOST, set_plain},
    {"slave", T_HOST, set_plain},
    {"rslave", T_HOST, set_plain},
    {"shared", T_HOST, set_plain},
    {"rshared", T_HOST, set_plain},
    {"unbindable", T_HOST, set_plain},
    {"runbindable", T_HOST, set_plain},
    {"bind", T_HOST, set_plain},
    {"rbind", T_HOST, set_plain},
    {"z", T_HOST | T(VOLUME), set_plain},
    {"Z", T_HOST | T(VOLUME), set_plain},
    {"bind-propagation", T_HOST, set_propagation},
    {"bind-nonrecursive", T_HOST, set_nonrecursive},
    {"relabel", T_HOST, set_relabel},
    {"idmap", T_HOST | T(VOLUME), set_idmap},
    {"U", T_FILES, set_chown},
    {"chown", T_FILES, set_chown},
    {"tmpfs-size", T(TMPFS), set_tmpfs},
    {"tmpfs-mode", T_MEMORY, set_tmpfs},
    {"tmpcopyup", T(TMPFS), set_copyup},
    {"notmpcopyup", T(TMPFS), set_copyup},
    {"subpath", T(VOLUME) | T(IMAGE), set_subpath},
    {"volume-subpath", T(VOLUME), set_subpath},
    {"volume-opt", T(VOLUME), set_volume_opt},
    {"volume-driver", T(VOLUME), set_driver},
    {"volume-label", T(VOLUME), refuse_label},
    {"volume-nocopy", T(VOLUME), set_nocopy},
    {"copy", T(VOLUME), set_nocopy},
    {"nocopy", T(VOLUME), set_nocopy},
    {"digest", T(ARTIFACT), set_text},
    {"title", T(ARTIFACT), set_text},
    {"name", T(ARTIFACT), set_text},
    {"consistency", T_ALL, set_ignored},
    {"uid", T(DEVPTS), set_devpts},
    {"gid", T(DEVPTS), set_devpts},
    {"mode", T(DEVPTS), set_devpts},
    {"ptmxmode", T(DEVPTS), set_devpts},
    {"max", T(DEVPTS), set_devpts},
};

/* Fields of one CSV record, RFC 4180: a field that begins with a quote ends with one, and "" inside is a quote. */
static struct err *split_csv(const char *value, struct strv *ret)
{
    const char *p = value;
    for (;;) {
        AUTO_STRBUF struct strbuf field = STRBUF_INIT;
        bool quoted = *p == '"';
        p += quoted;
        for (; *p && (quoted || *p != ','); p++) {
            if (*p == '"' && !quoted)
                return ERR_NEW(ERR_INVALID, "parse error on line 1, column %zu: bare \" in non-quoted-field",
                               (size_t)(p - value) + 1);
            if (*p == '"' && p[1] != '"')
                break;
            p += *p == '"';
            TRY(strbuf_putc(&field, *p));
        }
        if (quoted && *p++ != '"')
            return ERR_NEW(ERR_INVALID, "parse error on line 1, column %zu: extraneous or missing \" in quoted-field",
                           (size_t)(p - value));
        TRY(strv_add(ret, strbuf_str(&field)));
        if (*p == '\0')
            return NULL;
        if (*p++ != ',')
            return ERR_NEW(ERR_INVALID, "parse error on line 1, column %zu: extraneous or missing \" in quoted-field",
                           (size_t)(p - value));
    }
}

/* It may stand anywhere in the list, and decides what the other keys mean. */
static struct err *find_type(const struct strv *fields, enum mount_type *ret)
{
    static const char *const names[] = {"bind", "volume", "tmpfs", "ramfs", "devpts", "image", "glob", "artifact"};
    const char *type = NULL;
    for (size_t i = 0; i < fields->count; i++)
        if (strncmp(fields->items[i], "type=", 5) == 0)
            type = fields->items[i] + 5;
    if (!type)
        return ERR_NEW(ERR_INVALID, FORMAT);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], type) == 0) {
            *ret = (enum mount_type)i;
            return NULL;
        }
    }
    return ERR_NEW(ERR_INVALID, "invalid filesystem type \"%s\"", type);
}

/* A key that exists for another type of mount is as wrong here as one that doesn't exist. */
static struct err *set_key(struct draft *d, const char *field)
{
    const char *eq = strchr(field, '=');
    size_t len = eq ? (size_t)(eq - field) : strlen(field);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct mount_key *k = &keys[i];
        if (strlen(k->name) == len && memcmp(k->name, field, len) == 0 && (k->types & (1u << d->m.type)))
            return k->set(d, k->name, eq ? eq + 1 : NULL);
    }
    return ERR_NEW(ERR_INVALID, "%.*s: invalid mount option", (int)len, field);
}

/* Keys that cannot be missing, and what stands for those that can. */
static struct err *complete(struct draft *d)
{
    struct mount_spec *m = &d->m;
    if (m->type == MOUNT_ARTIFACT && (!m->source || !*m->source || !m->target))
        return ERR_NEW(ERR_INVALID, "must set source and destination for artifact volume");
    if (m->type == MOUNT_ARTIFACT && m->digest && m->title)
        return ERR_NEW(ERR_INVALID, "cannot specify both digest and title");
    if (m->type == MOUNT_GLOB && !m->source)
        return ERR_NEW(ERR_INVALID, "no file paths matching glob \"\"");
    if (m->type == MOUNT_GLOB && !m->target)
        return mem_strdup("", &m->target);
    if (m->type == MOUNT_IMAGE) {
        if (!m->source || !m->target)
            return ERR_NEW(ERR_INVALID, "must set source and destination for image volume");
        if (!d->has_write)
            TRY(strv_add(&d->options, "ro"));
    }
    return m->target ? NULL : ERR_NEW(ERR_INVALID, "must set volume destination");
}

/* What remains to be decided when all keys are known. */
static struct err *finish(struct draft *d)
{
    struct mount_spec *m = &d->m;
    TRY(complete(d));
    if (m->type == MOUNT_ARTIFACT) { /* its files are everybody's who has it */
        m->read_only = true;
        return NULL;
    }
    if (m->type == MOUNT_DEVPTS) {
        m->options = d->options;
        d->options = (struct strv)STRV_INIT;
        return NULL;
    }
    if (m->type == MOUNT_BIND && !d->has_source)
        TRY(mem_strdup(m->target, &m->source));
    if (m->type == MOUNT_VOLUME && !m->source)
        TRY(mem_strdup("", &m->source));
    if (m->type == MOUNT_VOLUME && m->source[0])
        TRY_WRAP(spec_check_name(m->source), "creating named volume \"%s\": running volume create option", m->source);
    if (m->type == MOUNT_BIND || m->type == MOUNT_GLOB || m->type == MOUNT_VOLUME)
        TRY(mountopt_check(&d->options));
    return mountopt_finish(&d->options, m);
}

/* Two passes over the fields: the type first. */
struct err *spec_add_mount(struct container_spec *s, const char *value)
{
    AUTO_STRV struct strv fields = STRV_INIT;
    __attribute__((cleanup(draft_done))) struct draft d = {0};
    TRY(split_csv(value, &fields));
    TRY(find_type(&fields, &d.m.type));
    for (size_t i = 0; i < fields.count; i++)
        if (strncmp(fields.items[i], "type=", 5) != 0)
            TRY(set_key(&d, fields.items[i]));
    TRY(finish(&d));
    return d.m.type == MOUNT_GLOB ? spec_take_mount(s, &d.m) : spec_take_mount_once(s, &d.m);
}
