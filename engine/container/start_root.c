/* How a container's root file system is mounted: driver, layers, and who the files seem to belong to. */
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/container/internal.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/storage/options.h"
#include "rootless/session.h"

/* Ranges as coracle-overlay takes them, "on disk:shown:count": an image's id u is shown as the session's id that the
 * container has for u. */
static struct err *map_text(const struct idmap *ct, const struct idmap *session, char **ret)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    uint32_t id, spare = 1, total = idmap_contiguous(session);
    for (size_t i = 0; i < ct->count; i++)
        TRY(strbuf_printf(&sb, "%s%u:%u:%u", i ? ":" : "", ct->ranges[i].ct, ct->ranges[i].host, ct->ranges[i].count));
    /* We are the session's 0, and make a directory here and there: where the container has no id for that, it is kept
     * as one that the container does not use. */
    while (spare < total && idmap_to_host(ct, spare, &id))
        spare++;
    if (!idmap_to_ct(ct, 0, &id) && spare < total)
        TRY(strbuf_printf(&sb, "%s%u:0:1", sb.len ? ":" : "", spare));
    return strbuf_take(&sb, ret);
}

static struct err *root_ids(struct start *s, struct plan_mount *root)
{
    const struct session *session = engine_session(s->e);
    if (!s->c->spec.maps_ids)
        return NULL;
    TRY(map_text(&s->ct_uids, &session->uid_map, &root->uid_map));
    return map_text(&s->ct_gids, &session->gid_map, &root->gid_map);
}

/* Mapped ids and limits are what coracle-overlay alone can do. */
struct err *container_driver(struct engine *e, const struct container_spec *spec, const char **ret)
{
    bool fuse_only = spec->maps_ids || spec->storage_bytes || spec->storage_inodes;
    return engine_driver_again(e, spec->storage_driver, fuse_only, ret);
}

/* Options that only coracle-overlay has. */
static struct err *root_limits(const struct start *s, const struct storage_options *o, struct plan_mount *root)
{
    const struct container_spec *spec = &s->c->spec;
    if (!spec->storage_bytes && !spec->storage_inodes)
        return mem_strdup(o->fuse, &root->program_options);
    if (o->mount_program)
        return ERR_NEW(ERR_UNSUPPORTED, "its limits of what it may write are beyond mount_program %s",
                       o->mount_program);
    return mem_asprintf(&root->program_options, "size=%lld,inodes=%lld%s%s", (long long)spec->storage_bytes,
                        (long long)spec->storage_inodes, o->fuse ? "," : "", o->fuse ? o->fuse : "");
}

static struct err *root_options(struct start *s, struct plan_mount *root)
{
    const struct storage_options *o;
    TRY(engine_storage_options(s->e, &o));
    root->is_volatile = s->c->auto_remove || o->is_volatile;
    root->flags = (uint32_t)o->flags;
    if (strcmp(root->driver, "fuse-overlay") != 0)
        return NULL;
    TRY(mem_strdup(o->mount_program, &root->program));
    return root_limits(s, o, root);
}

/* Somebody looks at it (`mount`): the same mount then, since there may be one of an upper directory at a time. */
static struct err *take_mounted(struct start *s, bool *ret_taken)
{
    struct plan_mount *root = &s->plan.root;
    AUTO_FREE char *path = NULL;
    TRY(container_mount_path(s->e, s->c, &path));
    *ret_taken = path != NULL;
    root->rootfs = TAKE_PTR(path);
    return NULL;
}

struct err *start_plan_root(struct start *s)
{
    struct plan_mount *root = &s->plan.root;
    const struct container_spec *spec = &s->c->spec;
    const char *driver;
    TRY_WRAP(container_driver(s->e, spec, &driver), "container %s", s->c->name);
    TRY(mem_strdup(driver, &root->driver));
    bool taken;
    TRY(take_mounted(s, &taken));
    if (taken)
        return NULL;
    TRY(mem_asprintf(&root->layers_dir, "%s/layers", engine_root(s->e)));
    TRY(strv_copy(&s->layer_dirs, &root->layers));
    TRY(mem_strdup(spec->rootfs, &root->rootfs));
    if (!spec->pause && (!spec->rootfs || spec->rootfs_overlay))
        TRY(container_dir(s->e, s->c->id, &root->upper_dir));
    root->may_change = !engine_options(s->e)->storage_driver;
    TRY(root_ids(s, root));
    TRY(root_options(s, root));
    return start_mount_points(s);
}

/* What needs neither a monitor nor config.json. */
static struct err *plan_alone(struct start *s, struct plan_mount *ret)
{
    TRY(container_load_spec(s->e, s->c));
    TRY(start_load_image(s));
    TRY(start_settle_userns(s));
    TRY(start_plan_root(s));
    *ret = s->plan.root;
    s->plan.root = (struct plan_mount){0};
    return NULL;
}

struct err *container_plan_root(struct engine *e, struct container *c, struct plan_mount *ret)
{
    struct start s = {.e = e, .c = c, .root_fd = -1, .private_fd = -1};
    struct err *err = plan_alone(&s, ret);
    start_done(&s);
    return err;
}
