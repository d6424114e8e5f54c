/* Volumes: create, find, remove; see volume.h. */
#include "engine/volume/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/override.h"
#include "base/timefmt.h"
#include "engine/engine.h"
#include "engine/store/store.h"
#include "engine/volume/internal.h"
#include "rootless/session.h"

void volume_free(struct volume *v)
{
    if (!v)
        return;
    mem_freep(&v->name);
    mem_freep(&v->driver);
    mem_freep(&v->mountpoint);
    strv_done(&v->labels);
    strv_done(&v->options);
    mem_freep(&v);
}

struct err *volume_from_row(struct engine *e, struct store_stmt *st, struct volume **ret)
{
    struct volume *v = mem_zalloc(sizeof(*v));
    if (!v)
        return err_oom();
    v->created_nsec = store_col_int(st, 2);
    v->anonymous = store_col_int(st, 3) != 0;
    v->needs_copy_up = store_col_int(st, 4) != 0;
    v->containers = (uint64_t)store_col_int(st, 7);
    struct err *err = mem_strdup(store_col_text(st, 0), &v->name);
    if (!err)
        err = mem_strdup(store_col_text(st, 1), &v->driver);
    if (!err)
        err = json_pairs_parse(store_col_text(st, 5), "volume", &v->labels);
    if (!err)
        err = json_pairs_parse(store_col_text(st, 6), "volume", &v->options);
    if (!err)
        err = mem_asprintf(&v->mountpoint, "%s/volumes/%s/_data", engine_root(e), v->name);
    if (err) {
        volume_free(v);
        return err;
    }
    *ret = v;
    return NULL;
}

/* Options of the local driver. */
static struct err *check_options(const struct volume_create_opts *opts, struct volume_options *ret)
{
    if (opts->driver && strcmp(opts->driver, "local") != 0)
        return ERR_NEW(ERR_UNSUPPORTED, "volume driver %s: only the local driver is built", opts->driver);
    return volume_options_parse(&opts->options, ret);
}

/* The directory volumes/<name>/_data, visible by rename of a finished one. */
static struct err *make_directory(struct store *s, const char *name, const struct volume_options *o, bool single)
{
    int root = store_root_fd(s);
    AUTO_FD int fd = -1;
    AUTO_FREE char *dir = NULL, *temporary = NULL, *data = NULL;
    struct ident id;
    TRY(mem_asprintf(&dir, "volumes/%s", name));
    if (file_exists(root, dir))
        return NULL;
    TRY(ident_random(&id));
    TRY(mem_asprintf(&temporary, "volumes/.%.12s", id.s));
    TRY(mem_asprintf(&data, "%s/_data", temporary));
    if (mkdirat(root, "volumes", 0700) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "create directory volumes");
    if (mkdirat(root, temporary, 0700) < 0 || mkdirat(root, data, 0755) < 0)
        return ERR_SYS(errno, "create directory of volume %s", name);
    if (fchmodat(root, data, 0755, 0) < 0)
        return ERR_SYS(errno, "set mode of volume %s", name);
    if (o->kind == VOLUME_DIRECTORY && (o->has_uid || o->has_gid)) {
        TRY(file_open_dir(root, data, &fd));
        int errnum = override_chown(fd, o->has_uid ? o->uid : (uid_t)-1, o->has_gid ? o->gid : (gid_t)-1, single);
        if (errnum)
            return ERR_SYS(errnum, "set owner of volume %s to %u:%u", name, o->uid, o->gid);
    }
    if (renameat(root, temporary, root, dir) < 0) {
        int saved = errno;
        err_drop(file_remove_tree(root, temporary));
        if (saved != EEXIST && saved != ENOTEMPTY)
            return ERR_SYS(saved, "create directory of volume %s", name);
    }
    return NULL;
}

static struct err *insert_row(struct store *s, const struct volume_create_opts *opts)
{
    AUTO_FREE char *labels = NULL, *options = NULL;
    struct store_stmt *st;
    TRY(json_pairs_text(&opts->labels, &labels));
    TRY(json_pairs_text(&opts->options, &options));
    TRY(store_prepare(s,
                      "INSERT INTO volumes(name, driver, created_nsec, anonymous, labels, options) "
                      "VALUES(?1, 'local', ?2, ?3, ?4, ?5)",
                      &st));
    TRY(store_bind(st, "tiitt", opts->name, timefmt_now(), (int64_t)opts->anonymous, labels, options));
    TRY(store_run(st));
    return store_event(s, "volume", "create", opts->name, opts->name, NULL);
}

/* A sweep, which takes a write transaction too, sees directory and row or neither. */
struct err *volume_insert(struct engine *e, const struct volume_create_opts *opts)
{
    AUTO_VOLUME_OPTIONS struct volume_options o = {0};
    TRY(check_options(opts, &o));
    TRY(make_directory(engine_store(e), opts->name, &o, engine_session(e)->single_id));
    return insert_row(engine_store(e), opts);
}

static struct err *insert_alone(struct engine *e, const struct volume_create_opts *opts)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(volume_insert(e, opts));
    return store_commit(s);
}

static struct err *exists(struct store *s, const char *name, bool *ret)
{
    struct store_stmt *st;
    TRY(store_prepare(s, "SELECT 1 FROM volumes WHERE name = ?1", &st));
    TRY(store_bind(st, "t", name));
    return store_step(st, ret);
}

struct err *volume_create(struct engine *e, const struct volume_create_opts *opts, struct volume **ret)
{
    AUTO_VOLUME_OPTIONS struct volume_options o = {0};
    struct volume_create_opts named = *opts;
    struct ident id;
    bool there = false;
    if (!named.name || !*named.name) {
        TRY(ident_random(&id));
        named.name = id.s;
    }
    if (!ident_is_name(named.name))
        return ERR_NEW(ERR_INVALID,
                       "running volume create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
    TRY(check_options(opts, &o));
    if (opts->ignore_existing)
        TRY(exists(engine_store(e), named.name, &there));
    struct err *err = there ? NULL : insert_alone(e, &named);
    if (err && err_kind(err) == ERR_EXISTS) {
        err_drop(err);
        if (!opts->ignore_existing)
            return ERR_NEW(ERR_EXISTS, "volume with name %s already exists: volume already exists", named.name);
        err = NULL;
    }
    TRY(err);
    return volume_find(e, named.name, ret);
}

/* One volume by the condition `name = ?1` or a prefix range; *ret_count counts matches up to 2. */
static struct err *find_where(struct engine *e, bool prefix, const char *name, struct volume **ret, int *ret_count)
{
    struct store_stmt *st;
    AUTO_FREE char *end = NULL;
    bool row;
    if (prefix) {
        TRY(store_prepare(engine_store(e), VOLUME_SELECT " WHERE v.name >= ?1 AND v.name < ?2 LIMIT 2", &st));
        TRY(mem_asprintf(&end, "%s\x7f", name));
        TRY(store_bind(st, "tt", name, end));
    } else {
        TRY(store_prepare(engine_store(e), VOLUME_SELECT " WHERE v.name = ?1", &st));
        TRY(store_bind(st, "t", name));
    }
    struct volume *found = NULL;
    for (*ret_count = 0;; (*ret_count)++) {
        struct err *err = store_step(st, &row);
        if (!err && row && !found)
            err = volume_from_row(e, st, &found);
        if (err) {
            volume_free(found);
            return err;
        }
        if (!row)
            break;
    }
    if (*ret_count == 1)
        *ret = found;
    else
        volume_free(found);
    return NULL;
}

struct err *volume_find(struct engine *e, const char *name, struct volume **ret)
{
    int count;
    TRY(find_where(e, false, name, ret, &count));
    if (count == 1)
        return NULL;
    if (*name)
        TRY(find_where(e, true, name, ret, &count));
    if (count > 1)
        return ERR_NEW(ERR_INVALID, "more than one result for volume name %s: volume already exists", name);
    return count == 1 ? NULL : ERR_NEW(ERR_NOT_FOUND, "no volume with name \"%s\" found: no such volume", name);
}

struct err *volume_users(struct engine *e, const char *name, struct strv *ret_ids)
{
    return store_texts(engine_store(e), "SELECT container_id FROM container_volumes WHERE volume = ?1", name, ret_ids);
}

struct err *volume_delete_row(struct engine *e, const char *name)
{
    struct store *s = engine_store(e);
    AUTO_STRV struct strv users = STRV_INIT;
    AUTO_FREE char *ids = NULL;
    struct store_stmt *st;
    TRY(volume_users(e, name, &users));
    if (users.count) {
        TRY(strv_join(&users, ", ", &ids));
        return ERR_NEW(ERR_IN_USE, "volume %s is being used by the following container(s): %s: volume is being used",
                       name, ids);
    }
    TRY(store_prepare(s, "DELETE FROM volumes WHERE name = ?1", &st));
    TRY(store_bind(st, "t", name));
    TRY(store_run(st));
    return store_event(s, "volume", "remove", name, name, NULL);
}

struct err *volume_remove_directory(struct engine *e, const char *name)
{
    AUTO_FREE char *dir = NULL;
    volume_leave_place(e, name);
    TRY(mem_asprintf(&dir, "volumes/%s", name));
    return ERR_WRAP(file_remove_tree(store_root_fd(engine_store(e)), dir), "remove volume %s", name);
}

struct err *volume_remove(struct engine *e, const char *name)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(volume_delete_row(e, name));
    TRY(store_commit(s));
    return volume_remove_directory(e, name);
}

struct err *volume_inspect(struct engine *e, const struct volume *v, char **ret_json)
{
    (void)e;
    AUTO_JSON json_t *obj = json_object();
    if (!obj)
        return err_oom();
    TRY(json_put_str(obj, "Name", v->name));
    TRY(json_put_str(obj, "Driver", v->driver));
    TRY(json_put_str(obj, "Mountpoint", v->mountpoint));
    TRY(json_put_str(obj, "CreatedAt", timefmt_rfc3339(v->created_nsec, 1).s));
    TRY(json_put_pairs(obj, "Labels", &v->labels));
    TRY(json_put_pairs(obj, "Options", &v->options));
    TRY(json_put_str(obj, "Scope", "local"));
    if (v->anonymous)
        TRY(json_put_bool(obj, "Anonymous", true));
    TRY(json_put_int(obj, "MountCount", 0));
    TRY(json_put_bool(obj, "NeedsCopyUp", v->needs_copy_up));
    return json_text(obj, ret_json);
}
