/* Removing images, by Podman's rules (libimage's Image.removeRecursive): a name of several is only untagged; an id or
 * digest of something with several names needs force; what a container uses stays; parents that lost their only child
 * and have no name go too. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/image/internal.h"
#include "engine/image/mount.h"
#include "engine/image/outside.h"

#define SHA256_PREFIX "sha256:"

struct removal {
    struct engine *engine;
    struct store *store;
    const struct image_remove_opts *opts;
    struct strv *untagged, *deleted;
};

static const char users_sql[] = "SELECT id FROM containers WHERE image_id = ?1"
                                " UNION SELECT container_id FROM container_images WHERE image_id = ?1";

/* "[a b]", as Go prints a list. */
static struct err *list_text(const struct strv *v, char **ret)
{
    AUTO_FREE char *joined = NULL;
    if (v->count > 0)
        TRY(strv_join(v, " ", &joined));
    return mem_asprintf(ret, "[%s]", joined ? joined : "");
}

static struct err *refuse_by_id(const struct image *i, const char *how)
{
    AUTO_FREE char *names = NULL;
    AUTO_STRV struct strv all = STRV_INIT;
    TRY(image_all_names(i, &all));
    TRY(list_text(&all, &names));
    return ERR_NEW(ERR_EXISTS, "unable to delete image \"%s\" by %s with more than one tag (%s): please force removal",
                   i->id, how, names);
}

static struct err *in_use(const char *container)
{
    return ERR_NEW(ERR_IN_USE,
                   "image used by %s: image is in use by a container: consider listing external containers and "
                   "force-removing image",
                   container);
}

/* Remove the containers that use it, or refuse. Outside of a transaction. */
static struct err *remove_users(const struct removal *r, const char *id)
{
    AUTO_STRV struct strv users = STRV_INIT;
    TRY(store_texts(r->store, users_sql, id, &users));
    for (size_t i = 0; i < users.count; i++) {
        if (!r->opts->force || !r->opts->remove_container)
            return in_use(users.items[i]);
        TRY(r->opts->remove_container(r->engine, users.items[i], r->opts->arg));
    }
    return NULL;
}

/* The rows; the name may be NULL. A container that came meanwhile is found here at the latest. */
static struct err *delete_rows(const struct removal *r, const char *id)
{
    struct store_tx_guard guard AUTO_TX = {.store = r->store};
    AUTO_STRV struct strv users = STRV_INIT;
    struct store_stmt *st;
    TRY(store_begin(r->store, STORE_WRITE, true));
    TRY(store_texts(r->store, users_sql, id, &users));
    if (users.count > 0)
        return in_use(users.items[0]);
    TRY(store_prepare(r->store, "DELETE FROM images WHERE id = ?", &st));
    TRY(store_bind_text(st, 1, id));
    TRY(store_run(st));
    TRY(store_event(r->store, "image", "remove", id, NULL, NULL));
    return store_commit(r->store);
}

static struct err *untag_one(const struct removal *r, const struct image *i, const char *full)
{
    struct strv one = STRV_INIT;
    struct err *e = strv_add(&one, full);
    if (!e)
        e = image_untag(r->engine, i->id, &one);
    if (!e)
        e = strv_add(r->untagged, full);
    strv_done(&one);
    return e;
}

/* What is mounted somebody looks at; its layers must not go. */
static struct err *remove_mount(const struct removal *r, const char *id)
{
    AUTO_FREE char *path = NULL;
    bool was;
    TRY(image_mount_path(r->engine, id, &path));
    if (path && !r->opts->force)
        return ERR_NEW(ERR_IN_USE, "image %.12s is mounted at %s: unmount it first, or remove it with force", id, path);
    return path ? image_unmount(r->engine, id, true, &was) : NULL;
}

/* Delete the image; *ret_parent is its parent when that has become garbage by this. */
static struct err *delete_image(const struct removal *r, const struct image *i, struct image **ret_parent)
{
    AUTO_IMAGE struct image *parent = NULL;
    bool has_children, has_siblings = true;
    TRY(remove_users(r, i->id));
    TRY(remove_mount(r, i->id));
    TRY(image_has_children(r->engine, i, &has_children));
    if (!r->opts->no_prune)
        TRY(image_parent(r->engine, i, &parent));
    TRY(delete_rows(r, i->id));
    TRY(image_all_names(i, r->untagged));
    /* What was built on it still has its layers: Podman doesn't call that deleted. */
    if (!has_children)
        TRY(strv_add(r->deleted, i->id));
    if (parent && parent->names.count + parent->digest_names.count == 0)
        TRY(image_has_children(r->engine, parent, &has_siblings));
    if (!has_siblings && parent->containers == 0)
        *ret_parent = TAKE_PTR(parent);
    return NULL;
}

/* `full_name`: how the user named it; NULL by id or digest. */
static struct err *remove_image(const struct removal *r, struct image *take_i, const char *text, const char *full_name)
{
    AUTO_IMAGE struct image *i = take_i;
    if (i->names.count + i->digest_names.count > 1) {
        bool by_digest = strncmp(text, SHA256_PREFIX, strlen(SHA256_PREFIX)) == 0;
        if (full_name)
            return untag_one(r, i, full_name);
        if (!r->opts->force && !r->opts->all_names)
            return refuse_by_id(i, by_digest || strchr(text, '@') ? "digest" : "ID");
    }
    for (bool is_parent = false; i; is_parent = true) {
        AUTO_IMAGE struct image *parent = NULL;
        struct err *e = delete_image(r, i, &parent);
        if (e && is_parent && err_kind(e) == ERR_IN_USE) {
            err_drop(e);
            return NULL;
        }
        TRY(e);
        image_freep(&i);
        i = TAKE_PTR(parent);
    }
    return NULL;
}

/* `take_error`: it isn't in our own store. */
static struct err *refuse_outside(struct engine *e, const char *name, struct err *take_error)
{
    AUTO_IMAGE struct image *i = NULL;
    AUTO_ERR struct err *error = take_error;
    TRY(outside_find(e, name, &i));
    if (!i)
        return TAKE_PTR(error);
    return ERR_NEW(ERR_INVALID, "%s cannot be removed: it is read-only (%s)", name, i->origin);
}

struct err *image_remove(struct engine *e, const char *name, const struct image_remove_opts *opts,
                         struct strv *ret_untagged, struct strv *ret_deleted)
{
    struct removal r = {
        .engine = e, .store = engine_store(e), .opts = opts, .untagged = ret_untagged, .deleted = ret_deleted};
    AUTO_FREE char *id = NULL, *full_name = NULL;
    struct image *i = NULL;
    struct err *error = image_find_id(r.store, name, &id, &full_name);
    if (!error)
        error = image_fetch(r.store, id, &i);
    if (error && err_kind(error) == ERR_NOT_FOUND)
        error = refuse_outside(e, name, error);
    if (error && err_kind(error) == ERR_NOT_FOUND && opts->ignore) {
        err_drop(error);
        return NULL;
    }
    TRY(error);
    size_t before = ret_deleted->count;
    error = remove_image(&r, i, name, full_name);
    if (ret_deleted->count > before || !error)
        err_drop(store_clean(r.store)); /* what stays now goes the next time */
    return error;
}
