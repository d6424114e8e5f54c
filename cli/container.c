/* The group `container`, and its small verbs: exists, rename, wait. */
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/select.h"
#include "cli/verbs.h"

const struct cli_verb cli_verb_container = {
    .paths = "container",
    .summary = "Manage containers",
    .traits = CLI_GROUP,
};

/* --- exists */

static const struct cli_flag exists_flags[] = {
    {"external", 0, CLI_BOOL, .help = "Check external storage containers as well (there are never any in this store)"},
    {0},
};

static struct err *exists_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    struct container *ct = NULL;
    (void)opts;
    TRY(cli_engine(c, &e));
    struct err *err = container_find(e, c->args[0], &ct);
    container_free(ct);
    return cli_exists(err, exit_code);
}

const struct cli_verb cli_verb_container_exists = {
    .paths = "container exists",
    .synopsis = "[options] CONTAINER",
    .summary = "Check if a container exists in local storage",
    .description = "If the named container exists in local storage, " CLI_PROGRAM
                   " container exists exits with 0, otherwise the exit code will be 1.",
    .examples = "@ myctr || " CLI_PROGRAM " run --name myctr [etc...]",
    .flags = exists_flags,
    .opts_size = sizeof(bool),
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = exists_verb,
};

/* --- rename */

static struct err *rename_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    struct container *ct;
    (void)opts, (void)exit_code;
    TRY(spec_check_name(c->args[1]));
    TRY(cli_engine(c, &e));
    TRY(container_find(e, c->args[0], &ct));
    struct err *err = container_rename(e, ct, c->args[1]);
    container_free(ct);
    return err;
}

const struct cli_verb cli_verb_rename = {
    .paths = "rename|container rename",
    .synopsis = "CONTAINER NAME",
    .summary = "Rename an existing container",
    .description = "The " CLI_PROGRAM " rename command allows you to rename an existing container",
    .examples = "@ containerA newName",
    .opts_size = 1,
    .min_args = 2,
    .max_args = 2,
    .complete = CLI_COMPLETE_CONTAINER,
    .complete_args = 1,
    .run = rename_verb,
};

/* --- wait */

struct wait_opts {
    bool latest, ignore, first;
    struct strv conditions;
    int64_t interval_nsec;
};
#define O(field) offsetof(struct wait_opts, field)

static const struct cli_flag wait_flags[] = {
    {"condition", 0, CLI_STRINGS, .offset = O(conditions), .help = "Condition to wait on"},
    {"exit-first-match", 0, CLI_BOOL, .offset = O(first),
     .help = "Wait for the first of the containers that matches, ignore the others"},
    {"ignore", 0, CLI_BOOL, .offset = O(ignore), .help = "Ignore if a container does not exist"},
    {"interval", 'i', CLI_DURATION, .offset = O(interval_nsec), .def = "250ms",
     .help = "Time Interval to wait before polling for completion (only --exit-first-match polls here, other changes "
             "are told)"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {0},
};

/* Names as --condition takes them: states, and two of health. */
static bool parse_condition(const char *name, enum container_state *ret_state, enum container_health *ret_health)
{
    *ret_health = CT_NO_HEALTH;
    *ret_state = CT_RUNNING;
    for (int h = CT_HEALTHY; h <= CT_UNHEALTHY; h++) {
        if (strcmp(name, container_health_name((enum container_health)h)) == 0) {
            *ret_health = (enum container_health)h;
            return true;
        }
    }
    for (int st = CT_CREATED; st <= CT_INITIALIZED; st++) {
        if (strcmp(name, container_state_name((enum container_state)st)) == 0) {
            *ret_state = (enum container_state)st;
            return true;
        }
    }
    if (strcmp(name, "stopped") != 0 && strcmp(name, "configured") != 0)
        return false;
    *ret_state = *name == 's' ? CT_EXITED : CT_CREATED;
    return true;
}

static bool is_reached(const void *arg, const struct container *ct)
{
    const struct wait_opts *o = arg;
    for (size_t i = 0; i < o->conditions.count; i++) {
        enum container_state st;
        enum container_health health;
        if (parse_condition(o->conditions.items[i], &st, &health) && (health ? health == ct->health : st == ct->state))
            return true;
    }
    return false;
}

/* `any`: another state than the end is waited for. */
static struct err *check_conditions(const struct wait_opts *o, bool *any)
{
    for (size_t i = 0; i < o->conditions.count; i++) {
        enum container_state st;
        enum container_health health;
        if (!parse_condition(o->conditions.items[i], &st, &health))
            return ERR_NEW(ERR_INVALID, "unknown container state: %s: invalid argument", o->conditions.items[i]);
        *any |= st != CT_EXITED;
    }
    return NULL;
}

static struct err *wait_one(struct cli *c, const struct wait_opts *o, struct container *ct)
{
    bool other = false;
    int code = -1;
    TRY(check_conditions(o, &other));
    if (other)
        TRY(container_wait_until(c->engine, ct->id, is_reached, o));
    else
        TRY(container_wait(c->engine, ct, &code));
    TRY(cli_printf(c, "%d\n", code));
    return cli_flush(c);
}

/* Whichever gets there first, looked at every --interval. */
static struct err *wait_first(struct cli *c, const struct wait_opts *o, const struct selection *all)
{
    bool other = false;
    TRY(check_conditions(o, &other));
    for (;;) {
        for (size_t i = 0; i < all->count; i++) {
            struct container *ct;
            TRY(container_find(c->engine, all->items[i].container->id, &ct));
            bool reached = other ? is_reached(o, ct) : ct->state == CT_EXITED;
            int code = other ? -1 : ct->exit_code;
            container_free(ct);
            if (reached)
                return cli_printf(c, "%d\n", code);
        }
        struct timespec ts = {.tv_sec = o->interval_nsec / 1000000000, .tv_nsec = o->interval_nsec % 1000000000};
        (void)nanosleep(&ts, NULL);
    }
}

/* --ignore: one that isn't there counts as -1, in its place. */
static struct err *wait_named(struct cli *c, const struct wait_opts *o, const char *name)
{
    struct container *ct;
    struct err *e = container_find(c->engine, name, &ct);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return cli_printf(c, "-1\n");
    }
    TRY(e);
    e = wait_one(c, o, ct);
    container_free(ct);
    return e;
}

static struct err *wait_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct wait_opts *o = opts;
    struct engine *e;
    AUTO_SELECTION struct selection all = {0};
    struct cli_errors errors = {0};
    (void)exit_code;
    if (!c->n_args && !o->latest)
        return cli_usage_error(c, "requires a name, id, or the \"--latest\" flag");
    const struct select_opts which = {.latest = o->latest};
    if (o->ignore && !o->first && !o->latest) {
        TRY(cli_engine(c, &e));
        for (size_t i = 0; i < c->n_args; i++)
            cli_errors_add(&errors, wait_named(c, o, c->args[i]));
        return cli_errors_finish(&errors);
    }
    TRY(select_containers(c, &which, &all));
    if (o->first)
        return wait_first(c, o, &all);
    for (size_t i = 0; i < all.count; i++)
        cli_errors_add(&errors, wait_one(c, o, all.items[i].container));
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_wait = {
    .paths = "wait|container wait",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Block on one or more containers",
    .description = "Block until one or more containers stop and then print their exit codes.",
    .examples = "@ --interval 5s ctrID\n@ ctrID1 ctrID2",
    .flags = wait_flags,
    .opts_size = sizeof(struct wait_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = wait_verb,
};
