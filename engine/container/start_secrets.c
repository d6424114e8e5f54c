/* Secrets of a container. Those that are files were copied into its directory when it was made, and from there come
 * into the monitor's private tmpfs, with their owners and modes; those of the environment are read now. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/override.h"
#include "engine/container/internal.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/secret/secret.h"
#include "rootless/session.h"

#define DIR "secrets"

static struct err *find_and_read(struct engine *e, const char *name, char **ret, size_t *ret_len)
{
    struct secret *s;
    TRY(secret_find(e, name, &s));
    struct err *err = secret_data(e, s, ret, ret_len);
    secret_free(s);
    return err;
}

/* --- create */

/* Each by its place in the list. */
static struct err *copy_one(struct engine *e, int dir, size_t index, const char *text)
{
    AUTO_SECRET_USE struct secret_use use = {0};
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    char name[24];
    TRY(secret_use_parse(text, &use));
    TRY(find_and_read(e, use.source, &data, &len)); /* also of the environment: it has to be there */
    if (use.env)
        return NULL;
    (void)snprintf(name, sizeof(name), "%zu", index);
    return file_write_atomic(dir, name, data, len, 0600, FILE_NOSYNC);
}

struct err *container_copy_secrets(struct engine *e, const struct strv *secrets, int dirfd)
{
    AUTO_FD int dir = -1;
    if (!secrets->count)
        return NULL;
    if (mkdirat(dirfd, DIR, 0700) < 0)
        return ERR_SYS(errno, "create directory of secrets");
    TRY(file_open_dir(dirfd, DIR, &dir));
    for (size_t i = 0; i < secrets->count; i++)
        TRY(copy_one(e, dir, i, secrets->items[i]));
    return NULL;
}

/* --- start */

/* Ids of the container's, as they are in the session, where we work. */
static struct err *outside(const struct start *s, const struct secret_use *use, uid_t *ret_uid, gid_t *ret_gid)
{
    *ret_uid = use->ct_uid;
    *ret_gid = use->ct_gid;
    if (s->own_userns &&
        (!idmap_to_host(&s->ct_uids, use->ct_uid, ret_uid) || !idmap_to_host(&s->ct_gids, use->ct_gid, ret_gid)))
        return ERR_NEW(ERR_INVALID, "secret %s: the container has no id %u:%u", use->source, use->ct_uid, use->ct_gid);
    return NULL;
}

static struct err *write_file(const struct start *s, const struct secret_use *use, int dir, const char *name,
                              const char *data, size_t len)
{
    uid_t uid;
    gid_t gid;
    TRY(outside(s, use, &uid, &gid));
    AUTO_FD int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYS(errno, "create secret %s", use->source);
    TRY(fd_write_all(fd, data, len));
    int errnum = override_chown(fd, uid, gid, engine_session(s->e)->single_id);
    if (errnum || fchmod(fd, use->mode) < 0)
        return ERR_SYS(errnum ? errnum : errno, "give secret %s to %u:%u", use->source, use->ct_uid, use->ct_gid);
    return NULL;
}

/* One that isn't below /run/secrets is bound alone. */
static struct err *add_bind(struct start *s, const char *name, const char *target)
{
    TRY(mem_grow(&s->mounts, s->n_mounts, &s->cap_mounts, sizeof(*s->mounts), SIZE_MAX / sizeof(*s->mounts)));
    struct oci_mount *m = &s->mounts[s->n_mounts++];
    *m = (struct oci_mount){0};
    TRY(mem_strdup("bind", &m->type));
    TRY(mem_strdup(target, &m->target));
    TRY(strv_add(&m->options, "bind"));
    TRY(strv_add(&m->options, "rprivate"));
    TRY(strv_add(&m->options, "ro"));
    return mem_asprintf(&m->source, "%s/" MONITOR_PRIVATE "/%s", engine_run_dir(s->e), name);
}

static struct err *mount_one(struct start *s, int from, int dir, size_t index, const struct secret_use *use)
{
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    char name[32];
    (void)snprintf(name, sizeof(name), "%zu", index);
    TRY(file_read(from, name, SECRET_BYTES_MAX, &data, &len));
    if (use->target[0] != '/')
        return write_file(s, use, dir, use->target, data, len);
    (void)snprintf(name, sizeof(name), "secret.%zu", index);
    TRY(write_file(s, use, s->private_fd, name, data, len));
    return add_bind(s, name, use->target);
}

static struct err *set_env(struct start *s, const struct secret_use *use)
{
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    TRY(find_and_read(s->e, use->source, &data, &len));
    return strv_addf(&s->facts.secret_env, "%s=%s", use->target, data);
}

static struct err *settle_one(struct start *s, int from, int dir, size_t index)
{
    AUTO_SECRET_USE struct secret_use use = {0};
    TRY(secret_use_parse(s->c->spec.secrets.items[index], &use));
    return use.env ? set_env(s, &use) : mount_one(s, from, dir, index, &use);
}

struct err *start_write_secrets(struct start *s)
{
    const struct strv *secrets = &s->c->spec.secrets;
    AUTO_FREE char *path = NULL;
    AUTO_FD int own = -1, from = -1, dir = -1;
    if (!secrets->count)
        return NULL;
    TRY(container_dir(s->e, s->c->id, &path));
    TRY(file_open_dir(AT_FDCWD, path, &own));
    TRY(file_open_dir(own, DIR, &from));
    if (mkdirat(s->private_fd, DIR, 0755) < 0)
        return ERR_SYS(errno, "create directory of secrets");
    TRY(file_open_dir(s->private_fd, DIR, &dir));
    if (fchmod(dir, 0755) < 0)
        return ERR_SYS(errno, "set mode of the directory of secrets");
    for (size_t i = 0; i < secrets->count; i++)
        TRY(settle_one(s, from, dir, i));
    return start_keep(s, &s->facts.secrets_dir, "%s/" MONITOR_PRIVATE "/" DIR, engine_run_dir(s->e));
}
