#include "engine/trust/payload.h"

#include "tests/unit/engine/trust/fixture.h"

#define IMAGE "\"image\":{\"docker-manifest-digest\":\"" DIGEST "\"}"
#define IDENTITY "\"identity\":{\"docker-reference\":\"a.b/c:1\"}"
#define TYPE "\"type\":\"" PAYLOAD_GPG_TYPE "\""
#define CRITICAL "\"critical\":{" TYPE "," IMAGE "," IDENTITY "}"

static struct err *parse(const char *text, struct payload *ret)
{
    return payload_parse(text, strlen(text), PAYLOAD_GPG_TYPE, ret);
}

static void what_is_built_is_read(void **state)
{
    (void)state;
    AUTO_PAYLOAD struct payload p = {0};
    AUTO_FREE char *text = NULL;
    expect_success(payload_build(PAYLOAD_GPG_TYPE, "a.b/c:1", DIGEST, 1700000000, &text));
    expect_success(parse(text, &p));
    assert_string_equal(p.reference, "a.b/c:1");
    assert_string_equal(p.digest, DIGEST);
    expect_error(payload_parse(text, strlen(text), PAYLOAD_COSIGN_TYPE, &p), ERR_INVALID, "critical.type is not");
}

static void what_others_write_is_read(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{" CRITICAL ",\"optional\":{}}",
        "{" CRITICAL ",\"optional\":null}",
        "{" CRITICAL ",\"optional\":{\"creator\":\"x\",\"timestamp\":1,\"anything\":[1,{}]}}",
        "{" CRITICAL ",\"optional\":{\"timestamp\":1.7e9}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        AUTO_PAYLOAD struct payload p = {0};
        expect_success(parse(good[i], &p));
    }
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "invalid JSON"},
        {"[]", "payload is not an object"},
        {"{}", "no member \"critical\""},
        {"{" CRITICAL "}", "no member \"optional\""},
        {"{" CRITICAL ",\"optional\":{},\"more\":1}", "unknown member \"more\""},
        {"{" CRITICAL "," CRITICAL ",\"optional\":{}}", "duplicate"},
        {"{" CRITICAL ",\"optional\":{}}x", "invalid JSON"},
        {"{" CRITICAL ",\"optional\":[]}", "optional is not an object"},
        {"{" CRITICAL ",\"optional\":{\"creator\":1}}", "optional.creator"},
        {"{" CRITICAL ",\"optional\":{\"timestamp\":\"1\"}}", "optional.timestamp"},
        {"{" CRITICAL ",\"optional\":{\"timestamp\":1.5}}", "optional.timestamp"},
        {"{" CRITICAL ",\"optional\":{\"timestamp\":1e300}}", "optional.timestamp"},
        {"{\"critical\":{" IMAGE "," IDENTITY "},\"optional\":{}}", "no member \"type\""},
        {"{\"critical\":{\"type\":\"x\"," IMAGE "," IDENTITY "},\"optional\":{}}", "critical.type is not"},
        {"{\"critical\":{" TYPE "," IMAGE "," IDENTITY ",\"x\":1},\"optional\":{}}", "unknown member \"x\""},
        {"{\"critical\":{" TYPE "," IMAGE ",\"identity\":{}},\"optional\":{}}", "docker-reference"},
        {"{\"critical\":{" TYPE "," IMAGE ",\"identity\":{\"docker-reference\":1}},\"optional\":{}}", "not a string"},
        {"{\"critical\":{" TYPE ",\"image\":{\"docker-manifest-digest\":\"sha256:\"}," IDENTITY "},\"optional\":{}}",
         "not a sha256 digest"},
        {"{\"critical\":{" TYPE ",\"image\":{\"docker-manifest-digest\":\"" DIGEST "a\"}," IDENTITY
         "},\"optional\":{}}",
         "not a sha256 digest"},
        {"{\"critical\":{" TYPE ",\"image\":{\"docker-manifest-digest\":\"" DIGEST "\",\"x\":1}," IDENTITY
         "},\"optional\":{}}",
         "unknown member"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_PAYLOAD struct payload p = {0};
        expect_error(parse(bad[i].text, &p), ERR_INVALID, bad[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_built_is_read),
        cmocka_unit_test(what_others_write_is_read),
        cmocka_unit_test(everything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
