/* --mount type=glob, a bind for each path of the host that matches, and type=artifact. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "engine/container/internal.h"
#include "engine/container/spec_internal.h"
#include "engine/image/artifact.h"

static struct err *add_bind(struct container_spec *s, const struct mount_spec *m, const char *path)
{
    AUTO_MOUNT struct mount_spec bind = {.type = MOUNT_BIND, .read_only = m->read_only, .chown = m->chown};
    AUTO_FREE char *target = NULL;
    TRY(mem_strdup(path, &bind.source));
    TRY(strv_copy(&m->options, &bind.options));
    if (m->idmap)
        TRY(mem_strdup(m->idmap, &bind.idmap));
    TRY(*m->target ? path_join(&target, m->target, path_last(path)) : mem_strdup(path, &target));
    TRY(spec_check_target(target, &bind.target));
    if (spec_mount_at(s, bind.target))
        return ERR_NEW(ERR_INVALID, "%s: duplicate mount destination", bind.target);
    return spec_take_mount(s, &bind);
}

/* A star stands for names with a leading dot, too, as in Go's filepath.Glob; "." and ".." are no names. */
static struct err *add_matches(struct container_spec *s, const struct mount_spec *m, const glob_t *found)
{
    size_t n = 0;
    for (size_t i = 0; i < found->gl_pathc; i++) {
        const char *path = found->gl_pathv[i], *last = path_last(path);
        if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
            continue;
        TRY(add_bind(s, m, path));
        n++;
    }
    return n ? NULL : ERR_NEW(ERR_NOT_FOUND, "no file paths matching glob \"%s\"", m->source);
}

static struct err *expand(struct container_spec *s, const struct mount_spec *m)
{
    glob_t found = {0};
    struct err *err = NULL;
    int rc = glob(m->source, GLOB_PERIOD, NULL, &found);
    if (rc == GLOB_NOMATCH)
        err = ERR_NEW(ERR_NOT_FOUND, "no file paths matching glob \"%s\"", m->source);
    else if (rc != 0)
        err = rc == GLOB_NOSPACE ? err_oom() : ERR_SYS(errno, "glob \"%s\"", m->source);
    else
        err = add_matches(s, m, &found);
    globfree(&found);
    return err;
}

struct err *create_settle_globs(struct container_spec *s)
{
    size_t n = s->n_mounts, kept = 0;
    for (size_t i = 0; i < n; i++) {
        const struct mount_spec m = s->mounts[i]; /* borrowed: the array moves as it grows */
        if (m.type == MOUNT_GLOB)
            TRY(expand(s, &m));
    }
    for (size_t i = 0; i < s->n_mounts; i++) {
        if (s->mounts[i].type == MOUNT_GLOB)
            spec_mount_done(&s->mounts[i]);
        else
            s->mounts[kept++] = s->mounts[i];
    }
    s->n_mounts = kept;
    return NULL;
}

/* Nothing keeps it: a start says what is missing, as in Podman. */
struct err *create_settle_artifact(struct engine *e, struct mount_spec *m)
{
    struct artifact *a;
    TRY(artifact_find(e, m->source, &a));
    struct err *err = mem_replace(&m->source, a->name);
    artifact_free(a);
    return err;
}
