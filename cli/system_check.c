/* system check. */
#include "cli/select.h"
#include "cli/verbs.h"
#include "engine/container/container.h"
#include "engine/image/image.h"
#include "engine/store/store.h"

struct check_opts {
    bool force, quick, repair;
    int64_t max_nsec;
};
#define O(field) offsetof(struct check_opts, field)

static const struct cli_flag check_flags[] = {
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "Remove inconsistent images and containers"},
    {"max", 'm', CLI_DURATION, .offset = O(max_nsec), .def = "24h0m0s",
     .help = "Maximum allowed age of unreferenced layers (they never stay here, whatever their age)"},
    {"quick", 'q', CLI_BOOL, .offset = O(quick), .help = "Skip time-consuming checks. The default is false"},
    {"repair", 'r', CLI_BOOL, .offset = O(repair), .help = "Remove inconsistent images"},
    {0},
};

static struct err *look(struct cli *c, const struct check_opts *o, struct strv *ret_problems, struct strv *ret_damaged)
{
    TRY(store_clean(engine_store(c->engine))); /* what killed commands left is no damage */
    TRY(container_clear_strangers(c->engine));
    return store_check(engine_store(c->engine), !o->quick, ret_problems, ret_damaged);
}

static struct err *repair(struct cli *c, const struct check_opts *o, const struct strv *damaged)
{
    AUTO_STRV struct strv removed = STRV_INIT, kept = STRV_INIT;
    const struct image_remove_opts opts = {
        .force = o->force, .all_names = true, .no_prune = true, .remove_container = select_remove_container};
    TRY(image_remove_damaged(c->engine, damaged, &opts, &removed, &kept));
    for (size_t i = 0; i < removed.count; i++)
        TRY(cli_printf(c, "Deleted image %s\n", removed.items[i]));
    for (size_t i = 0; i < kept.count; i++)
        TRY(cli_printf(c, "image %s is damaged and has containers: --force removes them as well\n", kept.items[i]));
    return NULL;
}

static struct err *check_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct check_opts *o = opts;
    AUTO_STRV struct strv problems = STRV_INIT, damaged = STRV_INIT, left = STRV_INIT;
    struct engine *e;
    if (o->max_nsec < 0)
        return ERR_NEW(ERR_INVALID, "--max: less than nothing");
    TRY(cli_engine(c, &e));
    TRY(look(c, o, &problems, &damaged));
    for (size_t i = 0; i < problems.count; i++)
        TRY(cli_printf(c, "%s\n", problems.items[i]));
    *exit_code = problems.count ? 1 : 0;
    if (!problems.count || (!o->repair && !o->force))
        return NULL;
    TRY(repair(c, o, &damaged));
    TRY(look(c, o, &left, NULL));
    for (size_t i = 0; i < left.count; i++)
        TRY(cli_printf(c, "not repaired: %s\n", left.items[i]));
    *exit_code = left.count ? 1 : 0;
    return NULL;
}

const struct cli_verb cli_verb_system_check = {
    .paths = "system check",
    .synopsis = "[options]",
    .summary = "Check the store for damage",
    .description =
        "Compares the database with the files of the store and verifies the digests of all blobs. Every problem "
        "is one line; the exit code is 1 when there is one that --repair or --force didn't mend.",
    .examples = "@\n@ --quick\n@ --repair\n@ --force",
    .flags = check_flags,
    .opts_size = sizeof(struct check_opts),
    .run = check_verb,
};
