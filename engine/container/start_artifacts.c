/* --mount type=artifact: the files of an artifact, each bound read-only from the store.
 *
 * Where the container has a file at the destination, that is the mount's place; else it is a directory, and files are
 * below it by their titles (podman-run(1), "Options specific to type=artifact"). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/image/artifact.h"
#include "engine/store/store.h"

static struct err *is_file(const struct start *s, const char *target, bool *ret)
{
    struct stat st;
    AUTO_FD int fd = -1;
    struct err *err = path_open_in_root(s->root_fd, target, O_PATH | O_CLOEXEC, 0, &fd);
    bool there = !err && fstat(fd, &st) == 0;
    *ret = there && !S_ISDIR(st.st_mode);
    if (err && (err_kind(err) == ERR_NOT_FOUND || err_kind(err) == ERR_INVALID)) {
        err_drop(err);
        return NULL;
    }
    return err;
}

static struct err *add_file(struct start *s, const char *source, const char *target)
{
    static const char *const options[] = {"rbind", "rprivate", "ro"};
    struct oci_mount *o;
    TRY(start_add_mount(s, "bind", target, &o));
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        TRY(strv_add(&o->options, options[i]));
    return mem_strdup(source, &o->source);
}

/* Below a destination that is a directory: its own name, or NAME, NAME-0 … */
static struct err *path_of(const struct mount_spec *m, const struct strv *names, size_t i, char **ret)
{
    if (!m->file_name)
        return path_join(ret, m->target, names->items[i]);
    return names->count == 1 ? path_join(ret, m->target, m->file_name)
                             : mem_asprintf(ret, "%s/%s-%zu", m->target, m->file_name, i);
}

static struct err *add_artifact(struct start *s, const struct mount_spec *m)
{
    AUTO_STRV struct strv names = STRV_INIT, paths = STRV_INIT;
    const struct artifact_extract_opts opts = {.digest = m->digest, .title = m->title};
    bool file;
    TRY(artifact_places(s->e, m->source, &opts, &names, &paths));
    TRY(is_file(s, m->target, &file));
    if (file && names.count > 1)
        return ERR_NEW(ERR_INVALID,
                       "the artifact consists of several blobs and the target \"%s\" is an existing file; name one by "
                       "title or digest",
                       m->target);
    for (size_t i = 0; i < names.count; i++) {
        AUTO_FREE char *target = NULL;
        TRY(file ? mem_strdup(m->target, &target) : path_of(m, &names, i, &target));
        TRY(add_file(s, paths.items[i], target));
    }
    return NULL;
}

/* A runtime that has other ids than the store's owner passes through its directories. */
static struct err *open_way(const struct start *s)
{
    static const char *const dirs[] = {"blobs", "blobs/sha256"};
    for (size_t i = 0; s->own_userns && i < ARRAY_LEN(dirs); i++)
        if (fchmodat(store_root_fd(engine_store(s->e)), dirs[i], 0711, 0) < 0)
            return ERR_SYS(errno, "let other ids of yours pass through %s", dirs[i]);
    return NULL;
}

struct err *start_mount_artifacts(struct start *s)
{
    const struct container_spec *spec = &s->c->spec;
    for (size_t i = 0; i < spec->n_mounts; i++) {
        const struct mount_spec *m = &spec->mounts[i];
        if (m->type != MOUNT_ARTIFACT)
            continue;
        TRY(open_way(s));
        TRY_WRAP(add_artifact(s, m), "mount %s: artifact %s", m->target, m->source);
    }
    return NULL;
}
