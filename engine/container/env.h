/* Environment of a container: which variable comes from where. Pure; the caller gives the host's environment. */
#pragma once

#include "base/err.h"
#include "base/strv.h"

/* Add `value` to `env`: "K=V"; "K" from `host_env` (nothing when it isn't there); "K*" every variable with that prefix.
 */
struct err *env_add(struct strv *env, const char *value, char *const *host_env) ERR_RESULT;
/* Lines of an --env-file, each as env_add takes it; blank lines and # comments are skipped. */
struct err *env_add_file(struct strv *env, const char *text, size_t len, char *const *host_env) ERR_RESULT;
/* The variables by which programs find a proxy. */
struct err *env_add_proxies(struct strv *env, char *const *host_env) ERR_RESULT;
