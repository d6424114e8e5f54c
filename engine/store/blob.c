/* Content by digest: blobs/sha256/<hex>. A name there means: complete, verified, on disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/store/digest.h"
#include "engine/store/internal.h"

#define BLOB_DIR "blobs/sha256"

struct store_blob_path store_blob_path(const char *digest)
{
    struct store_blob_path p;
    snprintf(p.s, sizeof p.s, BLOB_DIR "/%.64s", digest_hex(digest));
    return p;
}

static struct err *sync_at(struct store *s, const char *path, int flags)
{
    AUTO_FD int fd = openat(s->root_fd, path, flags | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return ERR_SYS(errno, "sync %s/%s", s->root, path);
    return NULL;
}

struct err *store_blob_place(struct store *s, const char *from_relative, const char *digest)
{
    TRY(digest_check(digest));
    struct store_blob_path to = store_blob_path(digest);
    if (file_exists(s->root_fd, to.s))
        return NULL;
    if (renameat(s->root_fd, from_relative, s->root_fd, to.s) < 0)
        return ERR_SYS(errno, "move %s/%s to %s", s->root, from_relative, to.s);
    return NULL;
}

struct err *store_sync_names(struct store *s)
{
    TRY(sync_at(s, BLOB_DIR, O_RDONLY | O_DIRECTORY));
    return sync_at(s, "layers", O_RDONLY | O_DIRECTORY);
}

struct err *store_sync_files(struct store *s)
{
    if (syncfs(s->root_fd) < 0)
        return ERR_SYS(errno, "sync the file system of %s", s->root);
    return NULL;
}

struct err *store_blob_commit(struct store *s, const char *from_relative, const char *digest)
{
    TRY(sync_at(s, from_relative, O_RDONLY | O_NOFOLLOW));
    TRY(store_blob_place(s, from_relative, digest));
    return sync_at(s, BLOB_DIR, O_RDONLY | O_DIRECTORY);
}

struct err *store_blob_put(struct store *s, const void *data, size_t len, char **ret_digest)
{
    struct digest d = digest_of(data, len);
    if (!store_blob_exists(s, d.s)) {
        struct store_blob_path path = store_blob_path(d.s);
        TRY_WRAP(file_write_atomic(s->root_fd, path.s, data, len, 0600, FILE_SYNC), "store blob %s", d.s);
    }
    return mem_strdup(d.s, ret_digest);
}

struct err *store_blob_open(struct store *s, const char *digest, int *ret_fd, uint64_t *ret_size)
{
    TRY(digest_check(digest));
    struct store_blob_path path = store_blob_path(digest);
    AUTO_FD int fd = openat(s->root_fd, path.s, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return ERR_NEW(ERR_NOT_FOUND, "blob %s is not in the store", digest);
    struct stat sb;
    if (fd < 0 || fstat(fd, &sb) < 0)
        return ERR_SYS(errno, "open blob %s", digest);
    if (!S_ISREG(sb.st_mode))
        return ERR_NEW(ERR_CORRUPT, "%s/%s is not a regular file", s->root, path.s);
    if (ret_size)
        *ret_size = (uint64_t)sb.st_size;
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

struct err *store_blob_read(struct store *s, const char *digest, size_t max, char **ret, size_t *ret_len)
{
    AUTO_FD int fd = -1;
    TRY(store_blob_open(s, digest, &fd, NULL));
    AUTO_FREE char *data = NULL;
    size_t len;
    TRY_WRAP(fd_read_all(fd, max, &data, &len), "read blob %s", digest);
    struct digest d = digest_of(data, len);
    if (strcmp(d.s, digest) != 0)
        return ERR_NEW(ERR_CORRUPT, "blob %s in %s is damaged: its content has the digest %s", digest, s->root, d.s);
    *ret = TAKE_PTR(data);
    if (ret_len)
        *ret_len = len;
    return NULL;
}

bool store_blob_exists(struct store *s, const char *digest)
{
    struct store_blob_path path = store_blob_path(digest);
    return file_exists(s->root_fd, path.s);
}

struct err *store_content_lock(struct store *s, bool exclusive, bool wait, int *ret_fd)
{
    return file_open_locked(s->root_fd, "content.lock", exclusive, wait, ret_fd);
}
