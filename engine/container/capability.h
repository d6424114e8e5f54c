/* Capabilities by name, and the sets that a container's process gets: capabilities(7).
 *
 * As Podman does: root in the container has the bounding set in effect; any other user has only what --cap-add named,
 * through the ambient set, which the kernel allows only for what is inheritable as well. Nothing is inheritable
 * otherwise (CVE-2022-27649 and its relatives).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/container/spec.h"

/* Bit masks, bit N being capability number N. */
struct cap_sets {
    uint64_t bounding, effective, permitted, inheritable, ambient;
};

#define CAP_NUMBER_MAX 41
#define CAP_ALL ((UINT64_C(1) << CAP_NUMBER_MAX) - 1)

/* "CAP_CHOWN" of 0; NULL past the last. */
const char *cap_name(unsigned number);
/* "chown", "CAP_CHOWN" in any case: false when unknown. "ALL" is not a capability. */
bool cap_find(const char *name, unsigned *ret_number);
/* From privileged, cap_add and cap_drop. ERR_INVALID: `"CAP_FOO": unknown capability`. */
struct err *cap_sets_compute(const struct container_spec *spec, uint32_t ct_uid, struct cap_sets *ret) ERR_RESULT;
