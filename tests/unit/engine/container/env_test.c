/* Environment from flags, files and the host. */
#include "tests/unit/engine/container/expect.h"

#include "base/mem.h"
#include "engine/container/env.h"
#include "engine/container/spec.h"

static char *const host[] = {(char[]){"A=1"},
                             (char[]){"LC_ALL=C"},
                             (char[]){"LC_TIME=de"},
                             (char[]){"http_proxy=http://p"},
                             (char[]){"HOME=/h"},
                             (char[]){"junk"},
                             NULL};

static void expect_env(const struct strv *env, const char *joined)
{
    AUTO_FREE char *text = NULL;
    expect_ok(strv_join(env, "|", &text), "join");
    assert_string_equal(text, joined);
}

static void values_of_flags(void **state)
{
    (void)state;
    AUTO_STRV struct strv env = STRV_INIT;
    expect_ok(env_add(&env, "X=a=b", host), "X");
    expect_ok(env_add(&env, "A", host), "A");
    expect_ok(env_add(&env, "MISSING", host), "MISSING");
    expect_ok(env_add(&env, "EMPTY=", host), "EMPTY");
    expect_ok(env_add(&env, "LC_*", host), "LC_*");
    expect_ok(env_add(&env, "", host), "nothing");
    expect_ok(env_add(&env, "X=2", host), "again");
    expect_env(&env, "X=2|A=1|EMPTY=|LC_ALL=C|LC_TIME=de");
    expect_invalid(env_add(&env, "=x", host), "=x", "invalid environment variable: \"=x\"");
    expect_ok(env_add(&env, "A", NULL), "no host");
}

static void lines_of_files(void **state)
{
    (void)state;
    AUTO_STRV struct strv env = STRV_INIT;
    static const char file[] =
        "\xef\xbb\xbfONE=1\r\n# comment\n\n   TWO= two \nA\nMISSING\nLC_A*\n#X=1\nQ=\"q\"#no comment";
    expect_ok(env_add_file(&env, file, strlen(file), host), "file");
    expect_env(&env, "ONE=1|TWO= two |A=1|LC_ALL=C|Q=\"q\"#no comment");
    expect_invalid(env_add_file(&env, "A=1\n=b\n", 7, host), "=b", "invalid environment variable: \"=b\"");
    expect_invalid(env_add_file(&env, "A=1\0B=2", 7, host), "NUL", "contains a NUL byte");
    expect_ok(env_add_file(&env, "", 0, host), "empty");
}

static void what_the_host_gives(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    expect_ok(spec_add_host_env(&s, host), "proxies");
    expect_env(&s.env_base, "http_proxy=http://p");
    container_spec_done(&s);
    s.no_http_proxy = true;
    expect_ok(spec_add_host_env(&s, host), "no proxies");
    assert_int_equal(s.env_base.count, 0);
    s.env_host = true;
    expect_ok(spec_add_host_env(&s, host), "all");
    expect_env(&s.env_base, "A=1|LC_ALL=C|LC_TIME=de|http_proxy=http://p|HOME=/h");
    container_spec_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_flags),
        cmocka_unit_test(lines_of_files),
        cmocka_unit_test(what_the_host_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
