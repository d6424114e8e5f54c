/* Pods: containers that share namespaces and are managed together.
 *
 * A pod is a row (container/pod_row.h) and the rows of its containers. The first of these, the infra container, holds
 * the namespaces that the others join: it is a container like any other, with a monitor and the pod's network, but its
 * only process is coracle-pause (spec.h, pause), unless an image was named for it. A pod is in no state of its own:
 * what it is in is computed from what its containers are observed to be in. Whatever is done with a pod is done with
 * its containers, by container.h, in the order of their dependencies.
 *
 * Runs in the session; needs the store.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"
#include "engine/container/container.h"
#include "engine/container/pod_row.h"

enum pod_state { POD_CREATED, POD_RUNNING, POD_DEGRADED, POD_PAUSED, POD_EXITED, POD_STOPPED, POD_ERROR };
const char *pod_state_name(enum pod_state st); /* "Created", "Running" … */

struct pod {
    struct pod_row row;
    struct container **members; /* the infra container, then in the order of their creation */
    size_t n_members;
    enum pod_state state;
};
void pod_free(struct pod *p);
/* Looks at the containers again. ERR_NOT_FOUND in Podman's words. */
struct err *pod_find(struct engine *e, const char *name, struct pod **ret) ERR_RESULT;
struct container *pod_infra(const struct pod *p); /* or NULL */
/* The members in the order of their ids, as Podman lists them; a heap array. */
struct err *pod_sorted_members(const struct pod *p, const struct container ***ret) ERR_RESULT;
/* Computes only. */
enum pod_state pod_state_of(struct container *const *members, size_t n);

/* state.c, computes only: --share as a list in Podman's order; "+pid" and "-net" change the default. *ret_none: nothing
 * is shared. ERR_INVALID: no such namespace. */
#define POD_SHARE_DEFAULT "ipc,net,uts"
struct err *pod_parse_share(const char *value, char **ret, bool *ret_none) ERR_RESULT;

struct pod_create_opts {
    const char *name;                  /* NULL: generated */
    const struct container_spec *spec; /* what was asked for: name (of the infra container), network, limits, mounts …;
                                          with an image, that runs instead of the built-in program */
    const char *share;                 /* from pod_parse_share() */
    bool no_infra, no_share_parent, stop_with_last;
    const char *restart, *cgroup_parent; /* or NULL */
    struct strv labels, create_command;
};
struct err *pod_create(struct engine *e, const struct pod_create_opts *opts, char **ret_id) ERR_RESULT;

/* --- operations: each does what it can with every container; what failed comes back as one error */

/* The infra container, init containers each to its end, then the others. */
struct err *pod_start(struct engine *e, struct pod *p) ERR_RESULT;
/* All at once but for those that others need, the infra container last. timeout_sec -1: each one's own. */
struct err *pod_stop(struct engine *e, struct pod *p, int64_t timeout_sec) ERR_RESULT;
struct err *pod_restart(struct engine *e, struct pod *p, int64_t timeout_sec) ERR_RESULT;
/* Those that run. */
struct err *pod_kill(struct engine *e, struct pod *p, int sig) ERR_RESULT;
struct err *pod_pause(struct engine *e, struct pod *p) ERR_RESULT;
struct err *pod_unpause(struct engine *e, struct pod *p) ERR_RESULT;
/* With all of its containers. ERR_STATE: one runs, and not `force`. */
struct err *pod_remove(struct engine *e, struct pod *p, bool force, int64_t timeout_sec) ERR_RESULT;
/* Those that neither run nor are new; ids of the removed. */
struct err *pod_prune(struct engine *e, struct strv *ret_ids) ERR_RESULT;

/* Another pod like it, with copies of its containers. */
struct pod_clone_opts {
    const char *name;          /* NULL: the old one's with "-clone" */
    const char *cgroup_parent; /* or NULL */
    struct strv labels, create_command;
    bool destroy, start;
    struct err *(*apply)(void *arg, struct container_spec *spec); /* put changes into what the infra container gets */
    void *arg;
};
/* *ret_id is set even when the start fails. */
struct err *pod_clone(struct engine *e, struct pod *p, const struct pod_clone_opts *opts, char **ret_id) ERR_RESULT;

struct pod_list_opts {
    struct strv filters; /* id=, name=, label=, status=, ctr-names=, ctr-ids=, ctr-number=, ctr-status=, network=, … */
    bool latest;
};
/* The newest first. */
struct err *pod_list(struct engine *e, const struct pod_list_opts *opts, struct pod ***ret,
                     size_t *ret_count) ERR_RESULT;
void pod_list_free(struct pod **list, size_t count);
/* The newest one. ERR_NOT_FOUND "no such pod". */
struct err *pod_latest(struct engine *e, struct pod **ret) ERR_RESULT;

/* Podman's `pod inspect` object, as JSON text. */
struct err *pod_inspect(struct engine *e, const struct pod *p, char **ret_json) ERR_RESULT;
/* cgroup.c: the pod's own cgroup (*ret, NULL where none can be made) and the one that it is in (else ""): where a
 * running pod's is, or where it would be made. Paths are "/" based, or names of systemd's slices. The caller's. */
struct err *pod_cgroup(struct engine *e, const struct pod *p, char **ret_parent, char **ret) ERR_RESULT;
