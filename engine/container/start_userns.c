/* A container's own user namespace: --userns keep-id, nomap, auto, private, --uidmap, --gidmap.
 *
 * All of them are maps from the container's ids to the session's (which are subordinate ids of the user outside), so no
 * right is needed to make them. What differs is who owns the files of the image: coracle-overlay shows them with the
 * ids that the container has for them (start_root.c); other drivers need shifted copies of the layers (image/shift.h).
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"
#include "engine/container/internal.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/image/shift.h"
#include "rootless/session.h"

#define AUTO_SIZE 1024 /* ids that --userns=auto gives when the image asks for no more */
#define IDMAP_COUNT_MAX (UINT32_MAX - 1)
#define JOIN_DEPTH_MAX 16

/* ct `own` is the user outside (session id 0); the others keep their order around it. */
static struct err *keep_id(const struct idmap *session, uint32_t own, struct idmap *ret)
{
    uint32_t total = idmap_contiguous(session); /* 1: a user without a range keeps that one */
    uint32_t below = own < total - 1 ? own : total - 1;
    if (below)
        TRY(idmap_add(ret, 0, 1, below));
    TRY(idmap_add(ret, own, 0, 1));
    if (total - 1 > below)
        TRY(idmap_add(ret, own + 1, below + 1, total - 1 - below));
    return NULL;
}

/* Everything but the user's own id. */
static struct err *nomap(const struct idmap *session, struct idmap *ret)
{
    uint32_t total = idmap_contiguous(session);
    if (total < 2)
        return ERR_NEW(ERR_UNSUPPORTED, "--userns nomap: needs a range of subordinate ids; only one id is mapped here");
    return idmap_add(ret, 0, 1, total - 1);
}

/* "keep-id:uid=200,gid=210": other ids for the user inside. */
static struct err *keep_id_options(const char *arg, uint32_t *uid, uint32_t *gid)
{
    AUTO_STRV struct strv parts = STRV_INIT;
    if (!arg || !*arg)
        return NULL;
    TRY(strv_split(arg, ',', &parts));
    for (size_t i = 0; i < parts.count; i++) {
        const char *p = parts.items[i];
        uint64_t n;
        bool is_uid = strncmp(p, "uid=", 4) == 0;
        if (!is_uid && strncmp(p, "gid=", 4) != 0)
            return ERR_NEW(ERR_INVALID, "unknown option specified for keep-id: \"%s\"", p);
        TRY_WRAP(number_parse_u64(p + 4, UINT32_MAX - 1, &n), "--userns keep-id");
        *(is_uid ? uid : gid) = (uint32_t)n;
    }
    return NULL;
}

/* What --userns auto may say; `own` are the mappings that it asks for besides. */
struct auto_options {
    uint64_t size;
    struct idmap uids, gids;
};

static struct err *auto_options(const char *arg, struct auto_options *ret)
{
    AUTO_STRV struct strv parts = STRV_INIT;
    if (arg && *arg)
        TRY(strv_split(arg, ',', &parts));
    for (size_t i = 0; i < parts.count; i++) { /* known and with "=": spec_set_ns() */
        const char *eq = strchr(parts.items[i], '='), *value = eq ? eq + 1 : "";
        if (*parts.items[i] == 's')
            TRY(number_parse_u64(value, UINT32_MAX - 1, &ret->size));
        else
            TRY(idmap_parse_flag(value, *parts.items[i] == 'u' ? &ret->uids : &ret->gids));
    }
    return NULL;
}

/* `size` ids of the container from 0 on, those that were mapped by name among them, to the session's after the user's
 * own. Every container has the same: they can't see each other's files, and the ids outside are the user's anyway. */
static struct err *auto_map(const struct idmap *session, const struct idmap *named, uint64_t size, struct idmap *ret)
{
    uint32_t total = idmap_contiguous(session), missing;
    TRY(idmap_copy(named, ret));
    if (size == 0 || size > IDMAP_COUNT_MAX)
        return ERR_NEW(ERR_INVALID, "size %llu", (unsigned long long)size);
    TRY(idmap_fill(ret, 0, (uint32_t)size, 1, total, &missing));
    return missing ? ERR_NEW(ERR_UNSUPPORTED, "could not find enough available IDs: %llu asked for, %u are missing",
                             (unsigned long long)size, missing)
                   : NULL;
}

static struct err *auto_maps(const struct session *session, const char *arg, struct start *s)
{
    struct auto_options o = {.size = AUTO_SIZE};
    struct err *err = auto_options(arg, &o);
    if (!err)
        err = auto_map(&session->uid_map, &o.uids, o.size, &s->ct_uids);
    if (!err)
        err = auto_map(&session->gid_map, &o.gids, o.size, &s->ct_gids);
    idmap_done(&o.uids);
    idmap_done(&o.gids);
    return ERR_WRAP(err, "--userns auto");
}

bool container_spec_maps(const struct container_spec *s)
{
    return s->userns.mode == NS_KEEP_ID || s->userns.mode == NS_NOMAP || s->userns.mode == NS_AUTO ||
           s->uid_map.count || s->gid_map.count;
}

/* Who joins may be joined in turn. */
struct err *container_userns_spec(struct engine *e, const struct container_spec *spec, struct container **ret_other,
                                  const struct container_spec **ret)
{
    struct container *other = NULL;
    for (int depth = 0; spec->userns.mode == NS_CONTAINER; depth++) {
        struct container *next = NULL;
        struct err *err = depth < JOIN_DEPTH_MAX ? container_find(e, spec->userns.arg, &next)
                                                 : ERR_NEW(ERR_INVALID, "user namespaces of containers go in a circle");
        container_free(other);
        TRY(err);
        other = next;
        spec = &other->spec;
    }
    *ret_other = other;
    *ret = spec;
    return NULL;
}

static struct err *compute(struct start *s, const struct container_spec *spec, const struct session *session)
{
    const struct ns_spec *ns = &spec->userns;
    uint32_t uid = session->host_uid, gid = session->host_gid;
    switch (ns->mode) {
    case NS_KEEP_ID:
        TRY(keep_id_options(ns->arg, &uid, &gid));
        TRY(keep_id(&session->uid_map, uid, &s->ct_uids));
        return keep_id(&session->gid_map, gid, &s->ct_gids);
    case NS_NOMAP:
        TRY(nomap(&session->uid_map, &s->ct_uids));
        return nomap(&session->gid_map, &s->ct_gids);
    case NS_AUTO:
        return auto_maps(session, ns->arg, s);
    case NS_DEFAULT:
    case NS_PRIVATE:
    case NS_BRIDGE:
    case NS_POD:
    case NS_HOST:
    case NS_CONTAINER:
    case NS_PATH:
    case NS_NONE:
    case NS_SHAREABLE:
    default:
        break;
    }
    const struct idmap *uids = spec->uid_map.count ? &spec->uid_map : &spec->gid_map;
    const struct idmap *gids = spec->gid_map.count ? &spec->gid_map : &spec->uid_map;
    TRY(idmap_copy(uids, &s->ct_uids));
    return idmap_copy(gids, &s->ct_gids);
}

/* The session's map has two ranges at least, the user's own id and the subordinate ones; a container's may not reach
 * from one into the other. */
static struct err *cut(struct idmap *m, const struct idmap *session, const char *what)
{
    struct idmap whole = *m;
    *m = (struct idmap){0};
    struct err *err = idmap_cut(&whole, session, m);
    idmap_done(&whole);
    return err ? ERR_WRAP(err, "%s (there are %llu)", what, (unsigned long long)idmap_total(session)) : NULL;
}

static struct err *compute_joined(struct start *s, const struct session *session)
{
    struct container *other = NULL;
    const struct container_spec *spec;
    TRY(container_userns_spec(s->e, &s->c->spec, &other, &spec));
    struct err *err = compute(s, spec, session);
    container_free(other);
    TRY(err);
    s->facts.joins_userns = other != NULL && s->ct_uids.count;
    return NULL;
}

static struct err *settle_maps(struct start *s, const struct session *session)
{
    TRY(s->c->spec.userns.mode == NS_CONTAINER ? compute_joined(s, session) : compute(s, &s->c->spec, session));
    TRY(cut(&s->ct_uids, &session->uid_map, "user ids"));
    return cut(&s->ct_gids, &session->gid_map, "group ids");
}

struct err *start_settle_userns(struct start *s)
{
    TRY_WRAP(settle_maps(s, engine_session(s->e)), "container %s", s->c->name);
    s->own_userns = s->ct_uids.count > 0;
    if (!s->own_userns || !s->image || s->c->spec.maps_ids || engine_session(s->e)->single_id)
        return NULL;
    strv_clear(&s->layer_dirs);
    return image_shifted_layers(s->e, s->image, &s->ct_uids, &s->ct_gids, &s->layer_dirs);
}

/* Others may pass through `path`, without seeing what is in it. Only what is the user's own is changed. */
static struct err *open_dir(const char *path, bool ours)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "stat %s", path);
    if (st.st_mode & S_IXOTH)
        return NULL;
    if (!ours)
        return ERR_NEW(ERR_DENIED,
                       "%s is closed to others (mode %03o), so a container without your own id cannot get to its "
                       "files; open it (chmod o+x), choose another directory with --root, or use --userns keep-id",
                       path, (unsigned)st.st_mode & 0777);
    if (chmod(path, (st.st_mode & 07777) | S_IXOTH) < 0)
        return ERR_SYS(errno, "let other ids of yours pass through %s", path);
    return NULL;
}

/* Each directory on the way to `path`; those below the data or session directory are ours. */
static struct err *open_way(const struct start *s, const char *path)
{
    const char *root = engine_root(s->e), *session = engine_session(s->e)->session_dir;
    for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
        AUTO_FREE char *dir = NULL;
        const char *end = strchr(slash + 1, '/');
        TRY(mem_strndup(path, end ? (size_t)(end - path) : strlen(path), &dir));
        TRY(open_dir(dir, path_is_below(dir, root) || path_is_below(dir, session)));
    }
    return NULL;
}

struct err *start_open_userns(struct start *s)
{
    AUTO_FREE char *volumes = NULL;
    uint32_t ct;
    /* Capabilities of the container's root count for files whose owner and group are both mapped
     * (capable_wrt_inode_uidgid() in the kernel); then no mode is in its way. */
    bool mapped = idmap_to_ct(&s->ct_uids, 0, &ct) && idmap_to_ct(&s->ct_gids, 0, &ct);
    if (!s->own_userns || mapped)
        return NULL;
    TRY(open_way(s, engine_run_dir(s->e)));
    TRY(open_way(s, engine_root(s->e)));
    TRY(mem_asprintf(&volumes, "%s/volumes", engine_root(s->e)));
    TRY(open_dir(volumes, true));
    return fchmod(s->private_fd, 0711) < 0 ? ERR_SYS(errno, "let other ids of yours pass through") : NULL;
}
