/* Command lines, on the real tables: pflag's and cobra's rules. */
#include "tests/unit/cli/expect.h"

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/create.h"

/* Parse the words; args joined by "|" into a static buffer. */
static struct err *parse(struct cli *c, const char *const *words, char **ret_args)
{
    int argc = 0;
    while (words[argc])
        argc++;
    struct err *e = cli_parse(c, argc, (char **)(uintptr_t)words);
    struct strbuf sb = STRBUF_INIT;
    for (size_t i = 0; i < c->n_args; i++)
        expect_success(strbuf_printf(&sb, "%s%s", i ? "|" : "", c->args[i]));
    expect_success(strbuf_take(&sb, ret_args));
    return e;
}

#define WORDS(...) ((const char *const[]){"coracle", __VA_ARGS__, NULL})

static void check_args(const char *const *words, const char *path, const char *expected)
{
    AUTO_CLI struct cli c = {0};
    AUTO_FREE char *args = NULL;
    expect_success(parse(&c, words, &args));
    assert_string_equal(c.path, path);
    assert_string_equal(args, expected);
    assert_null(c.args[c.n_args]);
}

static void test_flags_and_arguments(void **state)
{
    (void)state;
    check_args(WORDS("rm", "-f", "a", "b"), "rm", "a|b");
    check_args(WORDS("rm", "a", "-f", "b", "--time", "3"), "rm", "a|b");
    check_args(WORDS("rm", "a", "--", "-f", "--", "b"), "rm", "a|-f|--|b");
    check_args(WORDS("rm", "-", "a"), "rm", "-|a");
    check_args(WORDS("container", "ls", "-a"), "container ls", "");
    check_args(WORDS("--root", "/x", "container", "--log-level=error", "ls"), "container ls", "");
    check_args(WORDS("logs", "x", "--root=/y"), "logs", "x");
}

static void test_values_in_all_forms(void **state)
{
    (void)state;
    const char *const *const forms[] = {
        WORDS("run", "--name", "n", "image"),
        WORDS("run", "--name=n", "image"),
        WORDS("run", "-itdh", "host", "--name=n", "image"),
        WORDS("run", "-ith=host", "--name", "n", "image"),
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        AUTO_CLI struct cli c = {0};
        AUTO_FREE char *args = NULL;
        expect_success(parse(&c, forms[i], &args));
        const struct create_opts *o = c.opts;
        assert_string_equal(o->spec.name, "n");
        assert_string_equal(args, "image");
        assert_true(cli_given(&c, "name"));
        assert_false(cli_given(&c, "rm"));
        if (i < 2)
            continue;
        assert_string_equal(o->spec.hostname, "host");
        assert_true(o->spec.tty && o->spec.interactive);
        assert_int_equal(o->detach, i == 2);
    }
}

/* What stands behind the image belongs to the container. */
static void test_arguments_end_flags(void **state)
{
    (void)state;
    check_args(WORDS("run", "--rm", "image", "ls", "--name", "-l", "--", "x"), "run", "image|ls|--name|-l|--|x");
    check_args(WORDS("run", "--rm", "--", "image", "-x"), "run", "image|-x");
    check_args(WORDS("exec", "-it", "ct", "sh", "-c", "--foo"), "exec", "ct|sh|-c|--foo");
    check_args(WORDS("create", "image", "--rm"), "create", "image|--rm");
}

static void test_booleans(void **state)
{
    (void)state;
    AUTO_CLI struct cli c = {0};
    AUTO_FREE char *args = NULL;
    expect_success(
        parse(&c, WORDS("run", "--rm=false", "-d=true", "--http-proxy=false", "--sig-proxy=false", "i"), &args));
    const struct create_opts *o = c.opts;
    assert_false(o->spec.auto_remove);
    assert_true(o->detach);
    assert_true(o->spec.no_http_proxy);
    assert_true(o->no_sig_proxy);
    assert_string_equal(args, "i");
}

static void test_globals(void **state)
{
    (void)state;
    AUTO_CLI struct cli c = {0};
    AUTO_FREE char *args = NULL;
    expect_success(parse(&c, WORDS("--root", "/r", "--runtime-flag", "debug", "ps", "--storage-driver=copy"), &args));
    assert_string_equal(c.globals.root, "/r");
    assert_string_equal(c.globals.storage_driver, "copy");
    assert_int_equal(c.globals.runtime_flags.count, 1);
}

/* -v is a volume behind run and the version before it; -h is help where it is nothing else. */
static void test_letters_of_the_verb_go_first(void **state)
{
    (void)state;
    AUTO_CLI struct cli run = {0}, version = {0}, help = {0};
    AUTO_FREE char *a = NULL, *b = NULL, *h = NULL;
    expect_success(parse(&run, WORDS("run", "-v", "/a:/b", "i"), &a));
    assert_false(run.globals.version);
    assert_int_equal(((struct create_opts *)run.opts)->spec.n_mounts, 1);
    expect_success(parse(&version, WORDS("-v", "nonsense"), &b));
    assert_true(version.globals.version);
    expect_success(parse(&help, WORDS("ps", "-h"), &h));
    assert_true(help.help);
}

static void refuse(const char *const *words, enum err_kind kind, const char *why, const char *hint)
{
    AUTO_CLI struct cli c = {0};
    AUTO_FREE char *args = NULL;
    expect_error(parse(&c, words, &args), kind, why);
    if (hint)
        assert_string_equal(c.hint ? c.hint : "", hint);
}

static void test_refusals(void **state)
{
    (void)state;
    refuse(WORDS("run", "--foo", "i"), ERR_INVALID, "unknown flag: --foo", "See 'coracle run --help'\n");
    refuse(WORDS("run", "--naem=x", "i"), ERR_INVALID, "unknown flag: --naem, did you mean --name?", NULL);
    refuse(WORDS("ps", "--al"), ERR_INVALID, "unknown flag: --al, did you mean --all?", "See 'coracle ps --help'\n");
    refuse(WORDS("ps", "-zz"), ERR_INVALID, "unknown shorthand flag: 'z' in -zz", "See 'coracle ps --help'\n");
    refuse(WORDS("run", "--name"), ERR_INVALID, "flag needs an argument: --name", "See 'coracle run --help'\n");
    refuse(WORDS("run", "-ie"), ERR_INVALID, "flag needs an argument: 'e' in -ie", "See 'coracle run --help'\n");
    refuse(WORDS("ps", "---all"), ERR_INVALID, "bad flag syntax: ---all", NULL);
    refuse(WORDS("ps", "--=x"), ERR_INVALID, "bad flag syntax: --=x", NULL);
    refuse(WORDS("--root"), ERR_INVALID, "flag needs an argument: --root", "See 'coracle --help'\n");
    refuse(WORDS("ps", "-n", "foo"), ERR_INVALID,
           "invalid argument \"foo\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"foo\": invalid syntax",
           "See 'coracle ps --help'\n");
    refuse(WORDS("--remote", "ps"), ERR_UNSUPPORTED, "--remote: remote services are not built yet", NULL);
}

static void test_unknown_verbs(void **state)
{
    (void)state;
    refuse(WORDS("contaner"), ERR_INVALID, "unrecognized command `coracle contaner`",
           "\nDid you mean this?\n\tcontainer\n\nTry 'coracle --help' for more information\n");
    refuse(WORDS("farm", "list"), ERR_UNSUPPORTED, "`coracle farm` is not built yet", NULL);
    refuse(WORDS("image", "build"), ERR_UNSUPPORTED, "`coracle image build` is not built yet", NULL);
    refuse(
        WORDS("machine", "list"), ERR_UNSUPPORTED,
        "`coracle machine` is not part of coracle: containers run on this machine's own kernel, in no virtual machine",
        NULL);
    refuse(WORDS("c"), ERR_INVALID, "unrecognized command `coracle c`", NULL);
    refuse(WORDS("container", "xyzzy"), ERR_INVALID, "unrecognized command `coracle container xyzzy`",
           "Try 'coracle container --help' for more information\n");
    refuse(WORDS("container ls"), ERR_INVALID, "unrecognized command `coracle container ls`", NULL);
    refuse(WORDS("ps|container"), ERR_INVALID, "unrecognized command `coracle ps|container`", NULL);
    refuse(WORDS(""), ERR_INVALID, "unrecognized command `coracle `", NULL);
    refuse(WORDS("container", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), ERR_INVALID,
           "unrecognized command `coracle container "
           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`",
           NULL);
}

static void test_argument_counts(void **state)
{
    (void)state;
    refuse(WORDS("run"), ERR_INVALID, "requires at least 1 arg(s), only received 0", "");
    refuse(WORDS("ps", "x"), ERR_INVALID, "`coracle ps` takes no arguments", "");
    refuse(WORDS("rename", "a"), ERR_INVALID, "accepts 2 arg(s), received 1", "");
    refuse(WORDS("import"), ERR_INVALID, "accepts between 1 and 2 arg(s), received 0", "");
    refuse(WORDS("volume", "create", "a", "b"), ERR_INVALID, "accepts at most 1 arg(s), received 2", "");
    refuse(WORDS("tag", "a"), ERR_INVALID, "requires at least 2 arg(s), only received 1", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags_and_arguments),
        cmocka_unit_test(test_values_in_all_forms),
        cmocka_unit_test(test_arguments_end_flags),
        cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_globals),
        cmocka_unit_test(test_letters_of_the_verb_go_first),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_unknown_verbs),
        cmocka_unit_test(test_argument_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
