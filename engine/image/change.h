/* Containerfile instructions that change an image's settings: `import --change`, `commit --change`. Pure computation.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

/* Apply one instruction ("CMD [\"sh\"]", "ENV A=b", "LABEL=x=y" as Podman also takes it) to the config's "config"
 * object. CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR; others are ERR_INVALID. */
struct err *change_apply(json_t *settings, const char *instruction) ERR_RESULT;
