/* Files of an artifact: out into files of the host, and where they are, for mounts. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/engine.h"
#include "engine/image/artifact_internal.h"
#include "engine/store/name.h"

/* A file of the store under a new name in a directory. */
static struct err *write_file(struct engine *e, int dirfd, const char *name, const char *digest)
{
    struct store_name random;
    AUTO_FREE char *temporary = NULL;
    AUTO_FD int from = -1;
    TRY(store_blob_open(engine_store(e), digest, &from, NULL));
    TRY(store_name_random(&random));
    TRY(mem_asprintf(&temporary, ".%s.tmp", random.s));
    AUTO_FD int to = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (to < 0)
        return ERR_SYS(errno, "create %s", name);
    struct err *error = file_copy_data(from, to);
    if (!error && renameat(dirfd, temporary, dirfd, name) < 0)
        error = ERR_SYS(errno, "create %s", name);
    if (error)
        unlinkat(dirfd, temporary, 0);
    return ERR_WRAP(error, "extract %s", digest);
}

static const char *title_of(const json_t *layer)
{
    const char *title = json_string_value(json_object_get(json_object_get(layer, "annotations"), ARTIFACT_TITLE));
    return title ? title : "";
}

/* The name of a file in a directory: its title, which is an outsider's word, or its digest. */
static struct err *file_name(const char *title, const char *digest, char **ret)
{
    if (!title[0])
        return mem_asprintf(ret, "sha256-%s", digest_hex(digest));
    if (strchr(title, '/'))
        return ERR_NEW(ERR_INVALID, "invalid name: \"%s\" cannot contain /", title);
    if (strcmp(title, ".") == 0 || strcmp(title, "..") == 0)
        return ERR_NEW(ERR_INVALID, "invalid name: \"%s\" cannot be a file's", title);
    return mem_strdup(title, ret);
}

struct extraction {
    struct engine *engine;
    const struct artifact_extract_opts *opts;
    const struct manifest *manifest;
    const json_t *layers;
    int dirfd;        /* of the target, or of its parent */
    const char *file; /* in that; NULL: the target is a directory */
};

static bool is_chosen(const struct extraction *x, size_t index)
{
    if (x->opts->digest)
        return strcmp(x->manifest->entries[index].digest, x->opts->digest) == 0;
    return !x->opts->title || strcmp(title_of(json_array_get(x->layers, index)), x->opts->title) == 0;
}

static struct err *extract_one(struct extraction *x, size_t index)
{
    const char *digest = x->manifest->entries[index].digest;
    AUTO_FREE char *name = NULL;
    if (x->file)
        return write_file(x->engine, x->dirfd, x->file, digest);
    TRY(file_name(x->opts->digest ? "" : title_of(json_array_get(x->layers, index)), digest, &name));
    return write_file(x->engine, x->dirfd, name, digest);
}

/* How many are asked for: one at least. */
static struct err *count_chosen(const struct extraction *x, size_t *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < x->manifest->count; i++)
        n += is_chosen(x, i);
    *ret = n;
    if (x->manifest->count == 0)
        return ERR_NEW(ERR_NOT_FOUND, "the artifact has no blobs, nothing to extract");
    if (n == 0)
        return ERR_NEW(ERR_NOT_FOUND, "no blob with the %s \"%s\"", x->opts->digest ? "digest" : "title",
                       x->opts->digest ? x->opts->digest : x->opts->title);
    return NULL;
}

static struct err *extract(struct extraction *x, const char *target)
{
    size_t n;
    TRY(count_chosen(x, &n));
    if (x->file && n > 1)
        return ERR_NEW(ERR_INVALID,
                       "the artifact consists of several blobs and the target \"%s\" is not a directory and neither "
                       "digest or title was specified to only copy a single blob",
                       target);
    for (size_t i = 0; i < x->manifest->count; i++) /* before anything is written */
        if (is_chosen(x, i) && !x->file && !x->opts->digest) {
            AUTO_FREE char *name = NULL;
            TRY(file_name(title_of(json_array_get(x->layers, i)), x->manifest->entries[i].digest, &name));
        }
    for (size_t i = 0; i < x->manifest->count; i++)
        if (is_chosen(x, i))
            TRY(extract_one(x, i));
    return NULL;
}

/* The directory, or the file's parent. */
static struct err *open_target(const char *target, struct extraction *x)
{
    struct stat sb;
    const char *last = path_last(target);
    AUTO_FREE char *parent = NULL;
    if (stat(target, &sb) == 0 && S_ISDIR(sb.st_mode)) {
        x->dirfd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return x->dirfd < 0 ? ERR_SYS(errno, "open %s", target) : NULL;
    }
    TRY(mem_strndup(target, (size_t)(last - target), &parent));
    x->dirfd = open(parent[0] ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (x->dirfd < 0)
        return ERR_SYS(errno, "open %s", parent);
    x->file = last;
    return last[0] ? NULL : ERR_NEW(ERR_NOT_FOUND, "%s: no such directory", target);
}

/* The artifact, with its manifest; `fn` does what is to be done. */
static struct err *with_manifest(struct engine *e, const char *name, const struct artifact_extract_opts *opts,
                                 struct err *(*fn)(struct extraction *x, void *arg), void *arg)
{
    AUTO_ARTIFACT struct artifact *a = NULL;
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *root = NULL;
    AUTO_MANIFEST struct manifest m = {0};
    struct extraction x = {.engine = e, .opts = opts, .manifest = &m, .dirfd = -1};
    if (opts->digest && opts->title)
        return ERR_NEW(ERR_INVALID, "cannot specify both digest and title");
    TRY(artifact_find(e, name, &a));
    TRY(artifact_read(e, a, &text));
    TRY(manifest_parse_artifact(text, strlen(text), &m));
    TRY(json_parse(text, strlen(text), "manifest", &root));
    x.layers = json_object_get(root, "layers");
    return fn(&x, arg);
}

static struct err *extract_to(struct extraction *x, void *arg)
{
    const char *target = arg;
    struct err *error = open_target(target, x);
    if (!error)
        error = extract(x, target);
    fd_close(x->dirfd);
    return error;
}

struct err *artifact_extract(struct engine *e, const char *name, const char *target,
                             const struct artifact_extract_opts *opts)
{
    return with_manifest(e, name, opts, extract_to, (char *)(uintptr_t)target);
}

struct places {
    struct strv *names, *paths;
};

/* Whoever may look into the artifact reads its files: nobody else gets to the store's directory. */
static struct err *add_place(struct extraction *x, size_t index, const struct places *p)
{
    const char *digest = x->manifest->entries[index].digest;
    AUTO_FREE char *name = NULL;
    AUTO_FD int fd = -1;
    TRY(file_name(title_of(json_array_get(x->layers, index)), digest, &name));
    TRY(store_blob_open(engine_store(x->engine), digest, &fd, NULL));
    if (fchmod(fd, 0444) < 0)
        return ERR_SYS(errno, "let %s be read", digest);
    TRY(strv_add(p->names, name));
    return strv_addf(p->paths, "%s/blobs/sha256/%s", store_root(engine_store(x->engine)), digest_hex(digest));
}

static struct err *add_places(struct extraction *x, void *arg)
{
    size_t n;
    TRY(count_chosen(x, &n));
    for (size_t i = 0; i < x->manifest->count; i++)
        if (is_chosen(x, i))
            TRY(add_place(x, i, arg));
    return NULL;
}

struct err *artifact_places(struct engine *e, const char *name, const struct artifact_extract_opts *opts,
                            struct strv *ret_names, struct strv *ret_paths)
{
    struct places p = {ret_names, ret_paths};
    return with_manifest(e, name, opts, add_places, &p);
}
