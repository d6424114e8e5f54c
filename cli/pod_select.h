/* Which pods a verb acts on: names, --all, --latest, --pod-id-file. */
#pragma once

#include "cli/cli.h"
#include "engine/pod/pod.h"

struct pod_select_opts {
    bool all, latest;
    bool ignore;                /* missing ones are fine */
    const struct strv *idfiles; /* or NULL */
};
struct pod_selection {
    struct pod **items; /* owned */
    size_t count;
};
void pod_selection_done(struct pod_selection *s);
#define AUTO_PODS __attribute__((cleanup(pod_selection_done)))

/* All are looked up before any is touched. The messages for no name or too many are podman's. */
struct err *pod_select(struct cli *c, const struct pod_select_opts *opts, struct pod_selection *ret) ERR_RESULT;
/* The one pod of verbs that take one: the first argument, or the latest. */
struct err *pod_select_one(struct cli *c, bool latest, struct pod **ret) ERR_RESULT;
