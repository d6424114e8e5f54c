#include "cli/hpc.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/container/hpc.h"

/* What has a meaning for a command that takes this process's place. The rest would need a monitor, a namespace or a
 * row, and is refused rather than passed over. */
static const char *const hpc_flags[] = {
    "authfile",    "cert-dir",     "creds",       "device", "entrypoint", "env",     "env-file",
    "env-host",    "hpc",          "interactive", "ipc",    "mount",      "network", "pid",
    "preserve-fd", "preserve-fds", "pull",        "quiet",  "read-only",  "rm",      "step",
    "tls-verify",  "tty",          "unsetenv",    "userns", "uts",        "volume",  "workdir",
};

static struct err *check_flags(const struct cli *c)
{
    for (size_t i = 0; i < c->n_given; i++) {
        bool known = false; /* or one of coracle itself */
        for (const struct cli_flag *g = cli_global_flags; g->name && !known; g++)
            known = g == c->given[i];
        for (size_t k = 0; k < ARRAY_LEN(hpc_flags) && !known; k++)
            known = strcmp(hpc_flags[k], c->given[i]->name) == 0;
        if (!known)
            return ERR_NEW(ERR_INVALID, "--%s cannot be combined with --hpc: the command runs as a process of the job",
                           c->given[i]->name);
    }
    return NULL;
}

/* What may be said of namespaces is what is the case. */
static struct err *check_spec(const struct container_spec *s)
{
    const struct {
        const char *name;
        const struct ns_spec *ns;
        enum ns_mode other;
    } namespaces[] = {
        {"network", &s->network, NS_HOST}, {"pid", &s->pid, NS_HOST},          {"ipc", &s->ipc, NS_HOST},
        {"uts", &s->uts, NS_HOST},         {"userns", &s->userns, NS_KEEP_ID},
    };
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        enum ns_mode mode = namespaces[i].ns->mode;
        if (mode != NS_DEFAULT && mode != NS_HOST && mode != namespaces[i].other)
            return ERR_NEW(ERR_INVALID, "--%s: with --hpc it is the host's%s", namespaces[i].name,
                           namespaces[i].other == NS_KEEP_ID ? ", with your own id" : "");
    }
    if (s->rootfs)
        return ERR_NEW(ERR_INVALID, "--rootfs cannot be combined with --hpc");
    if (s->init)
        return ERR_NEW(ERR_INVALID, "--init cannot be combined with --hpc: the command runs as a process of the job");
    for (size_t i = 0; i < s->n_devices; i++) {
        const struct device_spec *d = &s->devices[i]; /* all of the host's are there */
        if (d->ct_path && strcmp(d->ct_path, d->host_path) != 0)
            return ERR_NEW(ERR_INVALID, "--device %s: with --hpc devices keep their names", d->host_path);
    }
    return NULL;
}

struct err *hpc_verb(struct cli *c, struct create_opts *o)
{
    AUTO_FREE char *dir = NULL;
    struct engine *e;
    o->spec.env_host = true;
    TRY(check_flags(c));
    TRY(create_finish_spec(c, o));
    TRY(check_spec(&o->spec));
    TRY(hpc_session_dir(c->globals.root, o->step, &dir));
    TRY(registry_flags_take(c, &o->registry, &o->pull));
    c->registry = &o->pull;
    c->quiet = o->quiet;
    c->globals.runroot = dir;
    if (setenv("CORACLE_SESSION_IDLE", "0", 1) < 0) /* the holder ends with the last rank */
        return err_oom();
    TRY(cli_engine(c, &e));
    (void)unsetenv("CORACLE_SESSION_IDLE");
    cli_show_notices(c);
    return hpc_run(e, &o->spec);
}
