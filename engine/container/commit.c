/* commit: from a container to an image.
 *
 * The new layer is the container's upper directory as it stands, packed by one coracle-layer and unpacked by another,
 * with a pipe between them: nothing of the image is walked, and what comes into the store has been read as every other
 * layer. With --squash it is the whole root file system. The driver copy has no upper directory: what differs is linked
 * into one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/container/commit_internal.h"
#include "engine/container/container.h"
#include "engine/container/internal.h"
#include "engine/container/rootfs.h"
#include "engine/engine.h"
#include "engine/image/commit.h"
#include "engine/image/image.h"
#include "engine/layer/layer.h"
#include "rootless/session.h"

struct committing {
    struct engine *e;
    struct container *c;
    const struct container_commit_opts *opts;
    struct container_root root;
    struct image *image;
    json_t *settings;
    struct store_staging staging; /* driver copy: the layer is put together here */
    struct layer_job *packing;
    int pipe_fd; /* where the layer comes out */
};

static void committing_done(struct committing *m)
{
    if (m->packing)
        layer_job_cancel(TAKE_PTR(m->packing));
    m->pipe_fd = fd_close(m->pipe_fd);
    if (m->staging.dirfd >= 0)
        store_staging_done(engine_store(m->e), &m->staging);
    container_root_done(&m->root);
    json_unrefp(&m->settings);
    image_free(m->image);
}

/* What a runtime or we ourselves made for mounts: no change of the container's. */
static const char *const mount_points[] = {
    "dev", "proc", "sys", "etc/hosts", "etc/hostname", "etc/resolv.conf", "run/.containerenv", "run/secrets"};

/* The directory that is packed. */
static struct err *layer_source(struct committing *m, int *ret_fd)
{
    if (m->opts->squash)
        return container_root_reopen(&m->root, ret_fd);
    if (m->root.upper_fd >= 0 && !m->root.is_copy)
        return fd_duplicate(m->root.upper_fd, ret_fd);
    TRY(store_staging_new(engine_store(m->e), &m->staging));
    if (m->root.upper_fd >= 0)
        TRY(commit_gather(&m->root, m->staging.dirfd));
    return fd_duplicate(m->staging.dirfd, ret_fd);
}

/* Start packing; the tar comes out of m->pipe_fd. */
static struct err *start_packing(struct committing *m)
{
    AUTO_FD int source = -1, writer = -1;
    int ends[2];
    struct layer_pack_opts opts = {
        .compression = LAYER_PLAIN, .diff = !m->opts->squash, .single_id = engine_session(m->e)->single_id};
    TRY(layer_source(m, &source));
    /* An upper directory has the image's ids, whatever the container's are, but above copies of layers. */
    if (m->opts->squash || !m->c->spec.maps_ids) {
        opts.uids = m->root.uids;
        opts.gids = m->root.gids;
    }
    if (pipe2(ends, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    m->pipe_fd = ends[0];
    writer = ends[1];
    opts.source_dirfd = source;
    opts.archive_fd = writer;
    struct err *err = NULL;
    for (size_t i = 0; i < ARRAY_LEN(mount_points) && !err; i++)
        err = strv_add(&opts.skip, mount_points[i]);
    if (!err)
        err = layer_pack_start(&opts, &m->packing);
    strv_done(&opts.skip);
    return err;
}

/* The unpacker has read everything, or given up: how was it packed? */
static struct err *finish_packing(void *arg, const char *diff_id)
{
    struct committing *m = arg;
    struct layer_result result;
    m->pipe_fd = fd_close(m->pipe_fd); /* whoever still writes shall not wait for us */
    struct err *err = layer_job_finish(TAKE_PTR(m->packing), &result);
    if (!diff_id) { /* its own error says more than a broken pipe */
        if (err && err_errno(err) != EPIPE)
            return err;
        err_drop(err);
        return NULL;
    }
    TRY(err);
    return strcmp(result.diff_id, diff_id) == 0
               ? NULL
               : ERR_NEW(ERR_CORRUPT, "the layer arrived as %s, but was packed as %s", diff_id, result.diff_id);
}

static struct err *make_image(struct committing *m, char **ret_id)
{
    AUTO_FREE char *comment = NULL;
    const struct container_commit_opts *o = m->opts;
    if (m->c->image_name && *m->c->image_name)
        TRY(mem_asprintf(&comment, "FROM %s", m->c->image_name));
    const struct image_commit_opts opts = {
        .base = o->squash ? NULL : m->image,
        .from = m->image,
        .layer_fd = m->pipe_fd,
        .settings = m->settings,
        .name = o->name,
        .author = o->author,
        .message = o->message,
        .container_id = m->c->id,
        .created_by = "/bin/sh",
        .comment = comment,
        .docker = o->format == COMMIT_DOCKER,
        .progress = o->progress,
        .progress_arg = o->progress_arg,
    };
    const struct image_commit_source source = {finish_packing, m};
    return image_commit(m->e, &opts, &source, ret_id);
}

static struct err *run(struct committing *m, char **ret_id)
{
    TRY(container_load_spec(m->e, m->c));
    if (!m->c->image_id)
        return ERR_NEW(ERR_INVALID, "cannot commit a container that uses an exploded rootfs: invalid argument");
    TRY(container_find_image(m->e, m->c, &m->image));
    TRY(commit_settings(m->e, m->c, m->image, m->opts, &m->settings));
    TRY(container_root_open(m->e, m->c, m->opts->squash ? ROOT_FILES : ROOT_LAYERS, &m->root));
    bool pause = m->opts->pause && m->root.is_live && m->c->state == CT_RUNNING;
    if (pause)
        TRY_WRAP(container_pause(m->e, m->c), "pausing container \"%s\" to commit", m->c->id);
    struct err *err = start_packing(m);
    if (!err)
        err = make_image(m, ret_id);
    struct err *resumed = pause ? container_unpause(m->e, m->c) : NULL;
    if (err) {
        err_drop(resumed);
        return err;
    }
    TRY(resumed);
    return container_event(m->e, m->c, "commit");
}

struct err *container_commit(struct engine *e, struct container *c, const struct container_commit_opts *opts,
                             char **ret_image_id)
{
    struct committing m = {.e = e,
                           .c = c,
                           .opts = opts,
                           .root = {.fd = -1, .upper_fd = -1},
                           .staging = {.dirfd = -1, .lock_fd = -1},
                           .pipe_fd = -1};
    struct err *err = opts->name ? image_commit_check_name(opts->name) : NULL;
    if (!err)
        err = run(&m, ret_image_id);
    committing_done(&m);
    return err;
}
