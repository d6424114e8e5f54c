#include "engine/registry/challenge.h"

#include "tests/unit/engine/registry/fixture.h"

static void what_registries_send(void **state)
{
    (void)state;
    AUTO_CHALLENGE struct challenge c = {0};
    expect_success(challenge_parse(
        "Bearer realm=\"https://auth.test/token\",service=\"reg.test\",scope=\"repository:a/b:pull,push\"", &c));
    assert_int_equal(c.scheme, CHALLENGE_BEARER);
    assert_string_equal(c.realm, "https://auth.test/token");
    assert_string_equal(c.service, "reg.test");
    assert_string_equal(c.scope, "repository:a/b:pull,push");
    challenge_done(&c);
    expect_success(challenge_parse("  basic Realm = \"a \\\"b\\\"\" , charset=UTF-8", &c));
    assert_int_equal(c.scheme, CHALLENGE_BASIC);
    assert_string_equal(c.realm, "a \"b\"");
    challenge_done(&c);
    expect_success(challenge_parse("Bearer realm=https://x.test/t, Basic realm=\"y\"", &c));
    assert_string_equal(c.realm, "https://x.test/t");
    challenge_done(&c);
    expect_success(challenge_parse("Negotiate", &c));
    assert_int_equal(c.scheme, CHALLENGE_NONE);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"Bearer", "Bearer service=\"x\"", "Bearer realm=\"x", "Basic realm=\"a\nb\"",
                                      "Basic ;=;"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct challenge c = {0};
        expect_error(challenge_parse(bad[i], &c), ERR_INVALID, "WWW-Authenticate");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_registries_send), cmocka_unit_test(nonsense_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
