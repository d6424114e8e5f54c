#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/strv.h"
#include "engine/secret/secret.h"

#define DEFAULT_MODE 0444
#define ID_MAX (UINT32_MAX - 1)

void secret_use_done(struct secret_use *u)
{
    mem_freep(&u->source);
    mem_freep(&u->target);
    *u = (struct secret_use){0};
}

static struct err *parse_number(const char *what, const char *text, bool octal, uint32_t *ret)
{
    uint64_t value = 0;
    struct err *e = octal ? number_parse_octal(text, 07777, ret) : number_parse_u64(text, ID_MAX, &value);
    if (e) {
        err_drop(e);
        return ERR_NEW(ERR_INVALID, "%s %s invalid: parsing secret", what, text);
    }
    if (!octal)
        *ret = (uint32_t)value;
    return NULL;
}

/* `option` is "key=value". *ret_mount: it makes sense for files alone. */
static struct err *parse_option(const char *option, struct secret_use *u, bool *ret_mount)
{
    const char *eq = strchr(option, '='), *value = eq ? eq + 1 : "";
    if (!eq)
        return ERR_NEW(ERR_INVALID, "option %s must be in form option=value: parsing secret", option);
    if (strncmp(option, "source=", 7) == 0)
        return mem_replace(&u->source, value);
    if (strncmp(option, "target=", 7) == 0)
        return mem_replace(&u->target, value);
    if (strncmp(option, "type=", 5) == 0) {
        if (strcmp(value, "mount") != 0 && strcmp(value, "env") != 0)
            return ERR_NEW(ERR_INVALID, "type %s is invalid: parsing secret", value);
        u->env = *value == 'e';
        return NULL;
    }
    *ret_mount = true;
    if (strncmp(option, "mode=", 5) == 0)
        return parse_number("mode", value, true, &u->mode);
    if (strncmp(option, "uid=", 4) == 0)
        return parse_number("UID", value, false, &u->ct_uid);
    if (strncmp(option, "gid=", 4) == 0)
        return parse_number("GID", value, false, &u->ct_gid);
    return ERR_NEW(ERR_INVALID, "option %s invalid: parsing secret", option);
}

/* A relative target is below /run/secrets and stays there. */
static struct err *check_target(const struct secret_use *u)
{
    AUTO_STRV struct strv parts = STRV_INIT;
    if (u->env)
        return strchr(u->target, '=') ? ERR_NEW(ERR_INVALID, "target %s invalid: parsing secret", u->target) : NULL;
    TRY(strv_split(u->target, '/', &parts));
    for (size_t i = 0; i < parts.count; i++)
        if (strcmp(parts.items[i], "..") == 0 || strcmp(parts.items[i], ".") == 0 ||
            (!*parts.items[i] && (i > 0 || u->target[0] != '/')))
            return ERR_NEW(ERR_INVALID, "target %s invalid: parsing secret", u->target);
    if (u->target[0] != '/' && parts.count > 1)
        return ERR_NEW(ERR_INVALID, "target %s invalid: neither a name nor an absolute path: parsing secret",
                       u->target);
    return NULL;
}

struct err *secret_use_parse(const char *text, struct secret_use *ret)
{
    AUTO_SECRET_USE struct secret_use u = {.mode = DEFAULT_MODE};
    AUTO_STRV struct strv parts = STRV_INIT;
    bool mount_only = false;
    TRY(strv_split(text, ',', &parts));
    size_t first = parts.count && !strchr(parts.items[0], '=');
    if (first)
        TRY(mem_replace(&u.source, parts.items[0]));
    for (size_t i = first; i < parts.count; i++)
        TRY(parse_option(parts.items[i], &u, &mount_only));
    if (!u.source || !*u.source)
        return ERR_NEW(ERR_INVALID, "no source found %s: parsing secret", text);
    if (u.env && mount_only)
        return ERR_NEW(ERR_INVALID, "UID, GID, Mode options cannot be set with secret type env: parsing secret");
    if (!u.target || !*u.target)
        TRY(mem_replace(&u.target, u.source));
    TRY(check_target(&u));
    *ret = u;
    u = (struct secret_use){0};
    return NULL;
}
