/* policy.json: which images may be taken from where. See containers-policy.json(5).
 *
 * Read from ~/.config/containers/policy.json, else /etc/containers/policy.json; without either everything is taken, as
 * without any configuration. What is understood: insecureAcceptAnything and reject, by scope of the docker transport. A
 * policy that asks for signatures cannot be evaluated by this build, and therefore refuses.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* May `full_name` ("domain/path:tag" or "domain/path@digest") be pulled? ERR_DENIED, ERR_UNSUPPORTED. */
struct err *policy_check(const char *full_name) ERR_RESULT;
/* The same with the text of a policy. */
struct err *policy_check_text(const char *text, size_t len, const char *file, const char *full_name) ERR_RESULT;
