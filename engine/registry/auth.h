/* auth.json and Docker's config.json: credentials for registries. See containers-auth.json(5).
 *
 * Read from --authfile, $REGISTRY_AUTH_FILE, $XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json,
 * $DOCKER_CONFIG/config.json or ~/.docker/config.json, ~/.dockercfg; the first that has the registry wins. Written to
 * the first of the former that can be named: whole, under a lock on its directory, by rename, mode 0600. A file may
 * name credential helpers (keyring.h) for some registries (credHelpers) or for all (credsStore); registries.conf may
 * put helpers before or in place of files (credential-helpers).
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"

struct auth {
    char *user, *password, *identity; /* NULL: none */
};
void auth_done(struct auth *a);
#define AUTO_AUTH __attribute__((cleanup(auth_done)))

/* "user:password", or "user" alone. */
struct err *auth_parse_creds(const char *text, struct auth *ret) ERR_RESULT;
/* Where credentials are looked for and put; borrowed. Zero: the usual places. */
struct auth_places {
    const char *file;           /* --authfile */
    const char *docker_file;    /* --compat-auth-file: Docker's config.json instead */
    const struct strv *helpers; /* registries.conf: names of helpers, "containers-auth.json" for the files; or NULL */
};

/* For "host/path…": the most specific entry. Nothing found is success with NULLs. */
struct err *auth_find(const struct auth_places *places, const char *name, struct auth *ret) ERR_RESULT;
/* In the text of one file. */
struct err *auth_find_in(const char *text, size_t len, const char *file, const char *name, struct auth *ret) ERR_RESULT;
/* *ret_where: the file, or "credential helper: NAME". */
struct err *auth_store(const struct auth_places *places, const char *name, const char *user, const char *password,
                       char **ret_where) ERR_RESULT;
/* *ret_found: it was there. */
struct err *auth_remove(const struct auth_places *places, const char *name, bool *ret_found) ERR_RESULT;
struct err *auth_remove_all(const struct auth_places *places) ERR_RESULT;
