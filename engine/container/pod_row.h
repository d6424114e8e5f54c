/* Pods as rows of the store, and who is in them: what containers must know of pods. What is done with whole pods is in
 * engine/pod. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

struct engine;
struct container;

#define POD_CGROUP "coracle-pod-" /* and the pod's id: name of its cgroup */

struct pod_row {
    char *id, *name;
    int64_t created_nsec;
    char *share;         /* "ipc,net,uts" */
    bool share_parent;   /* a cgroup of its own, with its containers in it */
    bool stop_with_last; /* --exit-policy stop */
    char *restart;       /* "on-failure:3"; "": none */
    char *cgroup_parent; /* "": none */
    struct strv labels, create_command;
    bool infra; /* made with one */
    char *spec; /* of the infra container, JSON: also kept where there is none, for limits */
    char *infra_id;
};
void pod_row_done(struct pod_row *p);
#define AUTO_POD_ROW __attribute__((cleanup(pod_row_done)))

/* By name, id or unique start of an id. ERR_NOT_FOUND in Podman's words. */
struct err *pod_row_find(struct engine *e, const char *name, struct pod_row *ret) ERR_RESULT;
struct err *pod_row_not_found(const char *name) ERR_RESULT;
/* Is it the name or the id of one? */
struct err *pod_row_is(struct engine *e, const char *name, bool *ret) ERR_RESULT;
/* Ids of all, the oldest first. */
struct err *pod_row_ids(struct engine *e, struct strv *ret) ERR_RESULT;
/* Is `ns` ("net") among those that its containers share? */
bool pod_row_shares(const struct pod_row *p, const char *ns);
/* Ids of its containers: the infra container, then in the order of their creation. */
struct err *pod_row_members(struct engine *e, const char *id, struct strv *ret) ERR_RESULT;

/* Inside the caller's write transaction. ERR_EXISTS: the name is a pod's or a container's. */
struct err *pod_row_insert(struct engine *e, const struct pod_row *p) ERR_RESULT;
struct err *pod_row_add(struct engine *e, const char *pod_id, const char *container_id, bool infra,
                        bool shares_net) ERR_RESULT;
/* ERR_IN_USE: it has containers. The event "remove" is written too. */
struct err *pod_row_delete(struct engine *e, const char *id) ERR_RESULT;
/* ERR_EXISTS: a pod has the name. */
struct err *pod_row_check_name(struct engine *e, const char *container_name) ERR_RESULT;
/* What happened to the pod, in a transaction of its own. */
struct err *pod_row_event(struct engine *e, const struct pod_row *p, const char *action) ERR_RESULT;

/* pod_limits.c: the cgroup of the pod whose infra container this is, "/" based, where it is a directory of ours
 * (`pod_cgroup` is its name): where that runs, else NULL. *ret_systemd: it is a slice of the user's systemd. */
struct err *container_pod_cgroup(const struct container *infra, const char *pod_cgroup, bool *ret_systemd,
                                 char **ret) ERR_RESULT;
/* Name of such a slice, for a container with spec.pod; with the spec's cgroup parent. ERR_INVALID: that is no slice. */
struct container_spec;
struct err *container_pod_slice(const struct container_spec *spec, char **ret) ERR_RESULT;

/* A container of a pod with --exit-policy stop has ended: stop the infra container if it was the last. */
struct err *pod_row_ended(struct engine *e, const char *id) ERR_RESULT;
