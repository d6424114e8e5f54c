/* What auth.c and auth_write.c share. */
#pragma once

#include "base/json.h"
#include "engine/registry/auth.h"

#define AUTH_MAX_BYTES ((size_t)4 << 20)
#define AUTH_FILE_HELPER "containers-auth.json" /* the files, in registries.conf's list of helpers */
#define DOCKER_LEGACY_KEY "https://index.docker.io/v1/"

/* The file that flags or the environment name; NULL for neither. */
const char *auth_named_file(const struct auth_places *places);
/* The file that login writes. */
struct err *auth_path(const struct auth_places *places, char **ret) ERR_RESULT;
/* The helper that a file names for "host/path…", borrowed, or NULL. *ret_for_all: it is the file's credsStore. */
const char *auth_helper_of(const json_t *root, const char *name, bool *ret_for_all);
/* `may_miss`: a helper that is not installed is as one that knows nothing. */
struct err *auth_ask_helper(const char *helper, const char *name, bool may_miss, struct auth *ret) ERR_RESULT;
