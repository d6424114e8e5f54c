/* Which containers a verb acts on: names, --all, --latest, --filter, --cidfile. */
#pragma once

#include "cli/cli.h"
#include "engine/container/container.h"

struct select_opts {
    bool all, latest;
    bool ignore;                 /* missing ones are fine */
    bool running_only;           /* with all or filters: those that run */
    const struct strv *filters;  /* or NULL */
    const struct strv *cidfiles; /* or NULL */
};
struct selected {
    struct container *container; /* owned */
    char *shown;                 /* what to print for it: as the user said it, else its id; owned */
};
struct selection {
    struct selected *items;
    size_t count, cap;
};
void selection_done(struct selection *s);
#define AUTO_SELECTION __attribute__((cleanup(selection_done)))

/* All are looked up before any is touched: one missing fails the whole (unless ignored). The messages for no name or
 * too many are podman's. */
struct err *select_containers(struct cli *c, const struct select_opts *opts, struct selection *ret) ERR_RESULT;
/* The one container of verbs that take one: the first argument, or the latest. */
struct err *select_one(struct cli *c, bool latest, struct container **ret) ERR_RESULT;
/* rm --force of what containers use: remove these, by id; one that is gone meanwhile (--rm) is fine. `timeout_sec` as
 * in container_remove(). */
struct err *select_remove_users(struct cli *c, const struct strv *ids, int64_t timeout_sec) ERR_RESULT;
/* --replace: remove by force who has this very name. *ret_was: somebody had it. */
struct err *select_remove_named(struct engine *e, const char *name, bool *ret_was) ERR_RESULT;
/* Removing an image by force takes its containers along: remove_container of image_remove_opts, since the image library
 * doesn't know containers. */
struct err *select_remove_container(struct engine *e, const char *id, void *arg) ERR_RESULT;
/* ERR_NOT_FOUND "no such container" when there is none. */
struct err *select_latest(struct cli *c, struct container **ret) ERR_RESULT;
