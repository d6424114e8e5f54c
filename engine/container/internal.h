/* What the files of this folder's lifecycle part share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/container/container.h"
#include "engine/image/image.h"
#include "engine/store/store.h"

/* Columns of every query that container_from_row() reads. "publish" spares listings to parse whole specifications;
 * that text cannot stand inside of a JSON string, where quotes are escaped. */
#define CONTAINER_COLUMNS                                                                                    \
    "c.id, c.name, coalesce(c.image_id, json_extract(c.spec, '$.image_id')), c.image_name, c.created_nsec, " \
    "c.started_nsec, c.finished_nsec, c.exit_code, "                                                         \
    "c.oom_killed, c.restart_count, c.error, c.auto_remove, c.command, "                                     \
    "CASE WHEN instr(c.spec, '\"publish\":[') THEN json_extract(c.spec, '$.publish') "                       \
    "WHEN m.shares_net THEN (SELECT json_extract(i.spec, '$.publish') FROM pod_containers mi "               \
    "JOIN containers i ON i.id = mi.container_id WHERE mi.pod_id = m.pod_id AND mi.infra) END, "             \
    "CASE WHEN c.image_id IS NULL THEN json_extract(c.spec, '$.image_origin') END, "                         \
    "m.pod_id, (SELECT name FROM pods WHERE id = m.pod_id), m.infra"
#define CONTAINER_FROM " FROM containers c LEFT JOIN pod_containers m ON m.container_id = c.id"
#define CONTAINER_SELECT "SELECT " CONTAINER_COLUMNS CONTAINER_FROM
/* The same with the specification. */
#define CONTAINER_SELECT_ALL "SELECT " CONTAINER_COLUMNS ", c.spec" CONTAINER_FROM
/* Index of the first column behind CONTAINER_COLUMNS. */
#define CONTAINER_COLUMNS_END 18

struct container_read {
    struct image *image;
    struct image_config config;
};

/* The current row. With `spec_column` >= 0, that column's text is kept and parsed. The state is not observed yet. */
struct err *container_from_row(struct store_stmt *st, int spec_column, struct container **ret) ERR_RESULT;
/* Read again what the last run left; sets c->gone when the row is no more. */
struct err *container_reload(struct engine *e, struct container *c) ERR_RESULT;

/* ERR_NOT_FOUND, in Podman's words. */
struct err *container_not_found(const char *name) ERR_RESULT;
/* The row with this very id, spec included, as it stands: nothing is observed (the caller holds the lock). */
struct err *container_find_own(struct engine *e, const char *id, struct container **ret) ERR_RESULT;

/* --- directories */
/* <root>/containers/<id> and <run_dir>/containers/<id>. */
struct err *container_dir(const struct engine *e, const char *id, char **ret) ERR_RESULT;
struct err *container_run_dir(const struct engine *e, const char *id, char **ret) ERR_RESULT;

/* --- the working lock of a container: <run_dir>/work/<id>
 *
 * Whoever changes a container holds it: create, start (until the monitor has taken its own lock), remove, settle. While
 * a container runs, its monitor holds <run_dir>/containers/<id>/lock; that lock alone says "running". Order: this one
 * first, then a store transaction; the monitor's lock is only looked at. */
struct err *container_lock(struct engine *e, const char *id, int *ret_fd) ERR_RESULT; /* ERR_IN_USE when held */
/* Waits up to 10 s for whoever has it. */
struct err *container_lock_wait(struct engine *e, const char *id, int *ret_fd) ERR_RESULT;
void container_unlock(struct engine *e, const char *id, int take_fd);

/* started_nsec of a row that `run` has made and not started yet: with --rm it goes as soon as its client is gone. */
#define CONTAINER_STARTING ((int64_t)1)

/* --- observation */
/* Fill state, host_pid and what the last run left, from the monitor, the exit file or the row; settles what is over. */
struct err *container_observe(struct engine *e, struct container *c) ERR_RESULT;
/* The same within a listing, where `present` are the ids below <run_dir>/containers, sorted. */
struct err *container_observe_among(struct engine *e, struct container *c, const struct strv *present) ERR_RESULT;
struct err *container_present(struct engine *e, struct strv *ret_ids) ERR_RESULT;
/* No monitor holds it: clear what a killed one left, record the exit, honour --rm (c->gone then).
 * The caller holds the lock. */
struct err *container_settle(struct engine *e, struct container *c) ERR_RESULT;
/* The exit file of a monitor, if there is one, into the row; the caller holds the lock. */
struct err *container_record_exit(struct engine *e, struct container *c) ERR_RESULT;
/* Read that file alone. */
struct err *container_read_exit(struct engine *e, struct container *c, bool *ret_found) ERR_RESULT;
/* What a monitor says of the end of a run, into the fields that speak of the last one. */
struct monitor_exit;
void container_take_exit(struct container *c, const struct monitor_exit *x);
/* ... and it has ended. */
void container_note_exit(struct container *c, const struct monitor_exit *x);

/* Stop it; `even_paused`: going on first, for what is to be removed. */
struct err *container_stop_any(struct engine *e, struct container *c, int64_t timeout_sec, bool even_paused) ERR_RESULT;

/* The monitor of a container that has ended lets go of its mounts and its lock: wait for that. The caller holds the
 * working lock. */
struct err *container_wait_monitor(struct engine *e, const struct container *c) ERR_RESULT;

/* --- removal: row, directory. The caller holds the lock. */
struct err *container_erase(struct engine *e, struct container *c, bool volumes) ERR_RESULT;
/* All of that but the container's directory, which its monitor removes (monitor_cleaned()). */
struct err *container_remove_directory(struct engine *e, const char *id) ERR_RESULT;
struct err *container_forget(struct engine *e, struct container *c, bool volumes) ERR_RESULT;
/* Ahead of it, for who has time now and none later. */
void container_forget_prepare(struct engine *e);

/* The loop of run, start -a and attach; *ret_exit is -1 when detached. *ret_again: the run is over, the container not:
 * it is being restarted. */
struct monitor;
struct err *container_attach_loop(struct engine *e, struct container *c, struct monitor *m,
                                  const struct attach_opts *io, int *ret_exit, bool *ret_again) ERR_RESULT;

/* --- root file system */
struct plan_mount;
/* What mounts it, running or not: for storage_mount(), by way of plan_mount_get(). */
struct err *container_plan_root(struct engine *e, struct container *c, struct plan_mount *ret) ERR_RESULT;
/* The storage driver that serves it now; start_root.c. */
struct err *container_driver(struct engine *e, const struct container_spec *spec, const char **ret) ERR_RESULT;
/* --- health: what the monitor is told of its checks */
struct plan_health;
struct image_config;
struct err *container_health_plan(const struct container_spec *spec, const char *id, const struct image_config *image,
                                  struct plan_health *ret) ERR_RESULT;

/* start_secrets.c: the data of secrets into a new container's directory. */
struct err *container_copy_secrets(struct engine *e, const struct strv *secrets, int dirfd) ERR_RESULT;
/* image.c. Its end is recorded: packed images that no other container runs on are not kept mounted. */
struct err *container_release_image(struct engine *e, const struct container *c) ERR_RESULT;
/* The image that it was made of; ERR_STATE when there is another one in its place. */
struct err *container_find_image(struct engine *e, const struct container *c, struct image **ret) ERR_RESULT;
/* Its image's; empty with --rootfs. */
struct err *container_image_config(struct engine *e, const struct container *c, struct image_config *ret) ERR_RESULT;
/* exec.c: a file with the process object that exec of `command` would have, in the running container. */
struct err *container_exec_process(struct engine *e, struct container *c, const struct strv *command,
                                   int *ret_fd) ERR_RESULT;

/* The label of images that have a seccomp profile of their own. */
#define SECCOMP_LABEL "io.containers.seccomp.profile"
/* create_sources.c: mounts of patterns become mounts; ERR_NOT_FOUND: nothing matches. An artifact gets its whole name.
 */
struct err *create_settle_globs(struct container_spec *spec) ERR_RESULT;
struct err *create_settle_artifact(struct engine *e, struct mount_spec *m) ERR_RESULT;
/* create_subid.c: --subuidname and --subgidname become maps. */
struct err *create_settle_subids(struct engine *e, struct container_spec *spec) ERR_RESULT;

/* preserve.c: descriptors for a container's 3, 4 … Those that `only` (numbers; empty: all) doesn't name are *ret_null:
 * /dev/null, the caller's; -1 where there are none. */
struct err *container_preserved(uint32_t count, const struct strv *only, int *ret_null, int *ret_fds) ERR_RESULT;
/* start_files.c: its host name; needs the specification. */
struct err *container_hostname(struct engine *e, const struct container *c, char **ret) ERR_RESULT;

/* --- network */
struct network_options;
struct monitor_network;
/* A network namespace of its own that leads somewhere, and ports to publish: the default network, named ones. */
bool container_has_network(const struct container_spec *s);
/* start_facts.c: those of --device are there. ERR_NOT_FOUND. */
struct err *container_check_devices(const struct container_spec *spec) ERR_RESULT;
struct err *container_network_options(const struct container_spec *s, struct network_options *ret) ERR_RESULT;
/* The same, with what the host adds, as the monitor wants it. */
struct err *container_network_plan(const struct container_spec *s, struct network_options *ret_options,
                                   struct monitor_network *ret) ERR_RESULT;
/* The host's own IPv4 address; false where it has none but loopback. */
bool container_host_address(char ret[16]);
/* create_ports.c: make spec->publish complete. `image_ports` may be NULL. */
struct err *create_settle_ports(struct engine *e, struct container_spec *spec,
                                const struct strv *image_ports) ERR_RESULT;
/* The error of a port that could not be bound says which container of ours has it; others pass. */
struct err *container_explain_port(struct engine *e, const struct container *c, const struct strv *publish,
                                   struct err *take_err) ERR_RESULT;

/* start.c: the row says "running"; inside the caller's write transaction. */
struct err *container_mark_started(struct engine *e, const char *id, int64_t started_nsec) ERR_RESULT;

/* --- events, within the caller's write transaction; labels are told when the specification is loaded */
struct err *container_event(struct engine *e, const struct container *c, const char *action) ERR_RESULT;
/* The same in a transaction of its own. */
struct err *container_event_alone(struct engine *e, const struct container *c, const char *action) ERR_RESULT;
/* Its start, unless that was told: c->untold, which this clears. */
struct err *container_event_started(struct engine *e, struct container *c) ERR_RESULT;
/* The end of its last run. */
struct err *container_event_died(struct engine *e, const struct container *c) ERR_RESULT;
struct event_report;
struct err *container_event_reported(struct engine *e, const struct container *c,
                                     const struct event_report *r) ERR_RESULT;

/* names.c: has a container or a pod the name? */
struct err *container_name_taken(struct engine *e, const char *name, bool *ret) ERR_RESULT;
/* The error that says who has it. */
struct err *container_name_in_use(struct engine *e, const char *name) ERR_RESULT;

/* create_pod.c: what a new container of a pod shares and takes over; *ret is its row, empty without one. */
struct pod_row;
struct err *create_settle_pod(struct engine *e, struct container_spec *s, struct pod_row *ret) ERR_RESULT;
struct err *create_insert_pod(struct engine *e, const struct container_spec *s, const char *id) ERR_RESULT;
struct err *create_fill_pod(struct container_spec *s, const struct pod_row *p, struct container *c) ERR_RESULT;

/* start_userns.c: the specification that says which user namespace `spec` has: its own, or that of the container whose
 * it joins. *ret_other: who owns it, or NULL; the caller's. */
struct err *container_userns_spec(struct engine *e, const struct container_spec *spec, struct container **ret_other,
                                  const struct container_spec **ret) ERR_RESULT;
/* Has it a user namespace of its own, with ids other than the session's? */
bool container_spec_maps(const struct container_spec *s);
