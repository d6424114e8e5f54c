/* container clone. */
#include "base/mem.h"
#include "cli/resource_flags.h"
#include "cli/verbs.h"
#include "engine/container/container.h"

struct clone_opts {
    bool destroy, force, run;
    const char *name;
    const char *pod;
    struct container_spec spec; /* what limits say */
};
#define O(field) offsetof(struct clone_opts, field)

static const struct cli_flag clone_flags[] = {
    RESOURCE_BLKIO_FLAGS(O(spec.res)),
    RESOURCE_CPU_FLAGS(O(spec.res)),
    {"destroy", 0, CLI_BOOL, .offset = O(destroy), .help = "destroy the original container"},
    RESOURCE_THROTTLE_FLAGS(O(spec.res)),
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "force the existing container to be destroyed"},
    RESOURCE_MEMORY_FLAGS(O(spec.res)),
    {"name", 0, CLI_STRING, .offset = O(name), .help = "Assign a name to the container"},
    {"pod", 0, CLI_STRING, CLI_COMPLETE_POD, .offset = O(pod), .help = "Run container in an existing pod"},
    {"run", 0, CLI_BOOL, .offset = O(run), .help = "run the new container"},
    {0},
};

static struct err *clone_init(void *opts)
{
    struct clone_opts *o = opts;
    container_spec_init(&o->spec);
    return NULL;
}

static void clone_done(void *opts)
{
    struct clone_opts *o = opts;
    container_spec_done(&o->spec);
}

/* Swap is memory and swap together: what was asked for with the old memory may be too little for the new one. */
static struct err *put_limits(const struct cli *c, const struct clone_opts *o, struct container_spec *spec)
{
    bool any;
    TRY(resource_flags_apply(c, &o->spec.res, &spec->res, &any));
    if (cli_given(c, "memory") && !cli_given(c, "memory-swap"))
        spec->res.memory_swap_bytes = 0;
    return NULL;
}

/* The argument counts more than --name, as with Podman. */
static struct err *fill_spec(struct cli *c, const struct clone_opts *o, struct container *old,
                             struct container_spec *spec)
{
    const char *name = c->n_args > 1 ? c->args[1] : o->name;
    TRY(container_clone_spec(c->engine, old, c->n_args > 2 ? c->args[2] : NULL, spec));
    TRY(name ? mem_replace(&spec->name, name) : container_clone_name(c->engine, old->name, &spec->name));
    TRY(put_limits(c, o, spec));
    if (o->pod)
        TRY(container_clone_to_pod(c->engine, o->pod, false, spec));
    strv_clear(&spec->create_command);
    return strv_add_all(&spec->create_command, c->argv);
}

static struct err *make(struct cli *c, const struct clone_opts *o, struct container *old, struct container **ret)
{
    struct container_spec spec;
    container_spec_init(&spec);
    struct err *e = fill_spec(c, o, old, &spec);
    if (!e)
        e = container_create(c->engine, &spec, ret);
    container_spec_done(&spec);
    return e;
}

static struct err *clone_one(struct cli *c, const struct clone_opts *o, struct container *old)
{
    const struct container_remove_opts rm = {.force = o->force, .timeout_sec = -1};
    const struct container_start_opts start = {.attach = false};
    struct container *ct = NULL;
    if (o->destroy && !o->force && container_is_live(old) && old->state != CT_INITIALIZED)
        return container_remove(c->engine, old, &rm); /* the error, before anything is made */
    TRY(make(c, o, old, &ct));
    struct err *e = o->destroy ? container_remove(c->engine, old, &rm) : NULL;
    if (!e && o->run)
        e = container_start(c->engine, ct, &start, NULL);
    cli_show_notices(c);
    if (!e)
        e = cli_printf(c, "%s\n", ct->id);
    container_free(ct);
    return e;
}

static struct err *clone_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct clone_opts *o = opts;
    struct container *old;
    struct engine *e;
    (void)exit_code;
    if (o->force && !o->destroy)
        return ERR_NEW(ERR_INVALID, "cannot set --force without --destroy: invalid argument");
    TRY(cli_engine(c, &e));
    TRY(container_find(e, c->args[0], &old));
    struct err *err = clone_one(c, o, old);
    container_free(old);
    return err;
}

const struct cli_verb cli_verb_container_clone = {
    .paths = "container clone",
    .synopsis = "[options] CONTAINER NAME IMAGE",
    .summary = "Clone an existing container",
    .description = "Creates a copy of an existing container: a new one, made of the image and with all that the other "
                   "was asked to be. What the other has written to its own file system stays there.",
    .examples = "@ container_name new_name image_name",
    .flags = clone_flags,
    .opts_size = sizeof(struct clone_opts),
    .init = clone_init,
    .done = clone_done,
    .min_args = 1,
    .max_args = 3,
    .complete = CLI_COMPLETE_CONTAINER,
    .complete_args = 1,
    .run = clone_verb,
};
