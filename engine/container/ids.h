/* Where the user has one id: what becomes of a container's calls about ids; monitor/ids.h says why. */
#pragma once

#include "base/err.h"
#include "engine/container/seccomp_spec.h"
#include "engine/container/spec.h"
#include "engine/engine.h"

struct ids_choice {
    enum seccomp_ids ids;
    bool uninterrupted; /* as in struct seccomp_options */
};

/* For a container of this specification, run by `runtime` (its path). What this kernel and what is around us allow is
 * tried by a child, once in a session.
 *
 * SECCOMP_IDS_ALLOW   many ids are mapped; or somebody around us answers for those calls already (a filter can have
 *                     one listener above it: seccomp_unotify(2)); or the user wants no filter, one of his own, or none
 *                     of this; or the container has a user namespace of its own
 * SECCOMP_IDS_PRETEND nobody can be asked here */
struct err *ids_choose(struct engine *e, const struct container_spec *spec, const char *runtime,
                       struct ids_choice *ret) ERR_RESULT;
