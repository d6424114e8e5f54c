#include "engine/storage/storage.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/storage/driver.h"

/* In the order in which storage_choose() tries them. */
static const struct storage_driver drivers[] = {
    {.name = "overlay", .mount = overlay_mount, .automatic = true},
    {.name = "fuse-overlay", .mount = fuse_mount, .automatic = true, .maps_ids = true},
    {.name = "copy", .mount = copy_mount, .automatic = true},
};

static const char *const driver_names[] = {"overlay", "fuse-overlay", "copy", NULL};

const char *const *storage_drivers(void)
{
    return driver_names;
}

const struct storage_driver *storage_driver_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        if (strcmp(drivers[i].name, name) == 0)
            return &drivers[i];
    }
    return NULL;
}

struct err *storage_layer_path(const struct storage_mount *m, const char *layer, char **ret)
{
    return *layer == '/' ? mem_strdup(layer, ret) : mem_asprintf(ret, "%s/%s/diff", m->layers_dir, layer);
}

struct err *storage_lower_path(const char *layer, char **ret)
{
    return *layer == '/' ? mem_strdup(layer, ret) : mem_asprintf(ret, "%s/diff", layer);
}

/* One short name, never a way out of layers_dir; or a directory somewhere else. */
static struct err *check_layer(const char *layer)
{
    bool outside = *layer == '/';
    if (!*layer || *layer == '.' || strpbrk(layer, outside ? ",:\\" : "/,:\\"))
        return ERR_NEW(ERR_INVALID, "\"%s\" cannot be the name of a layer", layer);
    return NULL;
}

/* Driver and request. */
static struct err *check(const struct storage_mount *m, const char *target)
{
    if (!m->driver)
        return ERR_NEW(ERR_INVALID, "no storage driver is named");
    if (m->rootfs && m->layers.count)
        return ERR_NEW(ERR_INVALID, "a root is made of layers or of a directory, not of both");
    if (m->layers.count && (!m->layers_dir || m->layers_dir[0] != '/'))
        return ERR_NEW(ERR_INVALID, "the directory of layers must be an absolute path");
    if ((m->rootfs && m->rootfs[0] != '/') || (m->container_dir && m->container_dir[0] != '/') || target[0] != '/')
        return ERR_NEW(ERR_INVALID, "a root is mounted by absolute paths");
    if (!m->upper != !m->work || (m->upper && (!m->container_dir || m->upper[0] != '/' || m->work[0] != '/')))
        return ERR_NEW(ERR_INVALID, "an upper and a work directory belong together, and to a root that is written to");
    for (size_t i = 0; i < m->layers.count; i++)
        TRY(check_layer(m->layers.items[i]));
    return NULL;
}

static struct err *mount_with(const char *driver, const struct storage_mount *m, const char *target)
{
    const struct storage_driver *d = storage_driver_find(driver);
    if (!d)
        return ERR_NEW(ERR_INVALID, "unknown storage driver \"%s\"; there are overlay, fuse-overlay and copy", driver);
    if ((m->uid_map || m->gid_map) && !d->maps_ids)
        return ERR_NEW(ERR_UNSUPPORTED, "storage driver %s cannot show files as other ids'", driver);
    return ERR_WRAP(d->mount(m, target), "storage driver %s", d->name);
}

struct err *storage_mount(const struct storage_mount *m, const char *target)
{
    TRY(check(m, target));
    struct err *e = mount_with(m->driver, m, target);
    if (!e || !m->may_change || err_kind(e) != ERR_UNSUPPORTED || strcmp(m->driver, "overlay") != 0)
        return e;
    struct err *other = mount_with("fuse-overlay", m, target);
    if (other) { /* the one that was wanted is the one to speak of */
        err_drop(other);
        return e;
    }
    err_drop(e);
    return NULL;
}

static bool is_no_drivers_fault(const struct err *e)
{
    static const int errnums[] = {EROFS, EAGAIN, EMFILE, ENFILE, ENOMEM, EDQUOT, EFBIG};
    bool found = err_kind(e) == ERR_NO_SPACE || err_kind(e) == ERR_NO_MEMORY;
    for (size_t i = 0; i < ARRAY_LEN(errnums); i++)
        found = found || err_errno(e) == errnums[i];
    return found;
}

struct err *storage_choose(const char *root, const char **ret_driver, char **ret_why)
{
    AUTO_STRBUF struct strbuf why = STRBUF_INIT;
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        if (!drivers[i].automatic)
            continue;
        struct err *e = storage_probe(drivers[i].name, root);
        if (!e) {
            if (why.len)
                TRY(strbuf_take(&why, ret_why));
            else
                *ret_why = NULL;
            *ret_driver = drivers[i].name;
            return NULL;
        }
        if (is_no_drivers_fault(e)) /* a choice would be kept */
            return e;
        struct err *note = strbuf_printf(&why, "%s%s", why.len ? "; " : "", err_text(e));
        err_drop(e);
        TRY(note);
    }
    return ERR_NEW(ERR_UNSUPPORTED, "no storage driver works below %s: %s", root, strbuf_str(&why));
}
