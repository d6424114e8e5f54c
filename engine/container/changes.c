/* What a container has changed, and all of its files as an archive. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/container/container.h"
#include "engine/container/internal.h"
#include "engine/container/rootfs.h"
#include "engine/engine.h"
#include "engine/image/image.h"
#include "engine/image/treediff.h"
#include "engine/layer/layer.h"
#include "rootless/session.h"

struct err *container_changes(const struct container_root *r, struct tree_changes *ret)
{
    AUTO_FD int below = -1;
    if (r->upper_fd < 0) /* it never ran */
        return NULL;
    TRY(container_root_below(r, &below));
    TRY(r->is_copy ? tree_compare(below, r->upper_fd, ret) : tree_compare_upper(below, r->upper_fd, ret));
    tree_changes_leave_out(ret);
    return NULL;
}

struct err *container_diff(struct engine *e, struct container *c, struct tree_changes *ret)
{
    AUTO_ROOT struct container_root r = {.fd = -1, .upper_fd = -1};
    TRY(container_root_open(e, c, ROOT_LAYERS, &r));
    return ERR_WRAP(container_changes(&r, ret), "container %s", c->name);
}

/* An image as a root without a container. */
static struct err *open_image(struct engine *e, const struct image *i, int *ret_fd)
{
    AUTO_ROOT struct container_root r = {.fd = -1, .upper_fd = -1, .engine = e};
    TRY(strv_copy(&i->layer_dirs, &r.layer_dirs));
    return container_root_below(&r, ret_fd);
}

static struct err *open_side(struct engine *e, const struct diff_side *side, struct container_root *r, int *ret_fd)
{
    if (!side->container)
        return open_image(e, side->image, ret_fd);
    TRY(container_root_open(e, side->container, ROOT_FILES, r));
    return container_root_reopen(r, ret_fd);
}

struct err *container_diff_between(struct engine *e, const struct diff_side *side, const struct diff_side *old,
                                   struct tree_changes *ret)
{
    AUTO_ROOT struct container_root a = {.fd = -1, .upper_fd = -1}, b = {.fd = -1, .upper_fd = -1};
    AUTO_FD int new_fd = -1, old_fd = -1;
    TRY(open_side(e, old, &b, &old_fd));
    if (side->container && side->container == old->container)
        return NULL;
    TRY(open_side(e, side, &a, &new_fd));
    TRY(tree_compare(old_fd, new_fd, ret));
    tree_changes_leave_out(ret);
    return NULL;
}

/* From an O_PATH descriptor to one that can be listed. */
struct err *container_root_reopen(const struct container_root *r, int *ret)
{
    *ret = openat(r->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret < 0 ? ERR_SYS(errno, "open the root file system") : NULL;
}

struct err *container_export(struct engine *e, struct container *c, int fd)
{
    AUTO_ROOT struct container_root r = {.fd = -1, .upper_fd = -1};
    AUTO_FD int dirfd = -1;
    struct layer_result result;
    TRY(container_root_open(e, c, ROOT_FILES, &r));
    TRY(container_root_reopen(&r, &dirfd));
    const struct layer_pack_opts opts = {
        .source_dirfd = dirfd,
        .archive_fd = fd,
        .no_root = true,
        .single_id = engine_session(e)->single_id,
        .uids = r.uids,
        .gids = r.gids,
    };
    TRY_WRAP(layer_pack(&opts, &result), "export container %s", c->name);
    return container_event(e, c, "export");
}
