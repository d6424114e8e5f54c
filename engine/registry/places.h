/* Where configuration lives: below $HOME and in /etc/containers, as containers/image looks for it. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strv.h"

/* $CORACLE_HOME/NAME; *ret stays NULL where that isn't set. It goes before the XDG variables, so that a job leaves
 * nothing elsewhere. */
struct err *places_own(const char *name, char **ret) ERR_RESULT;
/* $CORACLE_HOME/config/containers/NAME, $XDG_CONFIG_HOME/containers/NAME or ~/.config/containers/NAME; *ret stays NULL
 * without a home. */
struct err *places_user_config(const char *name, char **ret) ERR_RESULT;
/* ~/NAME; *ret stays NULL without a home. */
struct err *places_home(const char *name, char **ret) ERR_RESULT;
/* Where containers/image keeps what users chose: $CORACLE_HOME/cache/containers, ~/.cache/containers, for root of the
 * machine /var/cache/containers; *ret stays NULL without a home. */
struct err *places_cache_dir(char **ret) ERR_RESULT;
/* A whole file; *ret stays NULL when it is not there. */
struct err *places_read(const char *path, size_t max, char **ret, size_t *ret_len) ERR_RESULT;
/* The same as JSON; an empty object when it is not there, or empty. */
struct err *places_read_json(const char *path, size_t max, json_t **ret) ERR_RESULT;
/* The lock that two changes of a file take, so that they lose nothing: its directory's, which is made with `mode`. */
struct err *places_lock(const char *path, mode_t mode, int *ret) ERR_RESULT;
/* Full paths of the files of a directory that end so, sorted; none when it is not there. */
struct err *places_list(const char *dir, const char *suffix, struct strv *ret) ERR_RESULT;
