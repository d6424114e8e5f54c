/* Which storage driver: the data directory's usual one, and the one that a container needs; see engine.h.
 *
 *   --storage-driver          that one, whatever a container needs
 *   STORAGE_DRIVER,           "overlay" is Podman's name for the kernel's overlay and FUSE alike: chosen here; "vfs" is
 *   storage.conf              copy
 *   else                      the best that works below the data directory, tried once and recorded
 *
 * overlay and fuse-overlay share their format on disk, so a container may go on with the other one. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/internal.h"
#include "engine/storage/storage.h"
#include "engine/storage_conf.h"
#include "engine/store/store.h"
#include "rootless/session.h"

#define OVERLAY "overlay"
#define FUSE_OVERLAY "fuse-overlay"
#define COPY "copy"
#define META_DRIVER "storage_driver"
#define META_FUSE_WORKS "fuse_overlay_works"
#define UNION_LAYERS_MAX 499 /* the kernel's overlay and ours take 500, one of them for mount points */

/* --- what the store remembers --- */

/* *ret stays NULL when nothing is recorded yet. */
static struct err *recorded(struct engine *e, const char *key, char **ret)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(e->store, "SELECT value FROM meta WHERE key = ?1", &st));
    TRY(store_bind(st, "t", key));
    TRY(store_step(st, &row));
    return row ? mem_strdup(store_col_text(st, 0), ret) : NULL;
}

static struct err *record(struct engine *e, const char *key, const char *value)
{
    AUTO_TX struct store_tx_guard tx = {e->store};
    struct store_stmt *st;
    TRY(store_begin(e->store, STORE_WRITE, true));
    TRY(store_prepare(e->store, "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)", &st));
    TRY(store_bind(st, "tt", key, value));
    TRY(store_run(st));
    return store_commit(e->store);
}

/* --- names --- */

/* The driver table's own string for `name`, or for what others call that driver; else NULL. */
static const char *driver_by_name(const char *name)
{
    static const char *const others[][2] = {{"vfs", COPY}, {"overlay2", OVERLAY}, {"fuse-overlayfs", FUSE_OVERLAY}};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (strcmp(others[i][0], name) == 0)
            name = others[i][1];
    for (const char *const *d = storage_drivers(); *d; d++)
        if (strcmp(*d, name) == 0)
            return *d;
    return NULL;
}

static struct err *known_driver(const char *name, const char **ret)
{
    *ret = driver_by_name(name);
    return *ret ? NULL : ERR_NEW(ERR_INVALID, "storage driver %s: not one of overlay, fuse-overlay, copy", name);
}

/* --- options --- */

static struct err *add_options(struct engine *e, const struct strv *options, bool from_file)
{
    for (size_t i = 0; i < options->count; i++)
        TRY(storage_options_add(&e->storage, options->items[i], from_file));
    return NULL;
}

/* The nearest source counts, whole: podman(1), --storage-opt. */
static struct err *load_options(struct engine *e)
{
    const char *text = getenv("STORAGE_OPTS"), *driver = getenv("STORAGE_DRIVER");
    AUTO_STORAGE_CONF struct storage_conf conf = {0};
    AUTO_STRV struct strv env = STRV_INIT;
    if (!e->opts.storage_driver) {
        TRY(storage_conf_read(e->session->host_uid == 0, false, &conf));
        TRY(mem_strdup(driver && *driver ? driver : conf.driver, &e->storage_wanted));
        TRY(mem_strdup(conf.file, &e->storage_file));
    }
    if (e->storage_opts.count)
        return add_options(e, &e->storage_opts, false);
    if (text && *text) {
        TRY(strv_split(text, ',', &env));
        return ERR_WRAP(add_options(e, &env, false), "STORAGE_OPTS");
    }
    return conf.file ? ERR_WRAP(add_options(e, &conf.options, true), "%s", conf.file) : NULL;
}

struct err *engine_storage_options(struct engine *e, const struct storage_options **ret)
{
    if (!e->has_storage)
        TRY(load_options(e));
    e->has_storage = true;
    *ret = &e->storage;
    return NULL;
}

struct err *engine_image_stores(struct engine *e, const struct strv **ret)
{
    const struct storage_options *o;
    TRY(engine_storage_options(e, &o));
    *ret = &o->image_stores;
    if (e->has_stores || o->image_stores.count || e->storage_opts.count || e->storage_file)
        return NULL;
    /* The system's file, which commands that only run what is here needn't read; or, with --storage-driver, beside
     * which no file's driver and options count, whichever file there is. */
    AUTO_STORAGE_CONF struct storage_conf conf = {0};
    TRY(storage_conf_read(e->session->host_uid == 0, true, &conf));
    storage_conf_keep_stores(&conf);
    e->has_stores = true;
    return conf.file && e->session->host_uid != 0 ? ERR_WRAP(add_options(e, &conf.options, true), "%s", conf.file)
                                                  : NULL;
}

const char *engine_storage_file(const struct engine *e)
{
    return e->storage_file;
}

/* --- the usual driver --- */

/* Tried in a staging directory: if we are killed meanwhile, somebody removes it. */
static struct err *choose_driver(struct engine *e, char **ret_why)
{
    struct store_staging staging;
    TRY(store_staging_new(e->store, &staging));
    struct err *error = storage_choose(staging.path, &e->driver, ret_why);
    store_staging_done(e->store, &staging);
    return error;
}

/* What STORAGE_DRIVER or a storage.conf says; NULL where that is the choice between overlays, or a driver that only
 * others have. */
static const char *wanted_driver(const char *name)
{
    const char *d = name ? driver_by_name(name) : NULL;
    if (name && !d)
        log_debug("storage driver %s is not built; one is chosen", name);
    return d && strcmp(d, OVERLAY) != 0 ? d : NULL;
}

/* Nobody said anything: the system's storage.conf, which is looked at this once, or the best. */
static struct err *settle_driver(struct engine *e)
{
    AUTO_STORAGE_CONF struct storage_conf conf = {0};
    AUTO_FREE char *before = NULL, *why = NULL;
    TRY(recorded(e, META_DRIVER, &before));
    if (before)
        return known_driver(before, &e->driver);
    if (!e->storage_wanted)
        TRY(storage_conf_read(e->session->host_uid == 0, true, &conf));
    e->driver = wanted_driver(conf.driver);
    if (!e->driver)
        TRY(choose_driver(e, &why));
    if (why)
        TRY(engine_notice(e, "storage driver %s: overlay does not work here (%s)", e->driver, why));
    return record(e, META_DRIVER, e->driver);
}

/* What only a FUSE file system can honour. */
static struct err *heed_options(struct engine *e)
{
    const char *what = e->storage.mount_program ? "mount_program" : e->storage.fuse ? "mountopt" : NULL;
    if (!what)
        return NULL;
    if (strcmp(e->driver, COPY) == 0)
        return ERR_NEW(ERR_INVALID, "storage option overlay.%s: the storage driver copy has no such thing", what);
    e->driver = FUSE_OVERLAY;
    return NULL;
}

struct err *engine_storage_driver(struct engine *e, const char **ret)
{
    const struct storage_options *options;
    if (!e->driver) {
        TRY(engine_storage_options(e, &options));
        if (e->opts.storage_driver)
            TRY(known_driver(e->opts.storage_driver, &e->driver));
        else
            e->driver = wanted_driver(e->storage_wanted);
        if (!e->driver)
            TRY(settle_driver(e));
        TRY(heed_options(e));
    }
    *ret = e->driver;
    return NULL;
}

/* --- a container's driver --- */

/* *ret_why says why not, or stays NULL. */
static struct err *fuse_works(struct engine *e, char **ret_why)
{
    struct store_staging staging;
    AUTO_FREE char *before = NULL;
    TRY(recorded(e, META_FUSE_WORKS, &before));
    if (before)
        return NULL;
    TRY(store_staging_new(e->store, &staging));
    struct err *error = storage_probe(FUSE_OVERLAY, staging.path);
    store_staging_done(e->store, &staging);
    if (!error)
        return record(e, META_FUSE_WORKS, "1");
    struct err *note = mem_strdup(err_text(error), ret_why);
    err_drop(error);
    return note;
}

/* Only a file system of ours counts what is written. */
static struct err *limited_driver(struct engine *e, size_t layers, const char **driver)
{
    AUTO_FREE char *why = NULL;
    if (strcmp(*driver, FUSE_OVERLAY) != 0 && (e->opts.storage_driver || strcmp(*driver, COPY) == 0))
        return ERR_NEW(ERR_UNSUPPORTED,
                       "storage options size and inodes: the storage driver %s cannot limit what a container writes, "
                       "fuse-overlay can",
                       *driver);
    if (layers > UNION_LAYERS_MAX)
        return ERR_NEW(ERR_UNSUPPORTED, "storage options size and inodes: an image of %zu layers has to be copied",
                       layers);
    if (e->storage.mount_program)
        return ERR_NEW(ERR_UNSUPPORTED,
                       "storage options size and inodes: only coracle-overlay has them, but mount_program is %s",
                       e->storage.mount_program);
    TRY(fuse_works(e, &why));
    if (why)
        return ERR_NEW(ERR_UNSUPPORTED, "storage options size and inodes: fuse-overlay does not work here (%s)", why);
    *driver = FUSE_OVERLAY;
    return NULL;
}

struct err *engine_driver_for(struct engine *e, const struct engine_driver_needs *needs, const char **ret_driver,
                              bool *ret_maps_ids)
{
    AUTO_FREE char *why = NULL;
    const char *d;
    TRY(engine_storage_driver(e, &d));
    if (!e->opts.storage_driver && needs->own_ids && strcmp(d, OVERLAY) == 0) {
        TRY(fuse_works(e, &why));
        if (why)
            TRY(engine_notice(e,
                              "the image is copied for a container with ids of its own: fuse-overlay does not work "
                              "here (%s)",
                              why));
        else
            d = FUSE_OVERLAY;
    }
    if (needs->is_limited)
        TRY(limited_driver(e, needs->layers, &d));
    else if (!e->opts.storage_driver && needs->layers > UNION_LAYERS_MAX)
        d = COPY;
    *ret_driver = d;
    *ret_maps_ids = needs->own_ids && strcmp(d, FUSE_OVERLAY) == 0;
    return NULL;
}

struct err *engine_driver_again(struct engine *e, const char *made_with, bool fuse_only, const char **ret)
{
    const char *d = made_with ? driver_by_name(made_with) : NULL;
    if (!d) /* made before containers had one of their own */
        return engine_storage_driver(e, ret);
    *ret = d;
    if (strcmp(d, COPY) != 0) { /* mount_program, which storage.conf may have got meanwhile */
        const struct storage_options *options;
        TRY(engine_storage_options(e, &options));
        if (options->mount_program || options->fuse)
            *ret = d = FUSE_OVERLAY;
    }
    if (!e->opts.storage_driver)
        return NULL;
    TRY(known_driver(e->opts.storage_driver, ret));
    bool copied = strcmp(d, COPY) == 0, copies = strcmp(*ret, COPY) == 0;
    if (copied != copies || (fuse_only && strcmp(*ret, FUSE_OVERLAY) != 0))
        return ERR_NEW(ERR_STATE,
                       "it was made with the storage driver %s, and the files of that cannot be mounted with %s",
                       made_with, *ret);
    return NULL;
}
