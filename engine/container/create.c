/* Creating a container: find its image, settle its mounts, write row and directory in one short transaction. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/container/events.h"
#include "engine/container/internal.h"
#include "engine/container/networks.h"
#include "engine/container/pod_row.h"
#include "engine/container/security_opt.h"
#include "engine/container/spec_internal.h"
#include "engine/engine.h"
#include "engine/image/image.h"
#include "engine/monitor/plan.h"
#include "engine/storage/options.h"
#include "engine/volume/volume.h"
#include "rootless/session.h"

#define NAME_TRIES 8

/* What a creation gathers before its transaction. */
struct creation {
    struct engine *e;
    struct container_spec spec; /* our copy, completed */
    struct image *image;        /* NULL with --rootfs */
    struct image_config config;
    struct strv needs;        /* ids of containers */
    struct strv needs_images; /* ids of images that are mounted */
    struct strv volumes;      /* names */
    struct strv anonymous;    /* those of them that are new and nameless */
    struct container_networks networks;
    struct pod_row pod; /* of another's; empty: in none */
    bool joins_ids;     /* the user namespace that it joins is not the session's */
    struct ident id;
    char *name;
    char *json;
    char *command;          /* as listings show it */
    const char *image_name; /* borrowed; "" with --rootfs */
    int64_t created_nsec, started_nsec;
    struct store_staging secrets; /* their data; without a path: none */
};

static void creation_done(struct creation *n)
{
    container_spec_done(&n->spec);
    image_free(n->image);
    image_config_done(&n->config);
    strv_done(&n->needs);
    strv_done(&n->needs_images);
    strv_done(&n->volumes);
    strv_done(&n->anonymous);
    container_networks_done(&n->networks);
    pod_row_done(&n->pod);
    mem_freep(&n->name);
    mem_freep(&n->json);
    mem_freep(&n->command);
    if (n->secrets.path)
        store_staging_done(engine_store(n->e), &n->secrets);
}

/* A copy by way of JSON, which also proves that the row will be readable. */
static struct err *copy_spec(const struct container_spec *from, struct container_spec *ret)
{
    AUTO_FREE char *text = NULL;
    TRY(container_spec_to_json(from, &text));
    return container_spec_from_json(text, strlen(text), ret);
}

static struct err *find_image(struct creation *n)
{
    struct image_platform platform = {0};
    struct err *err = NULL;
    if (!n->spec.image)
        return NULL;
    if (n->spec.platform)
        TRY(image_platform_parse(n->spec.platform, &platform));
    err = image_ensure(n->e, n->spec.image, n->spec.pull, &platform, &n->image);
    image_platform_done(&platform);
    TRY(err);
    if (n->image->origin) {
        TRY(mem_replace(&n->spec.image_origin, n->image->origin));
        TRY(mem_replace(&n->spec.image_id, n->image->id));
        TRY(mem_replace(&n->spec.image_config, n->image->config_text));
    }
    return image_read_config(n->e, n->image, &n->config);
}

/* The image's labels are the container's too, where the user gave no other. */
static struct err *merge_labels(struct creation *n)
{
    AUTO_STRV struct strv all = STRV_INIT;
    if (!n->config.labels.count)
        return NULL;
    TRY(strv_copy(&n->config.labels, &all));
    for (size_t i = 0; i < n->spec.labels.count; i++)
        TRY(strv_env_set(&all, n->spec.labels.items[i]));
    strv_done(&n->spec.labels);
    n->spec.labels = all;
    all = (struct strv)STRV_INIT;
    return NULL;
}

/* An image may say that it has no use for a network: coracle/hello, so that it runs where none can be made. */
static void settle_network(struct creation *n)
{
    struct container_spec *s = &n->spec;
    if (s->network.mode == NS_DEFAULT && !s->publish.count && !s->publish_all && !s->ip && !s->ip6 && !s->mac_address &&
        !s->dns.count && strv_contains(&n->config.labels, "io.coracle.network=none"))
        s->network.mode = NS_NONE;
}

/* --- namespaces of other containers: names become ids, so that renaming changes nothing */

/* The container named `name` must be there as long as the new one; *ret_c is the caller's. */
static struct err *need(struct creation *n, const char *name, struct container **ret_c)
{
    TRY(container_find(n->e, name, ret_c));
    struct err *err = strv_contains(&n->needs, (*ret_c)->id) ? NULL : strv_add(&n->needs, (*ret_c)->id);
    if (err)
        container_free(*ret_c);
    return err;
}

/* --requires, as ids. */
static struct err *settle_requires(struct creation *n)
{
    struct strv *all = &n->spec.requires;
    for (size_t i = 0; i < all->count; i++) {
        struct container *c;
        TRY_WRAP(need(n, all->items[i], &c), "\"%s\" is not a valid container, cannot be used as a dependency",
                 all->items[i]);
        struct err *err = mem_replace(&all->items[i], c->id);
        container_free(c);
        TRY(err);
    }
    return NULL;
}

static struct err *settle_joined_ids(struct creation *n)
{
    struct container *other;
    const struct container_spec *owner;
    if (n->spec.userns.mode != NS_CONTAINER)
        return NULL;
    TRY(container_userns_spec(n->e, &n->spec, &other, &owner));
    n->joins_ids = container_spec_maps(owner);
    container_free(other);
    return NULL;
}

static struct err *settle_namespaces(struct creation *n)
{
    struct ns_spec *const all[] = {&n->spec.pid,     &n->spec.ipc,      &n->spec.uts,
                                   &n->spec.network, &n->spec.cgroupns, &n->spec.userns};
    static const char *const names[] = {"pid", "ipc", "uts", "net", "cgroup", "user"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct container *c;
        if (all[i]->mode != NS_CONTAINER)
            continue;
        TRY_WRAP(need(n, all[i]->arg ? all[i]->arg : "", &c), "looking up container to share %s namespace with",
                 names[i]);
        struct err *err = mem_replace(&all[i]->arg, c->id);
        container_free(c);
        TRY(err);
    }
    return settle_joined_ids(n);
}

/* --- mounts: image volumes, --volumes-from, anonymous names */

static struct err *add_image_volumes(struct creation *n)
{
    const char *mode = n->spec.image_volumes ? n->spec.image_volumes : "anonymous";
    if (strcmp(mode, "ignore") == 0)
        return NULL;
    for (size_t i = 0; i < n->config.volumes.count; i++) {
        const char *target = n->config.volumes.items[i];
        AUTO_FREE char *flag = NULL;
        if (target[0] != '/' || strchr(target, ':') || spec_mount_at(&n->spec, target))
            continue;
        if (strcmp(mode, "tmpfs") == 0) {
            TRY(spec_add_tmpfs(&n->spec, target));
        } else {
            TRY(mem_strdup(target, &flag));
            TRY(spec_add_volume(&n->spec, flag));
        }
        n->spec.mounts[n->spec.n_mounts - 1].from_image = true;
    }
    return NULL;
}

/* The mounts of one other container, as `-v` values; its tmpfs mounts are not shared. */
static struct err *take_mounts_of(struct creation *n, const struct container *other, const char *options)
{
    for (size_t i = 0; i < other->spec.n_mounts; i++) {
        const struct mount_spec *m = &other->spec.mounts[i];
        AUTO_FREE char *flag = NULL;
        if ((m->type != MOUNT_BIND && m->type != MOUNT_VOLUME) || spec_mount_at(&n->spec, m->target))
            continue;
        const char *ro = m->read_only ? "ro" : "rw";
        TRY(mem_asprintf(&flag, "%s:%s:%s", m->source, m->target, *options ? options : ro));
        TRY(spec_add_volume(&n->spec, flag));
    }
    return NULL;
}

static struct err *add_volumes_from(struct creation *n)
{
    for (size_t i = 0; i < n->spec.volumes_from.count; i++) {
        AUTO_FREE char *name = NULL;
        const char *value = n->spec.volumes_from.items[i], *colon = strchr(value, ':');
        struct container *c;
        TRY(mem_strndup(value, colon ? (size_t)(colon - value) : strlen(value), &name));
        TRY_WRAP(need(n, name, &c), "looking up container \"%s\" for volumes-from", name);
        struct err *err = take_mounts_of(n, c, colon ? colon + 1 : "");
        container_free(c);
        TRY(err);
    }
    return NULL;
}

/* It comes into being with the container: commit(). */
static struct err *name_anonymous(struct creation *n, struct mount_spec *m)
{
    struct ident id;
    TRY(ident_random(&id));
    TRY(mem_replace(&m->source, id.s));
    TRY(strv_add(&n->volumes, id.s));
    return strv_add(&n->anonymous, id.s);
}

static struct err *insert_anonymous(struct creation *n)
{
    for (size_t i = 0; i < n->anonymous.count; i++) {
        struct volume_create_opts opts = {.name = n->anonymous.items[i], .anonymous = true};
        for (size_t k = 0; k < n->spec.n_mounts; k++) {
            const struct mount_spec *m = &n->spec.mounts[k];
            if (m->type != MOUNT_VOLUME || strcmp(m->source, opts.name) != 0)
                continue;
            opts.driver = m->volume_driver; /* the lists are borrowed */
            opts.options = m->volume_options;
        }
        TRY(volume_insert(n->e, &opts));
    }
    return NULL;
}

/* Anonymous volumes get their names, named ones come into being; image mounts keep their image alive. */
static struct err *settle_mount(struct creation *n, struct mount_spec *m)
{
    if (m->type == MOUNT_IMAGE) {
        struct image *i;
        TRY(image_ensure(n->e, m->source, NULL, &(struct image_platform){0}, &i));
        struct err *err = NULL;
        if (i->origin) /* nothing here keeps it */
            err = mem_replace(&m->source, i->origin);
        else if (!strv_contains(&n->needs_images, i->id))
            err = strv_add(&n->needs_images, i->id);
        image_free(i);
        return err;
    }
    if (m->type == MOUNT_ARTIFACT)
        return create_settle_artifact(n->e, m);
    if (m->type == MOUNT_BIND && access(m->source, F_OK) < 0)
        return errno == ENOENT ? ERR_NEW(ERR_NOT_FOUND, "statfs %s: no such file or directory", m->source)
                               : ERR_SYS(errno, "statfs %s", m->source);
    if (m->idmap)
        return ERR_NEW(ERR_UNSUPPORTED, "mount %s: id-mapped mounts are not built yet", m->target);
    if (m->type != MOUNT_VOLUME)
        return NULL;
    if (!m->source || !*m->source)
        return name_anonymous(n, m);
    struct volume *v = NULL;
    const struct volume_create_opts opts = {
        .name = m->source,
        .driver = m->volume_driver,
        .options = m->volume_options,
        .ignore_existing = true,
    };
    TRY(volume_create(n->e, &opts, &v));
    struct err *err = mem_replace(&m->source, v->name);
    if (!err && !strv_contains(&n->volumes, v->name))
        err = strv_add(&n->volumes, v->name);
    volume_free(v);
    return err;
}

static struct err *settle_mounts(struct creation *n)
{
    TRY(add_volumes_from(n));
    TRY(add_image_volumes(n));
    for (size_t i = 0; i < n->spec.n_mounts; i++)
        TRY(settle_mount(n, &n->spec.mounts[i]));
    return NULL;
}

static struct err *settle_identity(struct creation *n)
{
    const char *runtime;
    const char *given = n->spec.for_run ? engine_take_id(n->e) : NULL;
    if (given)
        memcpy(n->id.s, given, sizeof(n->id.s));
    else
        TRY(ident_random(&n->id));
    if (n->spec.name && *n->spec.name) {
        if (!ident_is_name(n->spec.name))
            return ERR_NEW(ERR_INVALID, "names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
        TRY(mem_strdup(n->spec.name, &n->name));
    } else {
        TRY(container_random_name(n->e, &n->name));
    }
    if (!n->spec.runtime) {
        TRY(engine_runtime(n->e, &runtime));
        TRY(mem_replace(&n->spec.runtime, runtime));
    }
    return mem_replace(&n->spec.name, n->name);
}

/* Settled now, so that a later start finds the files of this one. */
static struct err *settle_driver(struct creation *n)
{
    struct container_spec *s = &n->spec;
    const char *driver;
    bool own = n->joins_ids || container_spec_maps(s);
    const struct storage_options *options;
    TRY(engine_storage_options(n->e, &options));
    bool has_upper = n->image || s->rootfs_overlay; /* of its own */
    if (options->size_bytes)                        /* else a clone keeps what it was cloned with */
        s->storage_bytes = (int64_t)options->size_bytes;
    if (options->inodes)
        s->storage_inodes = (int64_t)options->inodes;
    if (!has_upper)
        s->storage_bytes = s->storage_inodes = 0;
    const struct engine_driver_needs needs = {
        .is_limited = s->storage_bytes || s->storage_inodes,
        /* With one id there is nothing to tell apart. */
        .own_ids = own && n->image && !engine_session(n->e)->single_id,
        .layers = n->image ? n->image->layer_dirs.count : 0,
    };
    TRY(engine_driver_for(n->e, &needs, &driver, &s->maps_ids));
    return mem_replace(&s->storage_driver, driver);
}

/* --- the transaction */

static struct err *insert_pairs(struct store *s, const char *sql, const char *id, const struct strv *values)
{
    for (size_t i = 0; i < values->count; i++) {
        struct store_stmt *st;
        TRY(store_prepare(s, sql, &st));
        TRY(store_bind(st, "tt", id, values->items[i]));
        TRY(store_run(st));
    }
    return NULL;
}

/* What the row says beside the specification. */
static struct err *settle_row(struct creation *n)
{
    bool own = n->spec.command.count || n->spec.entrypoint_set;
    TRY(strv_join(own ? &n->spec.command : &n->config.cmd, " ", &n->command));
    n->image_name = n->spec.pause           ? CONTAINER_PAUSE_NAME
                    : !n->image             ? ""
                    : n->image->names.count ? n->image->names.items[0]
                                            : n->spec.image;
    n->created_nsec = timefmt_now();
    n->started_nsec = n->spec.for_run && n->spec.auto_remove ? CONTAINER_STARTING : 0;
    return container_spec_to_json(&n->spec, &n->json);
}

static struct err *insert_rows(struct creation *n)
{
    struct store *s = engine_store(n->e);
    struct store_stmt *st;
    TRY(pod_row_check_name(n->e, n->name));
    TRY(store_prepare(s,
                      "INSERT INTO containers(id, name, image_id, image_name, created_nsec, auto_remove, spec, "
                      "started_nsec, command) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                      &st));
    TRY(store_bind(st, "ttttiitit", n->id.s, n->name, n->image && !n->image->origin ? n->image->id : NULL,
                   n->image_name, n->created_nsec, (int64_t)n->spec.auto_remove, n->json, n->started_nsec, n->command));
    struct err *err = store_run(st);
    if (err && err_kind(err) == ERR_EXISTS) {
        err_drop(err);
        return container_name_in_use(n->e, n->name);
    }
    TRY(err);
    TRY(insert_pairs(s, "INSERT INTO container_needs(container_id, needs_id) VALUES(?1, ?2)", n->id.s, &n->needs));
    TRY(insert_pairs(s, "INSERT INTO container_images(container_id, image_id) VALUES(?1, ?2)", n->id.s,
                     &n->needs_images));
    TRY(insert_pairs(s, "INSERT INTO container_volumes(container_id, volume) VALUES(?1, ?2)", n->id.s, &n->volumes));
    TRY(create_insert_networks(n->e, n->id.s, &n->networks));
    TRY(create_insert_pod(n->e, &n->spec, n->id.s));
    AUTO_STRBUF struct strbuf attributes = STRBUF_INIT;
    TRY(event_attributes(n->image_name, &n->spec.labels, NULL, &attributes));
    return store_event(s, "container", "create", n->id.s, n->name, strbuf_str(&attributes));
}

static struct err *make_directory(struct creation *n, bool *ret_made)
{
    AUTO_FREE char *dir = NULL;
    int root = store_root_fd(engine_store(n->e));
    TRY(mem_asprintf(&dir, "containers/%s", n->id.s));
    if (mkdirat(root, dir, 0711) < 0) {
        if (errno != ENOENT)
            return ERR_SYS(errno, "create directory %s", dir);
        if (mkdirat(root, "containers", 0711) < 0 && errno != EEXIST)
            return ERR_SYS(errno, "create directory containers");
        if (mkdirat(root, dir, 0711) < 0)
            return ERR_SYS(errno, "create directory %s", dir);
    }
    *ret_made = true;
    return NULL;
}

/* What was read before the transaction. */
static struct err *place_secrets(struct creation *n, const char *dir)
{
    AUTO_FREE char *to = NULL;
    int root = store_root_fd(engine_store(n->e));
    if (!n->secrets.path)
        return NULL;
    TRY(mem_asprintf(&to, "%s/secrets", dir));
    return renameat(n->secrets.dirfd, "secrets", root, to) < 0 ? ERR_SYS(errno, "move secrets into place") : NULL;
}

/* Directory and row under one write transaction: a sweep, which takes one too, sees both or neither. */
static struct err *commit(struct creation *n)
{
    struct store *s = engine_store(n->e);
    AUTO_TX struct store_tx_guard tx = {s};
    AUTO_FREE char *dir = NULL;
    bool made = false;
    TRY(mem_asprintf(&dir, "containers/%s", n->id.s));
    TRY(store_begin(s, STORE_WRITE, false));
    struct err *err = make_directory(n, &made);
    if (!err)
        err = place_secrets(n, dir);
    if (!err)
        err = insert_anonymous(n);
    if (!err)
        err = insert_rows(n);
    if (!err)
        err = store_commit(s);
    if (err && made)
        err_drop(file_remove_tree(store_root_fd(s), dir));
    return err;
}

/* An action needs a check that may ask for it. */
static struct err *check_health(const struct creation *n)
{
    struct plan_health plan = {0};
    const char *action = n->spec.health_on_failure;
    bool waits = n->spec.sdnotify && strcmp(n->spec.sdnotify, "healthy") == 0;
    bool acts = action && strcmp(action, "none") != 0;
    if (!acts && !waits)
        return NULL;
    struct err *err = container_health_plan(&n->spec, n->id.s, &n->config, &plan);
    bool enabled = plan.enabled;
    plan_health_done(&plan);
    if (err || enabled)
        return err;
    if (waits)
        return ERR_NEW(ERR_INVALID, "invalid argument: sdnotify policy \"healthy\" requires a healthcheck to be set");
    return ERR_NEW(ERR_INVALID, "cannot set on-failure action to %s without a health check", action);
}

/* A profile that is not there is not the default one. */
static struct err *check_seccomp_policy(const struct creation *n)
{
    AUTO_SECURITY_OPTS struct security_opts opts = {0};
    TRY(security_opts_parse(&n->spec.security_opt, &opts));
    if (!security_opts_image_profile(&opts, &n->spec) || strv_env_get(&n->config.labels, SECCOMP_LABEL))
        return NULL;
    return ERR_NEW(ERR_INVALID, "no seccomp policy defined by image");
}

/* Into staging: drivers may be programs. */
static struct err *copy_secrets(struct creation *n)
{
    if (!n->spec.secrets.count)
        return NULL;
    TRY(store_staging_new(engine_store(n->e), &n->secrets));
    return container_copy_secrets(n->e, &n->spec.secrets, n->secrets.dirfd);
}

static struct err *fill_created(struct creation *n, struct container *c)
{
    TRY(mem_strdup(n->id.s, &c->id));
    TRY(mem_strdup(n->image_name, &c->image_name));
    TRY(mem_strdup("", &c->error));
    TRY(mem_strdup(n->image ? n->image->id : NULL, &c->image_id));
    TRY(mem_strdup(n->image ? n->image->origin : NULL, &c->image_origin));
    if (n->spec.publish.count)
        TRY(json_strv_text(&n->spec.publish, &c->publish));
    c->name = TAKE_PTR(n->name);
    c->command = TAKE_PTR(n->command);
    c->spec_json = TAKE_PTR(n->json);
    c->created_nsec = n->created_nsec;
    c->started_nsec = n->started_nsec;
    c->auto_remove = n->spec.auto_remove;
    c->state = CT_CREATED;
    TRY(create_fill_pod(&n->spec, &n->pod, c));
    c->spec = n->spec;
    c->has_spec = true;
    container_spec_init(&n->spec);
    if (!n->image)
        return NULL;
    c->read = mem_zalloc(sizeof(*c->read));
    if (!c->read)
        return err_oom();
    *c->read = (struct container_read){.image = TAKE_PTR(n->image), .config = n->config};
    n->config = (struct image_config){0};
    return NULL;
}

/* What container_find_own() would read from the new row, and what a start would read of the image. */
static struct err *created(struct creation *n, struct container **ret)
{
    struct container *c = mem_zalloc(sizeof(*c));
    if (!c)
        return err_oom();
    c->lock_fd = -1;
    struct err *err = fill_created(n, c);
    if (err)
        container_free(c);
    else
        *ret = c;
    return err;
}

static struct err *create(struct creation *n, const struct container_spec *spec, struct container **ret)
{
    TRY(container_spec_check(spec));
    TRY(copy_spec(spec, &n->spec));
    TRY(create_settle_globs(&n->spec));
    n->spec.for_run = spec->for_run;
    n->spec.restart_given = spec->restart_given;
    n->spec.new_pod = spec->new_pod;
    TRY(find_image(n));
    TRY(merge_labels(n));
    TRY(create_settle_pod(n->e, &n->spec, &n->pod));
    TRY(settle_namespaces(n));
    TRY(settle_requires(n));
    TRY(container_check_devices(&n->spec));
    TRY(settle_mounts(n));
    settle_network(n);
    TRY(create_settle_networks(n->e, &n->spec, &n->networks));
    TRY(create_settle_ports(n->e, &n->spec, &n->config.exposed_ports));
    TRY(create_settle_subids(n->e, &n->spec));
    TRY(settle_identity(n));
    TRY(settle_driver(n));
    TRY(check_health(n));
    TRY(check_seccomp_policy(n));
    TRY(copy_secrets(n));
    TRY(settle_row(n));
    AUTO_FD int lock = -1;
    TRY(container_lock(n->e, n->id.s, &lock));
    struct err *err = commit(n);
    if (!err)
        err = created(n, ret);
    if (err) {
        container_unlock(n->e, n->id.s, TAKE_FD(lock));
        return err;
    }
    (*ret)->lock_fd = TAKE_FD(lock);
    (*ret)->engine = n->e;
    return NULL;
}

struct err *container_create(struct engine *e, const struct container_spec *spec, struct container **ret)
{
    for (int tries = 0;; tries++) {
        struct creation n = {.e = e};
        container_spec_init(&n.spec);
        struct err *err = create(&n, spec, ret);
        for (size_t i = 0; err && i < n.anonymous.count; i++)
            err_drop(volume_remove_directory(e, n.anonymous.items[i])); /* the rows were rolled back */
        creation_done(&n);
        /* Somebody else may have taken a random name since it was chosen. */
        if (!err || err_kind(err) != ERR_EXISTS || (spec->name && *spec->name) || tries == NAME_TRIES)
            return err;
        err_drop(err);
    }
}
