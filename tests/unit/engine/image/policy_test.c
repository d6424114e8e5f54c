#include "engine/image/policy.h"

#include "tests/unit/engine/image/fixture.h"

FAKE_ENGINE

#define ACCEPT "[{\"type\":\"insecureAcceptAnything\"}]"
#define REJECT "[{\"type\":\"reject\"}]"
#define SIGNED "[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"/k\"}]"

static struct err *check(const char *text, const char *name)
{
    return policy_check_text(text, strlen(text), "policy.json", name);
}

static void the_most_specific_scope_decides(void **state)
{
    (void)state;
    static const char text[] =
        "{\"default\":" REJECT ",\"transports\":{\"docker\":{\"good.test\":" ACCEPT ",\"good.test/bad\":" REJECT
        ",\"*.wild.test\":" ACCEPT ",\"signed.test\":" SIGNED ",\"empty.test\":[]}}}";
    expect_success(check(text, "good.test/x:1"));
    expect_success(check(text, "a.wild.test/x:1"));
    expect_kind(check(text, "wild.test/x:1"), ERR_DENIED);
    expect_kind(check(text, "good.test/bad/x:1"), ERR_DENIED);
    expect_kind(check(text, "good.test.evil/x:1"), ERR_DENIED);
    expect_kind(check(text, "signed.test/x:1"), ERR_UNSUPPORTED);
    expect_kind(check(text, "empty.test/x:1"), ERR_INVALID);
}

static void what_cannot_be_evaluated_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{}", "[]", "{\"default\":{}}", "{\"default\":[{}]}", "{\"default\":[1]}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_kind(check(bad[i], "a.test/x:1"), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_specific_scope_decides),
        cmocka_unit_test(what_cannot_be_evaluated_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
