/* Credential helpers: programs docker-credential-NAME that keep passwords in a key ring. The protocol is Docker's
 * (https://github.com/docker/docker-credential-helpers): one verb, one text on stdin, JSON or a message on stdout.
 *
 * They are the user's programs, found in PATH, and get what they need of the environment, not all of it. What they
 * print is bounded and parsed as JSON; how long they take (a person may have to unlock a key ring) is bounded too.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"
#include "engine/registry/auth.h"

/* Nothing known for `server` is success with NULLs. ERR_NOT_FOUND: no such program. */
struct err *keyring_get(const char *name, const char *server, struct auth *ret) ERR_RESULT;
struct err *keyring_store(const char *name, const char *server, const char *user, const char *password) ERR_RESULT;
/* *ret_found: it had something for the server. */
struct err *keyring_erase(const char *name, const char *server, bool *ret_found) ERR_RESULT;
/* The servers that it knows. */
struct err *keyring_list(const char *name, struct strv *ret_servers) ERR_RESULT;
