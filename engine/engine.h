/* libcoracle: the container engine.
 *
 * Everything hangs off `struct engine *`: the session that was entered, the store, the configuration. The library
 * never prints, never exits, keeps no globals. A process opens one engine, single-threaded, because opening it joins
 * the session's user and mount namespaces.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

struct engine;
struct monitor;
struct image_bars;
struct registry_opts;
struct session;
struct store;

/* What is known of a container before anything was looked up; a wrong guess costs time, nothing else. */
struct engine_start {
    bool tty, interactive;
    bool cgroups_disabled;     /* --cgroups=disabled */
    const char *cgroup_parent; /* --cgroup-parent, or NULL; borrowed */
    bool network;              /* the default one, without options, in the session's user namespace */
};

struct engine_opts {
    const char *root; /* see struct session_opts */
    const char *runroot;
    const char *runtime;                   /* name or path; NULL: containers.conf, else crun, else runc */
    struct strv runtime_flags;             /* --runtime-flag, each without its leading dashes; borrowed */
    const char *storage_driver;            /* "overlay", "fuse-overlay", "copy"; NULL: the best that works */
    struct strv storage_opts;              /* "overlay.mountopt=nodev"; borrowed */
    const char *cgroup_manager;            /* "cgroupfs", "systemd", "disabled"; NULL: probed */
    struct strv hooks_dirs, cdi_dirs;      /* borrowed */
    bool no_health_events;                 /* health checks make no events */
    bool device_names;                     /* interfaces in containers are called as their networks' (network.h) */
    uint32_t parallel_copies;              /* layers of a pull at once; 0: what is best here */
    bool only_existing;                    /* don't start a session: ERR_NOT_FOUND */
    const struct engine_start *will_start; /* a container will be made and started: have its monitor load meanwhile */
    /* Lines for the user while something takes long (a pull that a `run` needs); NULL: quiet. */
    void (*progress)(void *arg, const char *line);
    /* See struct image_pull_opts. */
    struct err *(*choose)(void *arg, const struct strv *names, size_t *ret_index);
    void *progress_arg;
    const struct image_bars *bars;
    const struct registry_opts *registry; /* of such a pull; NULL: defaults; borrowed */
};

/* Join the session (starting it when needed) and open the store. */
struct err *engine_open(const struct engine_opts *opts, struct engine **ret) ERR_RESULT;
void engine_close(struct engine *e);

/* Borrowed parts. */
struct session *engine_session(const struct engine *e);
struct store *engine_store(const struct engine *e);
const char *engine_root(const struct engine *e);
const char *engine_run_dir(const struct engine *e);
/* The same later, for what could not be said at engine_open(); does nothing the second time. */
struct err *engine_will_start(struct engine *e, const struct engine_start *what) ERR_RESULT;
/* The id that was given to the container of will_start, once; then NULL. Borrowed. */
const char *engine_take_id(struct engine *e);
/* The monitor that will_start brought for container `id`, once; else NULL. The caller's. */
struct monitor *engine_take_spare(struct engine *e, const char *id);
/* What cgroups allow here; looked up when first needed, borrowed. */
struct cgroup_facts;
struct err *engine_cgroup(struct engine *e, const struct cgroup_facts **ret) ERR_RESULT;
/* The runtime's cgroup manager: --cgroup-manager, else "disabled" with --cgroups=disabled, else what works here. */
struct err *engine_cgroup_manager(struct engine *e, bool disabled, const char **ret) ERR_RESULT;
/* Path of the OCI runtime; ERR_NOT_FOUND names what was looked for. Looked up when first needed. */
struct err *engine_runtime(struct engine *e, const char **ret_path) ERR_RESULT;
const char *engine_runtime_name(struct engine *e);
/* The usual driver: "overlay", "fuse-overlay" or "copy". --storage-driver, STORAGE_DRIVER, storage.conf, else what
 * works: probed once per data directory and recorded in the store. */
struct err *engine_storage_driver(struct engine *e, const char **ret) ERR_RESULT;
/* --storage-opt, else STORAGE_OPTS, else storage.conf; borrowed. And the storage.conf that counts, or NULL. */
struct storage_options;
struct err *engine_storage_options(struct engine *e, const struct storage_options **ret) ERR_RESULT;
/* Directories of additional image stores, first ones first; borrowed. */
struct err *engine_image_stores(struct engine *e, const struct strv **ret) ERR_RESULT;
const char *engine_storage_file(const struct engine *e);
/* The driver for a new container; *ret_maps_ids: it shows the image's files as other ids', so that no copy is needed.
 */
struct engine_driver_needs {
    bool own_ids;    /* a user namespace of its own */
    bool is_limited; /* in what it may write */
    size_t layers;   /* of its image */
};
struct err *engine_driver_for(struct engine *e, const struct engine_driver_needs *needs, const char **ret_driver,
                              bool *ret_maps_ids) ERR_RESULT;
/* The driver for one that was made with `made_with` (NULL: before containers had one): the same or a compatible one.
 * `fuse_only`: it maps ids or has limits. ERR_STATE when --storage-driver names one that isn't compatible. */
struct err *engine_driver_again(struct engine *e, const char *made_with, bool fuse_only, const char **ret) ERR_RESULT;
const struct engine_opts *engine_options(const struct engine *e);

/* Things the user should read once (a fallback that costs something); the CLI prints and clears them. */
struct err *engine_notice(struct engine *e, const char *fmt, ...) __attribute__((format(printf, 2, 3))) ERR_RESULT;
const struct strv *engine_notices(const struct engine *e);
