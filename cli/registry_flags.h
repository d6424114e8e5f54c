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
/* Entries of a flag table; `base` is the offset of a struct registry_flags in the verb's options. */
#define REGISTRY_TLS_FLAGS(base)                                                                                \
    {"cert-dir",                                                                                                \
     0,                                                                                                         \
     CLI_STRING,                                                                                                \
     CLI_COMPLETE_DIR,                                                                                          \
     .offset = (base) + offsetof(struct registry_flags, cert_dir),                                              \
     .help = "Pathname of a directory containing TLS certificates and keys"},                                   \
        {"tls-verify", 0, CLI_TRISTATE, .offset = (base) + offsetof(struct registry_flags, tls_verify),         \
         .help = "Require HTTPS and verify certificates when contacting registries (default: true, unless the " \
                 "registry is marked insecure)"},                                                               \
    {                                                                                                           \
        "authfile", 0, CLI_STRING, CLI_COMPLETE_FILE,                                                           \
            .offset = (base) + offsetof(struct registry_flags, authfile),                                       \
            .help = "Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override"  \
    }
#define REGISTRY_FLAGS(base)                                                                                          \
    REGISTRY_TLS_FLAGS(base),                                                                                         \
        {"creds", 0, CLI_STRING, .offset = (base) + offsetof(struct registry_flags, creds),                           \
         .help = "Credentials (USERNAME:PASSWORD) to use for authenticating to a registry"},                          \
        {"retry",    0,                                                                                               \
         CLI_UINT,   .offset = (base) + offsetof(struct registry_flags, retry),                                       \
         .def = "3", .help = "number of times to retry in case of failure"},                                          \
    {                                                                                                                 \
        "retry-delay", 0, CLI_STRING, .offset = (base) + offsetof(struct registry_flags, retry_delay),                \
                                      .help = "delay between retries in case of failures (default: grows from 250ms)" \
    }

struct err *registry_flags_take(const struct cli *c, const struct registry_flags *f,
                                struct registry_opts *ret) ERR_RESULT;
/* A line on stderr: progress of what takes long. */
void registry_flags_progress(void *arg, const char *line);
