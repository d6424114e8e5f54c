/* How a new layer's blob is compressed, and making it something that OCI has a name for. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/image/content_internal.h"

static struct err *open_blob(const struct content *c, const struct content_entry *entry, int *ret)
{
    if (entry->known)
        return store_blob_open(c->store, entry->layer.blob.s, ret, NULL);
    *ret = openat(c->staging.dirfd, entry->blob_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return *ret < 0 ? ERR_SYS(errno, "open %s/%s", c->staging.path, entry->blob_path) : NULL;
}

/* By the first bytes; ERR_UNSUPPORTED for what OCI doesn't have (xz, bzip2). */
struct err *content_packing(const struct content *c, size_t index, enum manifest_packing *ret)
{
    const struct content_entry *entry = &c->entries[index];
    AUTO_FD int fd = -1;
    unsigned char magic[4] = {0};
    if (strcmp(entry->layer.blob.s, entry->layer.diff_id.s) == 0) {
        *ret = PACKING_PLAIN;
        return NULL;
    }
    TRY(open_blob(c, entry, &fd));
    if (pread(fd, magic, sizeof magic, 0) < 0)
        return ERR_SYS(errno, "read %s", entry->layer.blob.s);
    if (magic[0] == 0x1f && magic[1] == 0x8b)
        *ret = PACKING_GZIP;
    else if (memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0)
        *ret = PACKING_ZSTD;
    else
        return ERR_NEW(ERR_UNSUPPORTED, "the compression of %s has no media type", entry->layer.blob.s);
    return NULL;
}

/* Pack what was unpacked anew, as a plain tar. */
static struct err *repack(struct content *c, struct content_entry *entry)
{
    AUTO_FREE char *diff = NULL, *path = NULL;
    AUTO_FD int dirfd = -1, fd = -1;
    struct layer_result result;
    TRY(mem_asprintf(&diff, "%s/diff", entry->dir));
    TRY(mem_asprintf(&path, "%s.tar", entry->blob_path));
    TRY(file_open_dir(c->staging.dirfd, diff, &dirfd));
    fd = openat(c->staging.dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYS(errno, "create %s/%s", c->staging.path, path);
    const struct layer_pack_opts opts = {
        .source_dirfd = dirfd, .archive_fd = fd, .compression = LAYER_PLAIN, .diff = true, .single_id = c->single_id};
    TRY(layer_pack(&opts, &result));
    unlinkat(c->staging.dirfd, entry->blob_path, 0);
    mem_freep(&entry->blob_path);
    entry->blob_path = TAKE_PTR(path);
    memcpy(entry->layer.diff_id.s, result.diff_id, sizeof entry->layer.diff_id.s);
    memcpy(entry->layer.blob.s, result.blob_digest, sizeof entry->layer.blob.s);
    entry->layer.diff_id.s[sizeof entry->layer.diff_id.s - 1] = '\0';
    entry->layer.blob.s[sizeof entry->layer.blob.s - 1] = '\0';
    entry->layer.blob_bytes = result.blob_bytes;
    entry->layer.tar_bytes = result.tar_bytes;
    return NULL;
}

struct err *content_make_portable(struct content *c, size_t index)
{
    enum manifest_packing packing;
    struct err *e = content_packing(c, index, &packing);
    if (!e || err_kind(e) != ERR_UNSUPPORTED || c->entries[index].known)
        return e;
    err_drop(e);
    return ERR_WRAP(repack(c, &c->entries[index]), "pack the layer anew");
}
