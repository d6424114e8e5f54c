/* auth.json and Docker's config.json: credentials for registries. See containers-auth.json(5).
 *
 * Read from --authfile, $REGISTRY_AUTH_FILE, $XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json,
 * ~/.docker/config.json; the first that has the registry wins. Written to the first of the former that can be named.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct auth {
    char *user, *password, *identity; /* NULL: none */
};
void auth_done(struct auth *a);
#define AUTO_AUTH __attribute__((cleanup(auth_done)))

/* "user:password", or "user" alone. */
struct err *auth_parse_creds(const char *text, struct auth *ret) ERR_RESULT;
/* For "host/path…": the most specific entry. Nothing found is success with NULLs. ERR_UNSUPPORTED where a credential
 * helper is configured for it. `authfile` may be NULL. */
struct err *auth_find(const char *authfile, const char *name, struct auth *ret) ERR_RESULT;
/* In the text of one file. */
struct err *auth_find_in(const char *text, size_t len, const char *file, const char *name, struct auth *ret) ERR_RESULT;
/* The file that login writes. */
struct err *auth_path(const char *authfile, char **ret) ERR_RESULT;
struct err *auth_store(const char *authfile, const char *name, const char *user, const char *password) ERR_RESULT;
/* *ret_found: it was there. */
struct err *auth_remove(const char *authfile, const char *name, bool *ret_found) ERR_RESULT;
struct err *auth_remove_all(const char *authfile) ERR_RESULT;
