#include "cli/registry_flags.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"

#define O(field) offsetof(struct registry_flags, field)
#define AUTHFILE                                                                                               \
    {                                                                                                          \
        "authfile", 0, CLI_STRING, CLI_COMPLETE_FILE,                                                          \
            .offset = O(authfile),                                                                             \
            .help = "Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override" \
    }
#define CERT_DIR                                                                                          \
    {                                                                                                     \
        "cert-dir", 0, CLI_STRING, CLI_COMPLETE_DIR,                                                      \
            .offset = O(cert_dir), .help = "Pathname of a directory containing TLS certificates and keys" \
    }
#define TLS_VERIFY                                                                                                 \
    {                                                                                                              \
        "tls-verify", 0, CLI_TRISTATE, .offset = O(tls_verify),                                                    \
                                       .help = "Require HTTPS and verify certificates when contacting registries " \
                                               "(default: true, unless the registry "                              \
                                               "is marked insecure)"                                               \
    }

const struct cli_flag cli_registry_flags[] = {
    AUTHFILE,
    CERT_DIR,
    {"creds", 0, CLI_STRING, .offset = O(creds),
     .help = "Credentials (USERNAME:PASSWORD) to use for authenticating to a registry"},
    {"retry", 0, CLI_UINT, .offset = O(retry), .def = "3", .help = "number of times to retry in case of failure"},
    {"retry-delay", 0, CLI_STRING, .offset = O(retry_delay),
     .help = "delay between retries in case of failures (default: grows from 250ms)"},
    TLS_VERIFY,
    {0},
};

const struct cli_flag cli_registry_login_flags[] = {AUTHFILE, CERT_DIR, TLS_VERIFY, {0}};

struct err *registry_flags_take(const struct cli *c, const struct registry_flags *f, struct registry_opts *ret)
{
    *ret = (struct registry_opts){
        .authfile = f->authfile,
        .cert_dir = f->cert_dir,
        .creds = f->creds,
        .tls_given = f->tls_verify >= 0,
        .tls_verify = f->tls_verify > 0,
        .retry_given = cli_given(c, "retry"),
        .retries = f->retry,
    };
    return f->retry_delay ? number_parse_duration(f->retry_delay, true, &ret->retry_delay_nsec) : NULL;
}

struct err *registry_flags_insecure(const struct cli *c, bool insecure, struct registry_opts *opts)
{
    if (!cli_given(c, "insecure"))
        return NULL;
    if (opts->tls_given)
        return ERR_NEW(ERR_INVALID, "--insecure may not be used with --tls-verify");
    opts->tls_given = true;
    opts->tls_verify = !insecure;
    return NULL;
}

struct err *registry_flags_digestfile(const char *path, const char *digest)
{
    if (!path)
        return NULL;
    return ERR_WRAP(file_write_atomic(AT_FDCWD, path, digest, strlen(digest), 0644, FILE_NOSYNC), "write %s", path);
}

void registry_flags_progress(void *arg, const char *line)
{
    (void)arg;
    cli_warn("%s", line);
}
