#include "engine/image/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/image/internal.h"
#include "engine/image/packdoc.h"
#include "engine/image/reference.h"
#include "engine/storage/packed.h"
#include "rootless/session.h"

#define ROOTFS "rootfs"

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool outside_is_name(const char *name)
{
    return has_prefix(name, OUTSIDE_PACKED) || has_prefix(name, OUTSIDE_STORE "/");
}

/* --- from a document to an image */

static struct err *fill(struct image *i, struct packdoc *d)
{
    AUTO_MANIFEST_CONFIG struct manifest_config config = {0};
    struct digest digest = digest_of(d->config, strlen(d->config));
    TRY(manifest_config_parse(d->config, strlen(d->config), &config));
    TRY(mem_strdup(digest_hex(digest.s), &i->id));
    TRY(mem_strdup(digest.s, &i->config_digest));
    digest = digest_of(d->manifest, strlen(d->manifest));
    TRY(mem_strdup(digest.s, &i->manifest_digest));
    i->media_type = TAKE_PTR(d->media_type);
    i->digest = TAKE_PTR(d->digest);
    TRY(mem_strdup(config.os, &i->os));
    TRY(mem_strdup(config.arch, &i->arch));
    TRY(mem_strdup(config.variant, &i->variant));
    i->created_nsec = config.created_nsec;
    i->size_bytes = d->size_bytes;
    i->names = d->names;
    d->names = (struct strv)STRV_INIT;
    i->config_text = TAKE_PTR(d->config);
    i->manifest_text = TAKE_PTR(d->manifest);
    return strv_copy(&config.diff_ids, &i->diff_ids);
}

static struct err *make_image(struct packdoc *d, const char *layer, struct image **ret)
{
    AUTO_IMAGE struct image *i = mem_zalloc(sizeof(*i));
    if (!i)
        return err_oom();
    TRY(fill(i, d));
    TRY(strv_add(&i->layer_dirs, layer));
    *ret = TAKE_PTR(i);
    return NULL;
}

static struct err *read_packed(int fd, struct packdoc *ret)
{
    struct stat st;
    char tail[PACKDOC_TAIL_LEN];
    struct packdoc_tail t;
    AUTO_FREE char *text = NULL;
    if (fstat(fd, &st) < 0)
        return ERR_SYS(errno, "look at the file");
    if (!S_ISREG(st.st_mode))
        return ERR_NEW(ERR_INVALID, "this is no file");
    if (st.st_size < PACKDOC_TAIL_LEN ||
        pread(fd, tail, sizeof(tail), st.st_size - PACKDOC_TAIL_LEN) != PACKDOC_TAIL_LEN)
        memset(tail, 0, sizeof(tail)); /* which will be refused */
    TRY(packdoc_tail_parse(tail, (uint64_t)st.st_size, &t));
    text = mem_alloc((size_t)t.len + 1);
    if (!text)
        return err_oom();
    if (pread(fd, text, (size_t)t.len, (off_t)t.offset) != (ssize_t)t.len)
        return ERR_NEW(ERR_CORRUPT, "the packed image cannot be read");
    if (strcmp(digest_of(text, (size_t)t.len).s, t.digest.s) != 0)
        return ERR_NEW(ERR_CORRUPT, "the packed image is damaged: its document has another digest");
    return packdoc_parse(text, (size_t)t.len, ret);
}

/* `path` is absolute. */
static struct err *open_packed(const char *path, struct image **ret)
{
    AUTO_PACKDOC struct packdoc d = {0};
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return ERR_SYS(errno, "open");
    TRY(read_packed(fd, &d));
    return make_image(&d, path, ret);
}

static struct err *find_packed(const char *path, struct image **ret)
{
    AUTO_FREE char *absolute = NULL;
    AUTO_IMAGE struct image *i = NULL;
    TRY(path_absolute(path, &absolute));
    TRY_WRAP(open_packed(absolute, &i), "packed image %s", path);
    TRY(mem_asprintf(&i->origin, OUTSIDE_PACKED "%s", absolute));
    *ret = TAKE_PTR(i);
    return NULL;
}

/* --- stores */

static struct err *open_unpacked(const char *path, struct image **ret)
{
    AUTO_PACKDOC struct packdoc d = {0};
    AUTO_FREE char *text = NULL, *document = NULL, *files = NULL;
    size_t len = 0;
    TRY(path_join(&document, path, OUTSIDE_DOCUMENT));
    TRY(path_join(&files, path, ROOTFS));
    TRY(file_read(AT_FDCWD, document, PACKDOC_MAX_BYTES, &text, &len));
    TRY(packdoc_parse(text, len, &d));
    return make_image(&d, files, ret);
}

static struct err *open_entry(const char *store, const struct outside_entry *entry, struct image **ret)
{
    struct stat st;
    AUTO_FREE char *path = NULL;
    AUTO_IMAGE struct image *i = NULL;
    TRY(path_join(&path, store, entry->path));
    if (stat(path, &st) < 0)
        return ERR_SYS(errno, "look at %s", path);
    TRY_WRAP(S_ISDIR(st.st_mode) ? open_unpacked(path, &i) : open_packed(path, &i), "image %s", path);
    if (strcmp(i->id, entry->id) != 0)
        return ERR_NEW(ERR_CORRUPT, "image store %s: %s is not the image that the index says", store, entry->path);
    TRY(mem_asprintf(&i->origin, OUTSIDE_STORE "%s#%s", store, entry->id));
    strv_done(&i->names);
    TRY(strv_copy(&entry->names, &i->names));
    *ret = TAKE_PTR(i);
    return NULL;
}

static struct err *read_store(const char *store, struct outside_index *ret)
{
    AUTO_FD int dir = -1;
    TRY_WRAP(file_open_dir(AT_FDCWD, store, &dir), "image store %s", store);
    return ERR_WRAP(outside_index_read(dir, ret), "image store %s", store);
}

/* One that storage.conf names may be another program's. */
static struct err *read_listed(const char *store, struct outside_index *ret)
{
    struct err *e = read_store(store, ret);
    if (!e || (err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_INVALID))
        return e;
    log_debug("%s", err_text(e));
    err_drop(e);
    return NULL;
}

static struct err *find_origin(const char *origin, struct image **ret)
{
    AUTO_FREE char *store = NULL;
    AUTO_OUTSIDE_INDEX struct outside_index x = {0};
    const char *hash = strrchr(origin, '#');
    if (!hash)
        return ERR_NEW(ERR_INVALID, "%s: not an image in an image store", origin);
    TRY(mem_strndup(origin, (size_t)(hash - origin), &store));
    TRY(read_store(store, &x));
    const struct outside_entry *entry = outside_index_by_id(&x, hash + 1);
    if (!entry)
        return ERR_NEW(ERR_NOT_FOUND, "image %.12s is no longer in the image store %s", hash + 1, store);
    return open_entry(store, entry, ret);
}

static struct err *find_in(const char *store, const char *name, const struct strv *candidates, struct image **ret)
{
    AUTO_OUTSIDE_INDEX struct outside_index x = {0};
    TRY(read_listed(store, &x));
    const struct outside_entry *entry = outside_index_by_name(&x, candidates);
    if (!entry && ident_is_prefix(name))
        entry = outside_index_by_id(&x, name);
    return entry ? open_entry(store, entry, ret) : NULL;
}

struct err *outside_find(struct engine *e, const char *name, struct image **ret)
{
    AUTO_STRV struct strv candidates = STRV_INIT;
    const struct strv *stores;
    if (has_prefix(name, OUTSIDE_PACKED))
        return find_packed(name + strlen(OUTSIDE_PACKED), ret);
    if (has_prefix(name, OUTSIDE_STORE "/"))
        return find_origin(name + strlen(OUTSIDE_STORE), ret);
    TRY(engine_image_stores(e, &stores));
    if (!stores->count)
        return NULL;
    if (has_prefix(name, "sha256:"))
        name += strlen("sha256:");
    err_drop(reference_candidates(name, &candidates)); /* then it is an id, or nothing */
    for (size_t i = 0; i < stores->count && !*ret; i++)
        TRY(find_in(stores->items[i], name, &candidates, ret));
    return NULL;
}

struct err *outside_full_name(const struct image *i, const char *name, char **ret)
{
    AUTO_STRV struct strv candidates = STRV_INIT;
    if (!outside_is_name(name))
        err_drop(reference_candidates(name, &candidates)); /* then it is an id */
    for (size_t k = 0; k < candidates.count; k++)
        if (strv_contains(&i->names, candidates.items[k]))
            return mem_strdup(candidates.items[k], ret);
    return NULL;
}

/* One that cannot be read is passed over: somebody may be replacing it. */
static struct err *list_store(const char *store, struct image ***list, size_t *count, size_t *cap)
{
    AUTO_OUTSIDE_INDEX struct outside_index x = {0};
    TRY(read_listed(store, &x));
    for (size_t k = 0; k < x.count; k++) {
        AUTO_IMAGE struct image *i = NULL;
        struct err *e = open_entry(store, &x.entries[k], &i);
        if (e) {
            log_debug("%s", err_text(e));
            err_drop(e);
            continue;
        }
        TRY(mem_grow(list, *count, cap, sizeof(**list), IMAGE_LIST_MAX));
        (*list)[(*count)++] = TAKE_PTR(i);
    }
    return NULL;
}

struct err *outside_list(struct engine *e, struct image ***list, size_t *count)
{
    const struct strv *stores;
    size_t cap = *count;
    TRY(engine_image_stores(e, &stores));
    for (size_t i = 0; i < stores->count; i++)
        TRY(list_store(stores->items[i], list, count, &cap));
    return NULL;
}

struct err *outside_refuse(const struct image *i, const char *what)
{
    if (!i->origin)
        return NULL;
    return ERR_NEW(ERR_UNSUPPORTED, "%s: %s has its files, but not the layers that it was made of", what, i->origin);
}

/* --- layers */

static struct err *packed_dir(struct engine *e, char **ret)
{
    return path_join(ret, engine_run_dir(e), "packed");
}

struct err *image_layers_ready(struct engine *e, const struct strv *layers, struct strv *ret, int *hold_fd)
{
    AUTO_FREE char *dir = NULL;
    for (size_t i = 0; i < layers->count; i++) {
        const char *layer = layers->items[i];
        struct stat st;
        AUTO_FREE char *root = NULL;
        if (*layer == '/' && stat(layer, &st) == 0 && S_ISREG(st.st_mode)) {
            if (!dir)
                TRY(packed_dir(e, &dir));
            if (*hold_fd <= 0)
                TRY(storage_packed_hold(dir, hold_fd));
            TRY(storage_packed(dir, layer, &root));
        }
        TRY(strv_add(ret, root ? root : layer));
    }
    return NULL;
}

void image_layers_sweep(struct engine *e)
{
    AUTO_FREE char *dir = NULL;
    struct err *err = packed_dir(e, &dir);
    if (!err)
        storage_packed_sweep(dir);
    err_drop(err);
}
