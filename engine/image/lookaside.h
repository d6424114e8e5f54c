/* Where signatures of an image are, by registries.d: files named "<base>/<path>@sha256=<hex>/signature-<n>", at file://
 * or http(s)://. See containers-registries.d(5).
 *
 * The YAML is read by coracle-trust; here are only lookups. Reading needs a running coracle-registry for http.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/json.h"
#include "engine/trust/trust.h"

struct registry;

/* registries.d merged; `dir` NULL: ~/.config/containers/registries.d, else /etc/containers/registries.d. `trust` may be
 * NULL while there are no files (ERR_INTERNAL else). *ret is an object. */
struct err *lookaside_conf(struct trust *trust, const char *dir, json_t **ret) ERR_RESULT;
/* Whether there is anything to read: without, coracle-trust is not needed for it. */
struct err *lookaside_conf_files(const char *dir, struct strv *ret) ERR_RESULT;
/* The section's own words for a scope (or its parents): "lookaside" or "lookaside-staging"; NULL when there is none. */
const char *lookaside_find(const json_t *conf, const struct strv *scopes, bool writing);
bool lookaside_attachments(const json_t *conf, const struct strv *scopes);
/* Base URL for an image, its path included. Without configuration it is the default directory: root's, when `host_uid`
 * is 0, else the user's. */
struct err *lookaside_base(const json_t *conf, const char *full_name, bool writing, uid_t host_uid,
                           char **ret) ERR_RESULT;
/* The directory of a file:// base; ERR_UNSUPPORTED for other URLs, which can't be written to. */
struct err *lookaside_directory(const char *base, char **ret) ERR_RESULT;

/* A list of signatures that grows. */
struct signatures {
    struct trust_signature *items;
    size_t count, cap;
};
void signatures_done(struct signatures *s);
#define AUTO_SIGNATURES __attribute__((cleanup(signatures_done)))
/* Takes what `take` owns. */
struct err *signatures_add(struct signatures *s, struct trust_signature *take) ERR_RESULT;

/* All signatures of a manifest below `base`; none is success. */
struct err *lookaside_read(const char *base, const char *digest, struct registry *r, struct signatures *ret) ERR_RESULT;
/* Add one below a directory ("<directory>@sha256=<hex>/"); `replace`: the others go. *ret_path may be NULL. */
struct err *lookaside_write(const char *directory, const char *digest, const char *data, size_t len,
                            bool replace) ERR_RESULT;
