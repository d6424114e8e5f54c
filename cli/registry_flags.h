/* The flags that all verbs which talk to registries have. */
#pragma once

#include <stddef.h>

#include "cli/cli.h"
#include "engine/registry/registry.h"

struct registry_flags {
    const char *authfile, *cert_dir, *creds, *retry_delay;
    int tls_verify; /* -1: not given */
    uint64_t retry;
};
/* For more_flags of verbs whose options begin with a struct registry_flags: all, and those that login has. */
extern const struct cli_flag cli_registry_flags[], cli_registry_login_flags[];

struct err *registry_flags_take(const struct cli *c, const struct registry_flags *f,
                                struct registry_opts *ret) ERR_RESULT;
/* Docker's --insecure, where a verb has it. */
struct err *registry_flags_insecure(const struct cli *c, bool insecure, struct registry_opts *opts) ERR_RESULT;
/* --digestfile; NULL `path`: none. */
struct err *registry_flags_digestfile(const char *path, const char *digest) ERR_RESULT;
/* A line on stderr: progress of what takes long. */
void registry_flags_progress(void *arg, const char *line);
