#include "tests/unit/cli/expect.h"

#include "base/strbuf.h"
#include "cli/help.h"

static struct err *render(const char *path, struct strbuf *out)
{
    const struct cli_verb *v = cli_verb_find(path, strlen(path), NULL);
    return help_render(v, path, out);
}

/* podman rename --help, with another name. */
static void test_plain_verb(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    expect_success(render("rename", &out));
    assert_string_equal(strbuf_str(&out), "Rename an existing container\n"
                                          "\n"
                                          "Description:\n"
                                          "  The coracle rename command allows you to rename an existing container\n"
                                          "\n"
                                          "Usage:\n"
                                          "  coracle rename CONTAINER NAME\n"
                                          "\n"
                                          "Examples:\n"
                                          "  coracle rename containerA newName\n"
                                          "\n");
}

static void test_flags_and_aliases(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    expect_success(render("volume rm", &out));
    assert_string_equal(
        strbuf_str(&out),
        "Remove one or more volumes\n\nDescription:\n  Remove one or more existing volumes.\n\n"
        "  By default only volumes that are not being used by any containers will be removed. To remove the volumes "
        "anyways, "
        "use the --force flag.\n\n"
        "Usage:\n  coracle volume rm [options] VOLUME [VOLUME...]\n\n"
        "Aliases:\n  rm, remove\n\n"
        "Examples:\n  coracle volume rm myvol1 myvol2\n  coracle volume rm --all\n  coracle volume rm --force myvol\n\n"
        "Options:\n"
        "  -a, --all         Remove all volumes\n"
        "  -f, --force       Remove a volume by force, even if it is being used by a container\n"
        "  -t, --time uint   Seconds to wait for running containers to stop before killing the container (default "
        "10)\n\n");
}

static void test_contents(void **state)
{
    static const char *const in_run[] = {
        "      --name string                              Assign a name to the container\n",
        "  -m, --memory <number>[<unit>]                  Memory limit (format: ",
        "      --http-proxy                               Set proxy environment variables in the container based on "
        "the host "
        "proxy vars (default true)\n",
        "  -p, --publish strings                          Publish a container's port, or a range of ports, to the "
        "host\n",
        "  coracle run [options] IMAGE [COMMAND [ARG...]]\n",
    };
    (void)state;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    expect_success(render("run", &out));
    for (size_t i = 0; i < sizeof in_run / sizeof *in_run; i++)
        if (!strstr(strbuf_str(&out), in_run[i]))
            fail_msg("missing: %s\nin %s", in_run[i], strbuf_str(&out));
    assert_null(strstr(strbuf_str(&out), "--net ")); /* hidden */
}

static void test_program_and_groups(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT, group = STRBUF_INIT;
    expect_success(help_render(NULL, "", &out));
    assert_non_null(strstr(strbuf_str(&out),
                           "Usage:\n  coracle [options] [command]\n\nAvailable Commands:\n  artifact    "
                           "Manage OCI artifacts\n"));
    assert_null(strstr(strbuf_str(&out), "__man"));
    expect_success(render("image", &group));
    assert_non_null(strstr(strbuf_str(&group), "  list        List images in local storage\n"));
    assert_null(strstr(strbuf_str(&group), "  ls  ")); /* an alias */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_verb),
        cmocka_unit_test(test_flags_and_aliases),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_program_and_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
