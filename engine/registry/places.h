/* Where configuration lives: below $HOME and in /etc/containers, as containers/image looks for it. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/strv.h"

/* $XDG_CONFIG_HOME/containers/NAME or ~/.config/containers/NAME; *ret stays NULL without a home. */
struct err *places_user_config(const char *name, char **ret) ERR_RESULT;
/* ~/NAME; *ret stays NULL without a home. */
struct err *places_home(const char *name, char **ret) ERR_RESULT;
/* Where containers/image keeps what users chose: ~/.cache/containers, for root of the machine /var/cache/containers;
 * *ret stays NULL without a home. */
struct err *places_cache_dir(char **ret) ERR_RESULT;
/* A whole file; *ret stays NULL when it is not there. */
struct err *places_read(const char *path, size_t max, char **ret, size_t *ret_len) ERR_RESULT;
/* Full paths of the files of a directory that end so, sorted; none when it is not there. */
struct err *places_list(const char *dir, const char *suffix, struct strv *ret) ERR_RESULT;
