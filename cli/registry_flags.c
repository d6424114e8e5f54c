#include "cli/registry_flags.h"

#include "base/number.h"

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

void registry_flags_progress(void *arg, const char *line)
{
    (void)arg;
    cli_warn("%s", line);
}
