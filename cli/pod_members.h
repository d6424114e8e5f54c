/* What `pod inspect --format` can name: Go's fields of Podman's InspectPodData, which JSON leaves out where they are
 * zero or calls otherwise. */
#pragma once

#include "base/json.h"
#include "cli/template/template.h"

extern const struct template_member pod_members[];
/* Is it such an object? */
bool pod_members_fit(const json_t *object);
/* Zero values for what is missing. */
struct err *pod_members_complete(json_t *object) ERR_RESULT;
