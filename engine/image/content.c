#include "engine/image/content.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "engine/engine.h"
#include "engine/image/content_internal.h"
#include "engine/image/image.h"
#include "engine/image/progress.h"
#include "engine/layer/starter.h"
#include "engine/storage/options.h"
#include "engine/store/name.h"
#include "rootless/session.h"

/* More unpackers at once only take turns at the disk. */
#define JOBS_MAX 4
#define ENTRIES_MAX ((size_t)1 << 16)
#define COPY_BYTES ((size_t)256 << 10)

/* Those that overlay marks directories with. */
static bool takes_xattrs(int dirfd)
{
    static const char name[] = "user.overlay.probe";
    return fsetxattr(dirfd, name, "y", 1, 0) == 0 && fremovexattr(dirfd, name) == 0;
}

static struct err *begin(struct engine *e, struct content *c)
{
    const struct storage_options *options;
    const char *driver;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    c->jobs_max = cpus < 1 ? 1 : cpus > JOBS_MAX ? JOBS_MAX : (size_t)cpus;
    c->single_id = engine_session(e)->single_id;
    TRY(engine_storage_driver(e, &driver));
    TRY(engine_storage_options(e, &options));
    c->ignore_chown_errors = options->ignore_chown_errors;
    TRY(store_content_lock(c->store, false, true, &c->lock_fd));
    TRY(store_staging_new(c->store, &c->staging));
    content_spread(c->staging.dirfd);
    /* Every driver reads overlay's form, so that a container may have another one than its image was pulled with. */
    c->format = strcmp(driver, "copy") == 0 && !takes_xattrs(c->staging.dirfd) ? LAYER_WH : LAYER_OVERLAY;
    return NULL;
}

struct err *content_begin(struct engine *e, struct content **ret)
{
    struct content *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_oom();
    c->engine = e;
    c->store = engine_store(e);
    c->lock_fd = -1;
    c->staging = (struct store_staging){.dirfd = -1, .lock_fd = -1};
    struct err *error = begin(e, c);
    if (error) {
        content_free(c);
        return error;
    }
    *ret = c;
    return NULL;
}

static void entry_done(struct content_entry *entry)
{
    if (entry->job)
        layer_job_cancel(TAKE_PTR(entry->job));
    fd_close(entry->copy_fd);
    fd_close(entry->watch_fd);
    fd_close(entry->dirfd);
    mem_freep(&entry->wanted);
    mem_freep(&entry->dir);
    mem_freep(&entry->blob_path);
}

static void image_row_done(struct content_image_row *row)
{
    mem_freep(&row->id);
    mem_freep(&row->manifest);
    mem_freep(&row->config);
    mem_freep(&row->media_type);
    mem_freep(&row->os);
    mem_freep(&row->arch);
    mem_freep(&row->variant);
    mem_freep(&row->labels);
    mem_freep(&row->event);
    mem_freep(&row->pulled);
    mem_freep(&row->layers);
    strv_done(&row->names);
    strv_done(&row->digests);
}

void content_free(struct content *take_c)
{
    struct content *c = take_c;
    if (!c)
        return;
    for (size_t i = 0; i < c->n_entries; i++)
        entry_done(&c->entries[i]);
    layer_starter_free(c->starter);
    content_disk_done(&c->disk);
    for (size_t i = 0; i < c->n_documents; i++)
        mem_freep(&c->documents[i].path);
    for (size_t i = 0; i < c->n_images; i++)
        image_row_done(&c->images[i]);
    mem_freep(&c->entries);
    mem_freep(&c->documents);
    mem_freep(&c->images);
    store_staging_done(c->store, &c->staging);
    fd_close(c->lock_fd);
    /* What was moved before a failure, what an `rmi` could not remove because of our lock, what killed commands left.
     */
    err_drop(store_clean(c->store));
    mem_freep(&c);
}

void content_freep(struct content **c)
{
    content_free(*c);
    *c = NULL;
}

const struct store_staging *content_staging(const struct content *c)
{
    return &c->staging;
}

const struct content_layer *content_layer_at(const struct content *c, size_t index)
{
    return &c->entries[index].layer;
}

bool content_layer_is_known(const struct content *c, size_t index)
{
    return c->entries[index].known;
}

void content_set_jobs(struct content *c, size_t jobs)
{
    c->jobs_max = jobs;
}

void content_set_tick(struct content *c, void (*fn)(void *arg), void *arg)
{
    c->tick = fn;
    c->tick_arg = arg;
}

/* The unpacker reads the archive, and writes the copy, through descriptions that we share: their positions tell. */
void content_layer_moved(const struct content *c, size_t index, uint64_t *ret_came, uint64_t *ret_unpacked,
                         bool *ret_done)
{
    const struct content_entry *entry = &c->entries[index];
    struct stat st = {0};
    *ret_done = !entry->job;
    *ret_came = *ret_unpacked = *ret_done ? entry->layer.blob_bytes : 0;
    if (*ret_done)
        return;
    off_t at = lseek(entry->watch_fd >= 0 ? entry->watch_fd : entry->copy_fd, 0, SEEK_CUR);
    if (at > 0)
        *ret_unpacked = (uint64_t)at;
    if (entry->watch_fd < 0 && fstat(entry->copy_fd, &st) == 0)
        *ret_came = (uint64_t)st.st_size;
    if (*ret_came < *ret_unpacked)
        *ret_came = *ret_unpacked;
}

static bool is_staged(const struct content *c, const char *digest)
{
    for (size_t i = 0; i < c->n_documents; i++)
        if (strcmp(c->documents[i].digest.s, digest) == 0)
            return true;
    return false;
}

/* A new file in staging, and room for it in the list. */
static struct err *new_document(struct content *c, char **ret_path, int *ret_fd)
{
    TRY(mem_grow(&c->documents, c->n_documents, &c->cap_documents, sizeof *c->documents, ENTRIES_MAX));
    TRY(mem_asprintf(ret_path, "document-%zu", c->n_files++));
    *ret_fd = openat(c->staging.dirfd, *ret_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *ret_fd < 0 ? ERR_SYS(errno, "create %s/%s", c->staging.path, *ret_path) : NULL;
}

struct err *content_put_document(struct content *c, const void *data, size_t len, struct digest *ret)
{
    struct digest d = digest_of(data, len);
    *ret = d;
    if (is_staged(c, d.s))
        return NULL;
    AUTO_FREE char *path = NULL;
    AUTO_FD int fd = -1;
    TRY(new_document(c, &path, &fd));
    TRY_WRAP(fd_write_all(fd, data, len), "write %s/%s", c->staging.path, path);
    c->documents[c->n_documents++] = (struct content_staged){.digest = d, .size_bytes = len, .path = TAKE_PTR(path)};
    return NULL;
}

/* Until there is something to read, and then no more often than anybody wants to see. */
static void tick_for(const struct content *c, int fd, int64_t *last_nsec)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (!c->tick)
        return;
    while (poll(&p, 1, IMAGE_BARS_PERIOD_MSEC) == 0)
        c->tick(c->tick_arg);
    int64_t now = timefmt_now();
    if (now - *last_nsec >= 0 && now - *last_nsec < (int64_t)IMAGE_BARS_PERIOD_MSEC * 1000000)
        return;
    *last_nsec = now;
    c->tick(c->tick_arg);
}

/* Hashed while it is copied: what is in staging is what the digest is of, whatever happens to the file. */
static struct err *copy_hashed(const struct content *c, int from, int to, uint64_t max, struct digest *ret,
                               uint64_t *ret_bytes)
{
    AUTO_FREE char *buf = mem_alloc(COPY_BYTES);
    struct digest_ctx *hash = NULL;
    struct err *e = buf ? digest_new(&hash) : err_oom();
    ssize_t n = 1;
    int64_t ticked = 0;
    for (*ret_bytes = 0; !e && n > 0; *ret_bytes += (uint64_t)n) {
        tick_for(c, from, &ticked);
        do
            n = read(from, buf, COPY_BYTES);
        while (n < 0 && errno == EINTR);
        if (n < 0) {
            e = ERR_SYS(errno, "read");
            break;
        }
        digest_update(hash, buf, (size_t)n);
        e = fd_write_all(to, buf, (size_t)n);
        if (!e && *ret_bytes + (uint64_t)n > max)
            e = ERR_NEW(ERR_NO_SPACE, "more than %llu bytes", (unsigned long long)max);
    }
    if (!e)
        *ret = digest_final(hash);
    digest_free(hash);
    return e;
}

/* As new_document(), but it is a link to a file that outlives a failure, and written from its start. */
static struct err *kept_document(struct content *c, int keep_fd, char **ret_path, int *ret_fd)
{
    struct fd_path from = fd_proc_path(keep_fd);
    AUTO_FREE char *path = NULL;
    TRY(mem_grow(&c->documents, c->n_documents, &c->cap_documents, sizeof *c->documents, ENTRIES_MAX));
    TRY(mem_asprintf(&path, "document-%zu", c->n_files));
    if (linkat(AT_FDCWD, from.s, c->staging.dirfd, path, AT_SYMLINK_FOLLOW) < 0) /* no hard links, or no /proc */
        return new_document(c, ret_path, ret_fd);
    c->n_files++;
    if (lseek(keep_fd, 0, SEEK_SET) < 0)
        return ERR_SYS(errno, "seek");
    *ret_path = TAKE_PTR(path);
    return fd_duplicate(keep_fd, ret_fd);
}

struct err *content_put_file(struct content *c, int fd, uint64_t max, int keep_fd, struct digest *ret,
                             uint64_t *ret_bytes)
{
    AUTO_FREE char *path = NULL;
    AUTO_FD int to = -1;
    TRY(keep_fd > 0 ? kept_document(c, keep_fd, &path, &to) : new_document(c, &path, &to));
    TRY(copy_hashed(c, fd, to, max, ret, ret_bytes));
    if (is_staged(c, ret->s))
        return NULL;
    c->documents[c->n_documents++] =
        (struct content_staged){.digest = *ret, .size_bytes = *ret_bytes, .path = TAKE_PTR(path)};
    return NULL;
}

static struct err *set_digest(struct digest *d, const char *text)
{
    TRY(digest_check(text));
    memcpy(d->s, text, strlen(text) + 1);
    return NULL;
}

/* Wait for one entry's job and keep its results. */
static struct err *finish(struct content *c, struct content_entry *entry)
{
    struct layer_result result;
    struct err *e = layer_job_finish(TAKE_PTR(entry->job), &result);
    c->jobs--;
    entry->dirfd = fd_close(entry->dirfd);
    entry->copy_fd = fd_close(entry->copy_fd);
    entry->watch_fd = fd_close(entry->watch_fd);
    TRY_WRAP(e, "layer %s", entry->wanted);
    TRY(set_digest(&entry->layer.diff_id, result.diff_id));
    TRY(set_digest(&entry->layer.blob, result.blob_digest));
    entry->layer.blob_bytes = result.blob_bytes;
    entry->layer.tar_bytes = result.tar_bytes;
    content_disk_begin(&c->disk, c->staging.dirfd, result.blob_bytes + result.unpacked_bytes);
    log_debug("layer %s: %llu entries, %llu bytes, %llu owners and %llu attributes not kept", result.diff_id,
              (unsigned long long)result.entries, (unsigned long long)result.unpacked_bytes,
              (unsigned long long)result.ids_ignored, (unsigned long long)result.xattrs_ignored);
    if (result.ids_ignored == 0)
        return NULL;
    return engine_notice(c->engine,
                         "%llu files belong to other users in the image and to you here: only one id is mapped",
                         (unsigned long long)result.ids_ignored);
}

/* An entry whose job has ended, waiting for the first one to. */
static struct err *find_ended(struct content *c, struct content_entry **ret)
{
    AUTO_FREE struct pollfd *fds = mem_zalloc(c->n_entries * sizeof *fds);
    if (!fds)
        return err_oom();
    for (size_t i = 0; i < c->n_entries; i++)
        fds[i] = (struct pollfd){.fd = c->entries[i].job ? layer_job_fd(c->entries[i].job) : -1, .events = POLLIN};
    for (int n = 0; n <= 0;) {
        n = poll(fds, c->n_entries, c->tick ? IMAGE_BARS_PERIOD_MSEC : -1);
        if (n < 0 && errno != EINTR)
            return ERR_SYS(errno, "wait for an unpacker");
        if (c->tick)
            c->tick(c->tick_arg);
    }
    for (size_t i = 0; i < c->n_entries; i++) {
        if (fds[i].revents) {
            *ret = &c->entries[i];
            return NULL;
        }
    }
    return ERR_NEW(ERR_INTERNAL, "poll of nothing");
}

/* Finish jobs, whichever ends first, until at most `left` are under way. An error leaves the others as they are. */
static struct err *finish_down_to(struct content *c, size_t left)
{
    while (c->jobs > left) {
        struct content_entry *entry = NULL;
        TRY(find_ended(c, &entry));
        TRY(finish(c, entry));
    }
    return NULL;
}

struct err *content_wait(struct content *c)
{
    return finish_down_to(c, 0);
}

/* Is this layer, with this blob (any, when the source names none), in the store? */
static struct err *find_known(struct content *c, const struct content_layer_source *source, struct content_entry *entry)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(c->store,
                      "SELECT b.digest, b.size_bytes, l.size_bytes FROM layers l"
                      " JOIN image_layers il ON il.layer_id = l.id JOIN blobs b ON b.digest = il.blob"
                      " WHERE l.diff_id = ?1 AND l.map = '' AND (?2 IS NULL OR b.digest = ?2) LIMIT 1",
                      &st));
    TRY(store_bind(st, "tt", source->diff_id, source->blob_digest));
    TRY(store_step(st, &row));
    if (!row)
        return NULL;
    TRY(set_digest(&entry->layer.diff_id, source->diff_id));
    TRY(set_digest(&entry->layer.blob, store_col_text(st, 0)));
    entry->layer.blob_bytes = (uint64_t)store_col_int(st, 1);
    entry->layer.tar_bytes = (uint64_t)store_col_int(st, 2);
    entry->known = true;
    return NULL;
}

/* The blob's file in staging: a link to what is there already, or a copy that the unpacker writes. */
static struct err *stage_blob(struct content *c, const struct content_layer_source *source, struct content_entry *entry)
{
    TRY(mem_asprintf(&entry->blob_path, "blob-%zu", c->n_entries));
    if (source->is_ours || source->keep_fd > 0) {
        struct fd_path path = fd_proc_path(source->is_ours ? source->fd : source->keep_fd);
        if (linkat(AT_FDCWD, path.s, c->staging.dirfd, entry->blob_path, AT_SYMLINK_FOLLOW) == 0)
            return source->is_ours ? NULL : fd_duplicate(source->keep_fd, &entry->copy_fd);
        /* else a file system without hard links, or no /proc */
    }
    entry->copy_fd = openat(c->staging.dirfd, entry->blob_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (entry->copy_fd < 0)
        return ERR_SYS(errno, "create %s/%s", c->staging.path, entry->blob_path);
    return NULL;
}

static struct err *make_layer_dir(struct content *c, struct content_entry *entry)
{
    AUTO_FREE char *diff = NULL;
    struct store_name name; /* not one that is always the same: where the directory will be depends on it */
    TRY(store_name_random(&name));
    TRY(mem_strdup(name.s, &entry->dir));
    TRY(path_join(&diff, entry->dir, "diff"));
    if (mkdirat(c->staging.dirfd, entry->dir, 0755) < 0 || mkdirat(c->staging.dirfd, diff, 0755) < 0)
        return ERR_SYS(errno, "create %s/%s", c->staging.path, diff);
    TRY(file_open_dir(c->staging.dirfd, diff, &entry->dirfd));
    if (fchmod(entry->dirfd, 0755) < 0) /* the umask may have narrowed it, and it is the container's "/" */
        return ERR_SYS(errno, "chmod %s/%s", c->staging.path, diff);
    return NULL;
}

static struct err *start(struct content *c, const struct content_layer_source *source, struct content_entry *entry)
{
    struct stat sb;
    if (fstat(source->fd, &sb) < 0)
        return ERR_SYS(errno, "fstat");
    if (source->size_bytes != UINT64_MAX && S_ISREG(sb.st_mode) && (uint64_t)sb.st_size != source->size_bytes)
        return ERR_NEW(ERR_CORRUPT, "the file has %llu bytes, the manifest says %llu", (unsigned long long)sb.st_size,
                       (unsigned long long)source->size_bytes);
    TRY(stage_blob(c, source, entry));
    TRY(make_layer_dir(c, entry));
    if (c->tick && S_ISREG(sb.st_mode))
        TRY(fd_duplicate(source->fd, &entry->watch_fd));
    if (!c->starter)
        TRY(layer_starter_new(&c->starter));
    const struct layer_unpack_opts opts = {
        .archive_fd = source->fd,
        .target_dirfd = entry->dirfd,
        .diff_id = source->diff_id,
        .blob_digest = source->blob_digest,
        .blob_copy_fd = entry->copy_fd,
        .format = c->format,
        .single_id = c->single_id,
        .ignore_chown_errors = c->ignore_chown_errors,
        .starter = c->starter,
    };
    TRY(layer_unpack_start(&opts, &entry->job));
    c->jobs++;
    return NULL;
}

static bool is_same(const struct content_layer_source *source, const struct content_entry *entry)
{
    return source->diff_id && strcmp(source->diff_id, entry->layer.diff_id.s) == 0 &&
           (!source->blob_digest || strcmp(source->blob_digest, entry->layer.blob.s) == 0);
}

struct err *content_put_layer(struct content *c, const struct content_layer_source *source, size_t *ret_index)
{
    for (size_t i = 0; i < c->n_entries; i++) {
        if (is_same(source, &c->entries[i])) {
            *ret_index = i;
            return NULL;
        }
    }
    TRY(finish_down_to(c, c->jobs_max - 1));
    TRY(mem_grow(&c->entries, c->n_entries, &c->cap_entries, sizeof *c->entries, ENTRIES_MAX));
    struct content_entry entry = {.copy_fd = -1, .watch_fd = -1, .dirfd = -1};
    const char *wanted = source->diff_id ? source->diff_id : source->blob_digest ? source->blob_digest : "archive";
    struct err *e = mem_strdup(wanted, &entry.wanted);
    if (!e && source->diff_id)
        e = find_known(c, source, &entry);
    if (!e && !entry.known) {
        /* So that is_same() knows it while it is being unpacked; the unpacker verifies both. */
        if (source->diff_id)
            e = set_digest(&entry.layer.diff_id, source->diff_id);
        if (!e && source->blob_digest)
            e = set_digest(&entry.layer.blob, source->blob_digest);
        if (!e)
            e = start(c, source, &entry);
    }
    if (e) {
        e = ERR_WRAP(e, "layer %s", wanted);
        entry_done(&entry);
        return e;
    }
    *ret_index = c->n_entries;
    c->entries[c->n_entries++] = entry;
    return NULL;
}
