/* The table itself: every name leads to its verb, every flag can be parsed and explained. */
#include "tests/unit/cli/expect.h"

#include <ctype.h>

#include "cli/cli.h"
#include "cli/verb.h"

static void test_lookup(void **state)
{
    (void)state;
    bool alias;
    const struct cli_verb *ps = cli_verb_find("ps", 2, &alias);
    assert_non_null(ps);
    assert_false(alias);
    assert_ptr_equal(cli_verb_find("container ls", 12, &alias), ps);
    assert_true(alias);
    assert_ptr_equal(cli_verb_find("container list", 14, &alias), ps);
    assert_false(alias);
    assert_null(cli_verb_find("ls", 2, NULL));
    assert_null(cli_verb_find("", 0, NULL));
    assert_null(cli_verb_find("container", 4, NULL));
}

/* Docker's and Podman's ways to say it. */
static void test_all_names(void **state)
{
    static const char *const names[] = {
        "run",
        "create",
        "start",
        "stop",
        "kill",
        "restart",
        "rm",
        "ps",
        "logs",
        "inspect",
        "exec",
        "attach",
        "wait",
        "rename",
        "load",
        "save",
        "import",
        "images",
        "tag",
        "untag",
        "rmi",
        "history",
        "info",
        "version",
        "doctor",
        "completion",
        "help",
        "container run",
        "container create",
        "container start",
        "container stop",
        "container kill",
        "container restart",
        "container rm",
        "container ls",
        "container list",
        "container ps",
        "container logs",
        "container inspect",
        "container exec",
        "container attach",
        "container wait",
        "container rename",
        "container exists",
        "container prune",
        "container cleanup",
        "image ls",
        "image list",
        "image rm",
        "image load",
        "image save",
        "image import",
        "image tag",
        "image untag",
        "image inspect",
        "image exists",
        "image history",
        "image tree",
        "image prune",
        "volume create",
        "volume ls",
        "volume list",
        "volume inspect",
        "volume rm",
        "volume prune",
        "volume exists",
        "system info",
        "system check",
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!cli_verb_find(names[i], strlen(names[i]), NULL))
            fail_msg("no verb %s", names[i]);
}

static void check_flags(const struct cli_verb *v, const struct cli_flag *table)
{
    const char *before = "";
    for (const struct cli_flag *f = table; f && f->name; f++) {
        if (strcmp(before, f->name) >= 0)
            fail_msg("%s: --%s is not in order behind --%s", v ? v->paths : "globals", f->name, before);
        before = f->name;
        if (!f->hidden && (!f->help || !*f->help))
            fail_msg("%s: --%s has no help", v ? v->paths : "globals", f->name);
        bool calls = f->kind == CLI_CALL || f->kind == CLI_CALL_CSV || f->kind == CLI_CALL_BOOL;
        if (!f->missing && calls != (f->set != NULL))
            fail_msg("%s: --%s: setter and kind don't fit", v ? v->paths : "globals", f->name);
        if (v && !f->missing && !calls && f->offset >= v->opts_size)
            fail_msg("%s: --%s lies outside the options", v->paths, f->name);
        assert_true(!f->letter || isalpha((unsigned char)f->letter));
    }
}

/* No two flags of one verb share a name or a letter. */
static void check_twins(const struct cli_verb *v)
{
    for (const struct cli_flag *f = v->flags; f && f->name; f++) {
        const struct cli_flag *other = cli_flag_find(v->more_flags, f->name, strlen(f->name));
        if (other)
            fail_msg("%s: --%s is there twice", v->paths, f->name);
        for (const struct cli_flag *g = f + 1; f->letter && g->name; g++)
            if (g->letter == f->letter)
                fail_msg("%s: -%c is there twice", v->paths, f->letter);
        if (f->letter && cli_flag_find_letter(v->more_flags, f->letter))
            fail_msg("%s: -%c is there twice", v->paths, f->letter);
    }
}

static void test_table_is_sound(void **state)
{
    (void)state;
    check_flags(NULL, cli_global_flags);
    for (const struct cli_verb *const *v = cli_verbs; *v; v++) {
        assert_true((*v)->summary && *(*v)->summary);
        assert_true(((*v)->traits & CLI_GROUP) || (*v)->run);
        assert_true(((*v)->traits & CLI_GROUP) || (*v)->synopsis);
        assert_true(((*v)->traits & CLI_GROUP) || (*v)->opts_size);
        assert_true((*v)->max_args < 0 || (*v)->min_args <= (*v)->max_args);
        check_flags(*v, (*v)->flags);
        check_flags(*v, (*v)->more_flags);
        check_twins(*v);
        struct cli_verb_names it;
        for (cli_verb_names_start(&it, *v); cli_verb_names_next(&it);)
            assert_ptr_equal(cli_verb_find(it.path, strlen(it.path), NULL), *v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_all_names),
        cmocka_unit_test(test_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
