#include "engine/image/attached.h"

#include "engine/trust/trust.h"
#include "tests/unit/engine/image/fixture.h"

FAKE_ENGINE

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CONFIG "\"config\":{\"mediaType\":\"c\",\"digest\":\"sha256:" HEX "\",\"size\":2}"

static void tags(void **state)
{
    (void)state;
    AUTO_FREE char *tag = NULL;
    expect_success(attached_tag("sha256:" HEX, &tag));
    assert_string_equal(tag, "sha256-" HEX ".sig");
    assert_true(attached_is_tag(tag));
    assert_true(attached_is_tag("sha256-" HEX ".att"));
    assert_false(attached_is_tag("sha256-" HEX));
    assert_false(attached_is_tag("sha256-" HEX "a.sig"));
    assert_false(attached_is_tag("latest.sig"));
}

static void signatures_are_added_to_those_that_are_there(void **state)
{
    (void)state;
    AUTO_ATTACHED struct attached one = {0}, two = {0};
    AUTO_FREE char *manifest = NULL, *config = NULL, *more = NULL, *more_config = NULL;
    expect_success(attached_build(NULL, NULL, "payload", "c2ln", &manifest, &config));
    expect_success(attached_parse(manifest, strlen(manifest), &one));
    assert_int_equal(one.count, 1);
    assert_string_equal(one.layers[0].media_type, TRUST_COSIGN_TYPE);
    assert_string_equal(one.layers[0].digest, digest_of("payload", 7).s);
    assert_int_equal(one.layers[0].size_bytes, 7);
    assert_string_equal(one.config_digest, digest_of(config, strlen(config)).s);
    assert_string_equal(json_string_value(json_object_get(one.layers[0].annotations, TRUST_COSIGN_ANNOTATION)), "c2ln");
    expect_success(attached_build(&one, config, "second", "c2ln", &more, &more_config));
    expect_success(attached_parse(more, strlen(more), &two));
    assert_int_equal(two.count, 2);
    assert_string_equal(two.layers[0].digest, one.layers[0].digest);
    assert_non_null(strstr(more_config, digest_of("payload", 7).s));
    assert_non_null(strstr(more_config, digest_of("second", 6).s));
}

static void hostile_manifests_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"schemaVersion\":1," CONFIG ",\"layers\":[]}",
        "{\"schemaVersion\":2,\"mediaType\":\"x\"," CONFIG ",\"layers\":[]}",
        "{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manifests\":[]}",
        "{\"schemaVersion\":2," CONFIG "}",
        "{\"schemaVersion\":2," CONFIG ",\"layers\":[1]}",
        "{\"schemaVersion\":2,\"layers\":[]}",
        "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"sha256:" HEX "\",\"size\":1}]}",
        "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"sha256:../" HEX
        "\",\"size\":1}]}",
        "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"sha256:" HEX "\",\"size\":-1}]}",
        "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"sha256:" HEX
        "\",\"size\":1,\"annotations\":[]}]}",
        "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"sha256:" HEX
        "\",\"size\":1,\"annotations\":{\"a\":1}}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_ATTACHED struct attached a = {0};
        AUTO_ERR struct err *e = attached_parse(bad[i], strlen(bad[i]), &a);
        if (!e || err_kind(e) != ERR_INVALID)
            fail_msg("%s: %s", bad[i], e ? err_text(e) : "accepted");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags),
        cmocka_unit_test(signatures_are_added_to_those_that_are_there),
        cmocka_unit_test(hostile_manifests_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
