#include "engine/registry/base64.h"

#include "tests/unit/engine/registry/fixture.h"

static void there_and_back(void **state)
{
    (void)state;
    /* RFC 4648, section 10 */
    static const struct {
        const char *plain, *encoded;
    } known[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"},
                 {"\xff\xfe\xfd?", "//79Pw=="}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        AUTO_FREE char *encoded = NULL, *plain = NULL;
        expect_success(base64_encode(known[i].plain, strlen(known[i].plain), &encoded));
        assert_string_equal(encoded, known[i].encoded);
        expect_success(base64_decode(encoded, &plain));
        assert_string_equal(plain, known[i].plain);
    }
}

static void no_base64_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"Zg=x", "Z", "Zm9v Zm9v", "AAAA", "Zm9vY"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *plain = NULL;
        expect_error(base64_decode(bad[i], &plain), ERR_INVALID, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(no_base64_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
