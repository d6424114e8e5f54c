/* Where a session is found: the data directory and the session directories that belong to it. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"

struct session_opts;

/* The data directory and the first place to look for its session; nothing is made. Both are absolute and clean. */
struct session_place {
    char *root;
    char *dir;     /* <root>/run/<boot id> or <runroot>/<boot id> */
    char *boot_id; /* with ".<number>" behind it in a pid namespace that is not the machine's */
};
void session_place_done(struct session_place *p);
#define AUTO_PLACE __attribute__((cleanup(session_place_done)))
struct err *session_place_find(const struct session_opts *opts, struct session_place *ret) ERR_RESULT;

/* Where else it may be when the first place can't do sockets or locks: what <dir>/elsewhere says, the runtime
 * directory, /tmp. In the order in which they are tried. */
struct err *session_place_fallbacks(const struct session_place *p, struct strv *ret) ERR_RESULT;

/* Open a session directory (O_PATH). It must be a real directory, ours or (for root) the data directory's owner's, and
 * writable by nobody else: ERR_DENIED. ERR_NOT_FOUND when it isn't there. */
struct err *session_dir_open(const struct session_place *p, const char *dir, int *ret) ERR_RESULT;

/* Make the data directory and the first session directory in the list that can hold a session: sockets, flock. When it
 * isn't p->dir, <p->dir>/elsewhere records it. *ret_dir is the one chosen. */
struct err *session_dir_prepare(const struct session_place *p, char **ret_dir) ERR_RESULT;
/* A file in a directory, open for writing, without a name, so that it cannot be left behind. */
struct err *session_dir_scratch(const char *dir, int *ret) ERR_RESULT;
/* Remove what sessions of other boots and ended containers left beside p->dir. Best effort. */
void session_dir_remove_stale(const struct session_place *p);
