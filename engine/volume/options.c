#include "engine/volume/options.h"

#include <string.h>

#include "base/mem.h"
#include "base/number.h"

void volume_options_done(struct volume_options *o)
{
    mem_freep(&o->device);
    strv_done(&o->binds);
    strv_done(&o->tmpfs);
}

/* What was said, before it is known of which kind the volume is. */
struct said {
    const char *type, *device;
    bool size; /* or inodes: limits */
};

static struct err *set_id(const char *value, bool *has, uint32_t *id)
{
    uint64_t n;
    TRY(number_parse_u64(value, UINT32_MAX - 1, &n));
    *has = true;
    *id = (uint32_t)n;
    return NULL;
}

/* Options of a mount that say something about the mount alone; and those of tmpfs, tmpfs(5). */
static bool is_bind_option(const char *s)
{
    static const char *const names[] = {"bind",     "rbind",  "ro",      "rw",    "nodev",   "dev",
                                        "nosuid",   "suid",   "noexec",  "exec",  "noatime", "private",
                                        "rprivate", "shared", "rshared", "slave", "rslave"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], s) == 0)
            return true;
    return false;
}

static struct err *check_size(const char *value)
{
    uint64_t bytes;
    size_t len = strlen(value);
    if (len && value[len - 1] == '%')
        return NULL;
    return number_parse_bytes(value, &bytes);
}

/* One of the parts of o=. */
static struct err *add_part(struct volume_options *o, struct said *said, const char *part)
{
    const char *value = strchr(part, '=');
    size_t len = value ? (size_t)(value - part) : strlen(part);
    value = value ? value + 1 : NULL;
    if (!value && is_bind_option(part))
        return strv_add(&o->binds, part);
    if (strcmp(part, "nocopy") == 0 || strcmp(part, "copy") == 0) {
        o->no_copy = *part == 'n';
        return NULL;
    }
    if (value && len == 3 && strncmp(part, "uid", 3) == 0)
        return set_id(value, &o->has_uid, &o->uid);
    if (value && len == 3 && strncmp(part, "gid", 3) == 0)
        return set_id(value, &o->has_gid, &o->gid);
    if (value && len == 4 && strncmp(part, "mode", 4) == 0) {
        uint32_t mode;
        TRY(number_parse_octal(value, 07777, &mode));
        return strv_add(&o->tmpfs, part);
    }
    if (value && len == 4 && strncmp(part, "size", 4) == 0) {
        said->size = true;
        TRY(check_size(value));
        return strv_add(&o->tmpfs, part);
    }
    if (value && (strncmp(part, "inodes=", 7) == 0 || strncmp(part, "nr_inodes=", 10) == 0)) {
        said->size = true;
        TRY(check_size(value));
        return strv_addf(&o->tmpfs, "nr_inodes=%s", value);
    }
    return ERR_NEW(ERR_INVALID, "unknown mount option \"%s\"", part);
}

static struct err *add_parts(struct volume_options *o, struct said *said, const char *value)
{
    AUTO_STRV struct strv parts = STRV_INIT;
    TRY(strv_split(value, ',', &parts));
    for (size_t i = 0; i < parts.count; i++)
        if (*parts.items[i])
            TRY_WRAP(add_part(o, said, parts.items[i]), "volume option o=%s", value);
    return NULL;
}

static struct err *add_pair(struct volume_options *o, struct said *said, const char *pair)
{
    static const char *const parts[] = {"uid=", "gid=", "size=", "inodes="};
    if (strncmp(pair, "type=", 5) == 0) {
        said->type = pair + 5;
        return NULL;
    }
    if (strncmp(pair, "device=", 7) == 0) {
        said->device = pair + 7;
        return NULL;
    }
    if (strncmp(pair, "o=", 2) == 0)
        return add_parts(o, said, pair + 2);
    if (strcmp(pair, "nocopy") == 0 || strncmp(pair, "nocopy=", 7) == 0) {
        o->no_copy = true;
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (strncmp(pair, parts[i], strlen(parts[i])) == 0)
            return ERR_WRAP(add_part(o, said, pair), "volume option %s", pair);
    return ERR_NEW(ERR_INVALID, "invalid option \"%s\": invalid argument", pair);
}

static struct err *settle_bind(struct volume_options *o, const struct said *said)
{
    if (!said->device || said->device[0] != '/')
        return ERR_NEW(ERR_INVALID, "volume option device=%s: a bind mount needs the absolute path of a directory",
                       said->device ? said->device : "");
    if (said->size || o->tmpfs.count)
        return ERR_NEW(ERR_UNSUPPORTED, "volume option o=%s: a directory of the host cannot be limited or given a mode",
                       o->tmpfs.items[0]);
    if (o->has_uid || o->has_gid)
        return ERR_NEW(ERR_UNSUPPORTED, "volume option o=%cid=%u: a directory of the host keeps its owner",
                       o->has_uid ? 'u' : 'g', o->has_uid ? o->uid : o->gid);
    o->kind = VOLUME_BIND;
    return mem_strdup(said->device, &o->device);
}

static struct err *settle_directory(struct volume_options *o, const struct said *said)
{
    if (said->size)
        return ERR_NEW(ERR_UNSUPPORTED,
                       "volume option o=%s: limits of volumes need project quotas, which are not built; "
                       "type=tmpfs can have a limit",
                       o->tmpfs.items[0]);
    if (o->tmpfs.count || o->binds.count)
        return ERR_NEW(ERR_INVALID, "volume option o=%s: without type and device there is nothing to mount",
                       o->tmpfs.count ? o->tmpfs.items[0] : o->binds.items[0]);
    o->kind = VOLUME_DIRECTORY;
    return NULL;
}

static struct err *settle_tmpfs(struct volume_options *o)
{
    o->kind = VOLUME_TMPFS;
    for (size_t i = 0; i < o->binds.count; i++)
        if (strcmp(o->binds.items[i], "bind") == 0 || strcmp(o->binds.items[i], "rbind") == 0)
            return ERR_NEW(ERR_INVALID, "volume option o=%s: not with type=tmpfs", o->binds.items[i]);
    if (o->has_uid)
        TRY(strv_addf(&o->tmpfs, "uid=%u", o->uid));
    return o->has_gid ? strv_addf(&o->tmpfs, "gid=%u", o->gid) : NULL;
}

static struct err *settle(struct volume_options *o, const struct said *said)
{
    if (said->type && strcmp(said->type, "tmpfs") == 0)
        return settle_tmpfs(o);
    return said->device || (said->type && *said->type) ? settle_bind(o, said) : settle_directory(o, said);
}

/* Before anything else: the other options of such a type say nothing here. */
static struct err *check_type(const char *type)
{
    static const char *const known[] = {"", "none", "bind", "tmpfs"};
    for (size_t i = 0; type && i < ARRAY_LEN(known); i++)
        if (strcmp(known[i], type) == 0)
            return NULL;
    return type ? ERR_NEW(ERR_UNSUPPORTED,
                          "volume option type=%s: a user without root can mount tmpfs and directories only", type)
                : NULL;
}

struct err *volume_options_parse(const struct strv *pairs, struct volume_options *ret)
{
    AUTO_VOLUME_OPTIONS struct volume_options o = {.kind = VOLUME_DIRECTORY};
    struct said said = {0};
    TRY(check_type(strv_env_get(pairs, "type")));
    for (size_t i = 0; i < pairs->count; i++)
        TRY(add_pair(&o, &said, pairs->items[i]));
    TRY(settle(&o, &said));
    *ret = o;
    o = (struct volume_options){0};
    return NULL;
}
