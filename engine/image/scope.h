/* Scopes of an image in policy.json and registries.d, most specific first. Pure computation.
 *
 * Sources: containers-policy.json(5), containers-registries.d(5).
 */
#pragma once

#include "base/err.h"
#include "base/strv.h"

/* Of "host:5000/a/b:tag" (or "…@digest"): itself, "host:5000/a/b", "host:5000/a", "host:5000", then for hosts with dots
 * "*.domain" for each domain above, without the port. */
struct err *scope_list_docker(const char *full_name, struct strv *ret) ERR_RESULT;
/* Of an absolute clean path: itself and the directories above it, "/" left out. */
struct err *scope_list_path(const char *path, struct strv *ret) ERR_RESULT;
