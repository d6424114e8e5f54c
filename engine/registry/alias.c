/* short-name-aliases.conf: what the user chose when a short name was ambiguous; TOML with one table, [aliases].
 *
 * Where Podman has it: $XDG_CACHE_HOME/containers or ~/.cache/containers; for root /var/cache/containers. Read and
 * written whole under a lock on its directory, so that two commands that record at once lose nothing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/registry/conf.h"
#include "engine/registry/places.h"
#include "engine/registry/toml.h"

#define FILE_NAME "short-name-aliases.conf"

struct err *alias_load(struct registry_conf *c)
{
    AUTO_FREE char *dir = NULL, *path = NULL, *text = NULL;
    AUTO_JSON json_t *root = NULL;
    json_t *aliases = NULL, *v;
    const char *name;
    size_t len = 0;
    TRY(places_cache_dir(&dir));
    if (!dir)
        return NULL;
    TRY(mem_asprintf(&path, "%s/" FILE_NAME, dir));
    if (access(path, R_OK) < 0 && errno == EACCES) /* uid 0 of a user namespace is not whom root's file is for */
        return NULL;
    TRY(places_read(path, TOML_MAX_BYTES, &text, &len));
    if (!text)
        return NULL;
    TRY(toml_parse(text, len, path, &root));
    TRY(json_get_obj(root, "aliases", path, &aliases));
    json_object_foreach (aliases, name, v) {
        if (!json_is_string(v))
            return ERR_NEW(ERR_INVALID, "%s: the alias %s is no string", path, name);
        if (json_object_set(c->aliases, name, v))
            return err_oom();
        TRY(json_put_str(c->alias_files, name, path));
    }
    return NULL;
}

/* Names of repositories need no escaping; others never come here, but a file stays a file. */
static struct err *put_string(struct strbuf *out, const char *s)
{
    for (const char *p = s; *p; p++)
        if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20)
            return ERR_NEW(ERR_INVALID, "an alias with such characters is not recorded");
    return strbuf_printf(out, "\"%s\"", s);
}

static struct err *write_aliases(int dirfd, const json_t *aliases)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    const char *name;
    json_t *v, *copy = json_deep_copy(aliases);
    struct err *e = copy ? strbuf_puts(&out, "[aliases]\n") : err_oom();
    json_object_foreach (copy, name, v) {
        if (!e)
            e = strbuf_puts(&out, "  ");
        if (!e)
            e = put_string(&out, name);
        if (!e)
            e = strbuf_puts(&out, " = ");
        if (!e)
            e = put_string(&out, json_string_value(v) ? json_string_value(v) : "");
        if (!e)
            e = strbuf_putc(&out, '\n');
    }
    json_decref(copy);
    return e ? e : file_write_atomic(dirfd, FILE_NAME, out.data, out.len, 0600, FILE_NOSYNC);
}

struct err *registry_conf_record_alias(const char *name, const char *repository)
{
    AUTO_FREE char *dir = NULL, *text = NULL;
    AUTO_JSON json_t *root = NULL;
    AUTO_FD int dirfd = -1;
    json_t *aliases = NULL;
    size_t len = 0;
    TRY(places_cache_dir(&dir));
    if (!dir)
        return NULL;
    TRY(file_mkdirs(dir, 0700));
    TRY(file_open_locked(AT_FDCWD, dir, true, true, &dirfd));
    struct err *e = file_read(dirfd, FILE_NAME, TOML_MAX_BYTES, &text, &len);
    if (e && err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_drop(e);
    TRY(toml_parse(text ? text : "", len, FILE_NAME, &root));
    TRY(json_get_obj(root, "aliases", FILE_NAME, &aliases));
    if (!aliases)
        TRY(json_put_obj(root, "aliases", &aliases));
    TRY(json_put_str(aliases, name, repository));
    return ERR_WRAP(write_aliases(dirfd, aliases), "write %s/" FILE_NAME, dir);
}
