/* Mount options as the command line takes them: which exist, which exclude each other, what is the default.
 *
 * Options travel in two steps, as in Podman: the list behind `-v src:dst:` is checked by mountopt_check(), with the
 * messages of that flag; then mountopt_finish() takes out what isn't an option of the kernel (z, U, copy …), into a
 * mount_spec's fields, and adds the defaults, so that mount_spec.options is complete.
 */
#pragma once

#include "base/err.h"
#include "engine/container/spec.h"

/* `invalid option type "x"`, `invalid options "ro, rw", can only specify 1 'rw' or 'ro' option`. */
struct err *mountopt_check(const struct strv *options) ERR_RESULT;
/* From `raw` to m->options and m's flags; m->type and m->source decide the defaults. `unknown mount option "x": invalid
 * mount option`, `only one of 'rw' and 'ro' can be used: duplicate mount option passed`. */
struct err *mountopt_finish(const struct strv *raw, struct mount_spec *m) ERR_RESULT;
/* "10m", "50%", "4096": what tmpfs(5) takes for size=. */
bool mountopt_is_size(const char *value);
bool mountopt_is_propagation(const char *option);
