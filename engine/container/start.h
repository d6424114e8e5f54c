/* What the files that start a container share: start.c drives, start_plan.c tells the monitor,
 * start_facts.c looks things up for config.json, start_files.c writes /etc/hosts and its kin, start_mounts.c finds the
 * sources of volumes, start_userns.c computes the container's own user namespace. */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "base/strv.h"
#include "engine/container/container.h"
#include "engine/container/ids.h"
#include "engine/container/oci.h"
#include "engine/image/image.h"
#include "engine/monitor/cgroup.h"
#include "engine/monitor/client.h"
#include "engine/monitor/netplan.h"
#include "engine/network/network.h"
#include "engine/network/options.h"
#include "rootless/rung.h"

struct start {
    struct engine *e;
    struct container *c;
    struct image *image; /* NULL with --rootfs */
    struct image_config config;
    struct monitor_plan plan;
    struct strv layer_dirs;            /* of the root, shifted where a user namespace of its own wants that */
    const struct cgroup_facts *cgroup; /* the engine's */
    char *pod_cgroup;                  /* "/" based: the running pod's, a directory of ours; NULL: none, or systemd's */
    int root_fd;                       /* the mounted root, O_PATH */
    int packed_fd;                     /* keeps the mounts of packed images until the root is mounted; 0: none */
    int private_fd;                    /* the monitor's private directory, O_PATH: <run_dir>/m in its namespace */
    struct ids_choice ids;
    struct idmap ct_uids, ct_gids; /* of its own user namespace; empty: the session's */
    bool own_userns;

    struct network_options network; /* while plan.network is set */
    struct monitor_network network_head;
    struct network_place_list places; /* in named networks, with addresses … */
    struct strbuf *joins;             /* … as many, as the monitor is told them */
    struct strv resolvers;            /* of those networks: addresses */
    bool recorded;                    /* the row says "running" */
    struct monitor_publish *publish;
    size_t n_publish;
    int userns_fd; /* another container's user namespace, which owns the network; 0: none */
    const char *uid_map,
        *gid_map; /* for the monitor, which makes the user namespace where it makes the network; NULL */

    struct oci_user user;
    struct oci_mount *mounts;
    size_t n_mounts, cap_mounts;
    struct monitor *monitor; /* ours, once started; borrowed */
    struct strv paths;       /* strings that facts point to */
    struct oci_throttle *throttles;
    json_t *hooks;             /* by stage; NULL: none */
    json_t *precreate;         /* a list of those that the runtime does not know; NULL: none */
    struct strv device_groups; /* gids that devices want the process to have */
    struct oci_facts facts;
    char *config_json;
};
void start_done(struct start *s);

/* start.c: image, its config and layers. */
struct err *start_load_image(struct start *s) ERR_RESULT;
/* start_plan.c: everything the monitor must know; before monitor_start. */
struct err *start_fill_plan(struct start *s, const struct container_start_opts *opts) ERR_RESULT;
/* start_root.c: how the root is mounted, plan.root. After start_settle_userns. */
struct err *start_plan_root(struct start *s) ERR_RESULT;
/* start_points.c: the plan's mount_points, where they serve. */
struct err *start_mount_points(struct start *s) ERR_RESULT;
/* start_mounts.c: part of the plan (mounts that the monitor makes) and of config.json; fills s->mounts. Before
 * monitor_start. */
struct err *start_settle_mounts(struct start *s) ERR_RESULT;
/* start_mounts.c: fill new volumes from the mounted root. After monitor_wait_mounted. */
struct err *start_copy_up(struct start *s) ERR_RESULT;
/* start_facts.c: after monitor_wait_mounted. */
struct err *start_fill_facts(struct start *s) ERR_RESULT;
/* Of these only what limits depend on, for a container that runs; s->cgroup is set. */
struct err *start_settle_limits(struct start *s) ERR_RESULT;
/* start_devices.c: limits of single devices, by number; the class of --rdt-class. Sets s->facts.throttles. */
struct err *start_settle_throttles(struct start *s) ERR_RESULT;
struct err *start_check_rdt(const struct start *s) ERR_RESULT;
/* start_notify.c: part of the plan; then, as the service's main process, to its manager. */
struct err *start_settle_notify(struct start *s) ERR_RESULT;
struct err *start_notify_pid(const struct start *s) ERR_RESULT;
struct err *start_notify_ready(const struct start *s) ERR_RESULT;
/* start_facts.c: another container, whose namespaces this one joins: runs then, started if need be. Its pid. */
struct err *start_other(struct start *s, const char *id, pid_t *ret) ERR_RESULT;
/* start_plan.c: the policy as the monitor knows it. */
enum plan_restart start_restart_of(enum restart_policy p);
/* start_mounts.c: one more of s->mounts, so far of a type and a target alone. */
struct err *start_add_mount(struct start *s, const char *type, const char *target, struct oci_mount **ret) ERR_RESULT;
/* start_cdi.c: --device vendor.com/class=name. Before start_settle_mounts and start_settle_hooks. */
struct err *start_settle_cdi(struct start *s) ERR_RESULT;
/* One hook more; `hook` is borrowed, and completed. */
struct err *start_add_hook(struct start *s, const char *stage, json_t *hook) ERR_RESULT;
/* start_artifacts.c: part of s->mounts; after monitor_wait_mounted, before start_fill_facts. */
struct err *start_mount_artifacts(struct start *s) ERR_RESULT;
/* start_precreate.c: hooks that rewrite config_json. */
struct err *start_run_precreate(struct start *s) ERR_RESULT;
/* start_subscriptions.c: mounts.conf; after monitor_wait_mounted, before start_fill_facts. */
struct err *start_write_subscriptions(struct start *s) ERR_RESULT;
/* start_hooks.c: --hooks-dir; part of the plan and of config.json. Before monitor_start. */
struct err *start_settle_hooks(struct start *s) ERR_RESULT;
/* pod_limits.c: the cgroup of the pod whose infra container this is, with its limits; after the container's own path is
 * known. */
struct err *start_pod_limits(struct start *s) ERR_RESULT;
/* Before: where the cgroup of a pod's container is to be, which is where the pod is. For systemd the slice, in the
 * plan, and its manager; else s->pod_cgroup. */
struct err *start_pod_place(struct start *s) ERR_RESULT;
/* start_files.c: hosts, hostname, resolv.conf, .containerenv into the private directory; sets their paths in s->facts.
 */
struct err *start_write_files(struct start *s) ERR_RESULT;
/* Names of two of them there, and their texts for a container that is on named networks. */
#define START_HOSTS "hosts"
#define START_RESOLV "resolv.conf"
struct err *start_file_texts(struct start *s, struct strbuf *ret_hosts, struct strbuf *ret_resolv) ERR_RESULT;
/* start_secrets.c: secrets into the private directory; before start_fill_facts. */
struct err *start_write_secrets(struct start *s) ERR_RESULT;
/* health.c: the plan's checks; and, after start_fill_facts, their processes into the private directory. */
struct err *start_settle_health(struct start *s) ERR_RESULT;
struct err *start_write_health(struct start *s) ERR_RESULT;
/* start_network.c: plan.network and what goes with it; the namespaces' paths in s->facts. After start_settle_userns. */
struct err *start_settle_network(struct start *s) ERR_RESULT;
/* start_joins.c: addresses in named networks, and what the monitor is told of those. The last step before it starts. */
struct err *start_lease_networks(struct start *s) ERR_RESULT;
/* start_shm.c: `fn` in a child, which may enter other namespaces: system calls alone; it returns 0 or an errno. */
struct err *start_in_child(const char *what, int (*fn)(const void *arg), const void *arg) ERR_RESULT;
/* The /dev/shm of the container whose first process is `other`; sets facts.shm_path. */
struct err *start_share_shm(struct start *s, pid_t other) ERR_RESULT;
/* The /etc/hosts and /etc/resolv.conf of the running container whose network it joins. After start_write_files. */
struct err *start_share_files(struct start *s, const char *other_id) ERR_RESULT;
/* start_userns.c: the container's own user namespace, from --userns and --uidmap. Sets own_userns, ct_uids, ct_gids. */
struct err *start_settle_userns(struct start *s) ERR_RESULT;
/* A container that doesn't have the user's own id cannot enter what is closed to others: opens the way (o+x) to the
 * root file system, once it is mounted. ERR_DENIED names a directory above ours that is in the way. */
struct err *start_open_userns(struct start *s) ERR_RESULT;

/* start_rungs.c: what this host is known to refuse, into s->facts; ERR_UNSUPPORTED where the container asked for just
 * that. */
struct err *start_settle_rungs(struct start *s) ERR_RESULT;
/* Whether a container has it unless it is refused, and whether it was asked for by a flag. */
enum rung_use { RUNG_UNUSED, RUNG_BY_DEFAULT, RUNG_ASKED };
enum rung_use start_rung_use(const struct container_spec *spec, enum rung r);
/* A start failed with `take_err`. What does the host refuse? *ret_again: there is a way without, which the next try
 * takes; else the error comes back, with who refused and what would help, where that is known. `ret_again` NULL: there
 * is no next try. */
struct err *start_step_down(struct start *s, struct err *take_err, bool *ret_again) ERR_RESULT;

/* A string kept in s->paths; *ret is borrowed from there. */
struct err *start_keep(struct start *s, const char **ret, const char *fmt, ...)
    __attribute__((format(printf, 3, 4))) ERR_RESULT;
