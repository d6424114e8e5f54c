#include "engine/image/flat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/image/internal.h"
#include "engine/image/mount.h"
#include "engine/image/outside.h"
#include "engine/layer/layer.h"
#include "rootless/session.h"

#define LAYER_FILE "layer"
#define CREATED_BY "coracle image pack"

void flat_free(struct flat *take_f)
{
    if (!take_f)
        return;
    store_staging_done(take_f->store, &take_f->staging);
    image_freep(&take_f->image);
    mem_freep(&take_f->from_id);
    mem_freep(&take_f);
}

void flat_freep(struct flat **f)
{
    flat_free(*f);
    *f = NULL;
}

/* An unpacked one belongs to whoever made it, all of it: in the image that was root. */
static struct err *add_owner(const struct image *from, struct layer_pack_opts *opts)
{
    struct stat st;
    if (stat(from->layer_dirs.items[0], &st) < 0)
        return ERR_SYS(errno, "look at %s", from->layer_dirs.items[0]);
    if (!S_ISDIR(st.st_mode))
        return NULL;
    TRY(idmap_add(&opts->uids, 0, st.st_uid, 1));
    return idmap_add(&opts->gids, 0, st.st_gid, 1);
}

static struct err *pack(struct engine *e, struct flat *f, const struct image *from, struct layer_result *ret)
{
    AUTO_FREE char *files = NULL;
    AUTO_FD int dir = -1, fd = -1;
    struct layer_pack_opts opts = {.compression = LAYER_GZIP, .single_id = engine_session(e)->single_id};
    TRY(image_mount_private(e, from, &files));
    TRY(file_open_dir(AT_FDCWD, files, &dir));
    fd = openat(f->staging.dirfd, LAYER_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYS(errno, "create %s/" LAYER_FILE, f->staging.path);
    opts.source_dirfd = dir;
    opts.archive_fd = fd;
    struct err *error = add_owner(from, &opts);
    if (!error)
        error = layer_pack(&opts, ret);
    idmap_done(&opts.uids);
    idmap_done(&opts.gids);
    TRY(error);
    TRY(digest_check(ret->diff_id));
    return digest_check(ret->blob_digest);
}

/* All that was done to the image is in the one layer, which is the last line's. */
static struct err *merge_history(const struct manifest_config *c)
{
    json_t *list = NULL, *line;
    const char *created = NULL;
    size_t i;
    TRY(image_history_array(c, &list));
    TRY(json_get_str(c->root, "created", "config", &created));
    if (!list) {
        TRY(json_put(c->root, "history", json_array()));
        TRY(json_get_arr(c->root, "history", "config", &list));
    }
    json_array_foreach (list, i, line)
        TRY(json_put_bool(line, "empty_layer", true));
    TRY(json_push_obj(list, &line));
    if (created)
        TRY(json_put_str(line, "created", created));
    TRY(json_put_str(line, "created_by", CREATED_BY));
    return json_put_str(line, "comment", "all layers as one");
}

static struct err *make_config(const struct image *from, const char *diff_id, char **ret)
{
    AUTO_MANIFEST_CONFIG struct manifest_config c = {0};
    json_t *rootfs, *ids;
    TRY(manifest_config_parse(from->config_text, strlen(from->config_text), &c));
    TRY(merge_history(&c));
    TRY(json_put_obj(c.root, "rootfs", &rootfs));
    TRY(json_put_str(rootfs, "type", "layers"));
    TRY(json_put_arr(rootfs, "diff_ids", &ids));
    TRY(json_push_str(ids, diff_id));
    return json_text(c.root, ret);
}

/* Of the same family as the one that it had. */
static struct err *make_manifest(const struct image *from, const char *config, const struct layer_result *layer,
                                 char **ret, char **ret_type)
{
    AUTO_MANIFEST struct manifest m = {0};
    AUTO_FREE char *digest = NULL, *type = NULL;
    struct digest config_digest = digest_of(config, strlen(config));
    const char *of_family = NULL;
    TRY(manifest_parse(from->manifest_text, strlen(from->manifest_text), from->media_type, &m));
    TRY(manifest_layer_type(false, PACKING_GZIP, &of_family)); /* manifest_build() translates it */
    TRY(mem_strdup(of_family, &type));
    TRY(mem_strdup(layer->blob_digest, &digest));
    const struct manifest_descriptor config_entry = {.digest = config_digest.s, .size_bytes = strlen(config)};
    const struct manifest_descriptor layer_entry = {
        .media_type = type, .digest = digest, .size_bytes = layer->blob_bytes};
    TRY(manifest_build(m.is_docker, &config_entry, &layer_entry, 1, m.annotations, ret));
    return mem_strdup(m.is_docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST, ret_type);
}

static struct err *describe(struct image *i, const struct image *from, const struct layer_result *layer)
{
    struct digest digest;
    TRY(make_config(from, layer->diff_id, &i->config_text));
    TRY(make_manifest(from, i->config_text, layer, &i->manifest_text, &i->media_type));
    digest = digest_of(i->config_text, strlen(i->config_text));
    TRY(mem_strdup(digest_hex(digest.s), &i->id));
    TRY(mem_strdup(digest.s, &i->config_digest));
    digest = digest_of(i->manifest_text, strlen(i->manifest_text));
    TRY(mem_strdup(digest.s, &i->manifest_digest));
    TRY(mem_strdup(digest.s, &i->digest));
    TRY(mem_strdup(from->os, &i->os));
    TRY(mem_strdup(from->arch, &i->arch));
    TRY(mem_strdup(from->variant, &i->variant));
    TRY(strv_copy(&from->names, &i->names));
    return strv_add(&i->diff_ids, layer->diff_id);
}

static struct err *make(struct engine *e, const struct image *from, struct flat *f)
{
    struct layer_result layer = {.entries = 0};
    f->image = mem_zalloc(sizeof *f->image);
    if (!f->image)
        return err_oom();
    TRY(mem_strdup(from->id, &f->from_id));
    TRY(store_staging_new(f->store, &f->staging));
    TRY(pack(e, f, from, &layer));
    return describe(f->image, from, &layer);
}

struct err *flat_make(struct engine *e, const struct image *from, struct flat **ret)
{
    AUTO_FLAT struct flat *f = mem_zalloc(sizeof *f);
    if (!f)
        return err_oom();
    f->store = engine_store(e);
    f->staging = (struct store_staging){.dirfd = -1, .lock_fd = -1};
    TRY_WRAP(make(e, from, f), "make one layer of %s", from->origin);
    *ret = TAKE_PTR(f);
    return NULL;
}

struct err *flat_open(void *arg, const char *digest, uint64_t size_bytes, int *ret_fd)
{
    const struct flat *f = arg;
    (void)size_bytes; /* it was made by this command */
    if (strcmp(digest, f->image->config_digest) == 0)
        return fd_memory("config", f->image->config_text, strlen(f->image->config_text), ret_fd);
    *ret_fd = openat(f->staging.dirfd, LAYER_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return *ret_fd < 0 ? ERR_SYS(errno, "open %s/" LAYER_FILE, f->staging.path) : NULL;
}
