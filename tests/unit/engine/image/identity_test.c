#include "engine/image/identity.h"

#include "tests/unit/engine/image/fixture.h"

FAKE_ENGINE

#define HEX "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static bool matches(const char *rule_text, const char *image, const char *in_signature)
{
    AUTO_JSON json_t *obj = NULL;
    struct identity_rule rule;
    bool yes = false;
    if (rule_text)
        expect_success(json_parse(rule_text, strlen(rule_text), "rule", &obj));
    expect_success(identity_parse(obj, &rule));
    expect_success(identity_matches(&rule, image, in_signature, &yes));
    return yes;
}

/* The cases of containers-policy.json(5). */
static void each_kind_matches_what_the_manual_says(void **state)
{
    (void)state;
    static const char exact[] = "{\"type\":\"matchExact\"}", either[] = "{\"type\":\"matchRepoDigestOrExact\"}";
    static const char repository[] = "{\"type\":\"matchRepository\"}";
    static const char reference[] = "{\"type\":\"exactReference\",\"dockerReference\":\"v.test/app:1\"}";
    static const char fixed[] = "{\"type\":\"exactRepository\",\"dockerRepository\":\"v.test/app\"}";
    static const char remap[] = "{\"type\":\"remapIdentity\",\"prefix\":\"m.test/mirror\",\"signedPrefix\":\"v.test\"}";
    static const char hosts[] =
        "{\"type\":\"remapIdentity\",\"prefix\":\"m.test:5000\",\"signedPrefix\":\"docker.io\"}";
    static const struct {
        const char *rule, *image, *in_signature;
        bool yes;
    } cases[] = {
        {exact, "h.test/a:1", "h.test/a:1", true},
        {exact, "h.test/a:1", "h.test/a:2", false},
        {exact, "h.test/a:1", "h.test/a", false},
        {exact, "h.test/a" HEX, "h.test/a:1", false},
        {exact, "h.test/a" HEX, "h.test/a" HEX, true},
        {exact, "docker.io/library/busybox:1", "busybox:1", true},
        {exact, "docker.io/library/busybox:1", "docker.io/busybox:1", true},
        {either, "h.test/a:1", "h.test/a:1", true},
        {either, "h.test/a:1", "h.test/a:2", false},
        {either, "h.test/a" HEX, "h.test/a:2", true},
        {either, "h.test/a" HEX, "h.test/a", true},
        {either, "h.test/a" HEX, "h.test/b:2", false},
        {NULL, "h.test/a" HEX, "h.test/a:2", true},
        {NULL, "h.test/a:1", "h.test/a:2", false},
        {repository, "h.test/a:1", "h.test/a:2", true},
        {repository, "h.test/a:1", "h.test/a", true},
        {repository, "h.test/a:1", "h.test/ab:1", false},
        {reference, "h.test/a:1", "v.test/app:1", true},
        {reference, "v.test/app:1", "v.test/app:2", false},
        {reference, NULL, "v.test/app:1", true},
        {fixed, "h.test/a:1", "v.test/app:7", true},
        {fixed, "h.test/a:1", "v.test/other:7", false},
        {remap, "m.test/mirror/app:1", "v.test/app:1", true},
        {remap, "m.test/mirror/app:1", "v.test/app:2", false},
        {remap, "m.test/mirror/app" HEX, "v.test/app:2", true},
        {remap, "m.test/mirrored/app:1", "v.test/app:1", false},
        {remap, "m.test/mirrored/app:1", "m.test/mirrored/app:1", true},
        {remap, "m.test/mirror/app:1", "m.test/mirror/app:1", false},
        {hosts, "m.test:5000/library/busybox:1", "busybox:1", true},
        {hosts, "m.test/library/busybox:1", "busybox:1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (matches(cases[i].rule, cases[i].image, cases[i].in_signature) != cases[i].yes)
            fail_msg("%s: %s, signed %s", cases[i].rule ? cases[i].rule : "default",
                     cases[i].image ? cases[i].image : "-", cases[i].in_signature);
}

static void what_cannot_be_decided_is_an_error(void **state)
{
    (void)state;
    struct identity_rule rule = {.kind = IDENTITY_EXACT};
    bool yes = true;
    expect_kind(identity_matches(&rule, NULL, "a.test/b:1", &yes), ERR_INVALID);
    expect_kind(identity_matches(&rule, "a.test/b:1", "UPPER//", &yes), ERR_INVALID);
    expect_kind(identity_matches(&rule, "a.test/b:1", "", &yes), ERR_INVALID);
}

static void wrong_rules_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{\"type\":1}",
        "{\"type\":\"other\"}",
        "{\"type\":\"matchExact\",\"x\":1}",
        "{\"type\":\"exactReference\"}",
        "{\"type\":\"exactReference\",\"dockerReference\":\"a.test/b\"}",
        "{\"type\":\"exactReference\",\"dockerReference\":\"UPPER\"}",
        "{\"type\":\"exactRepository\",\"dockerRepository\":\"a.test/b:1\"}",
        "{\"type\":\"remapIdentity\",\"prefix\":\"a.test\"}",
        "{\"type\":\"remapIdentity\",\"prefix\":\"\",\"signedPrefix\":\"a.test\"}",
        "{\"type\":\"remapIdentity\",\"prefix\":\"busybox\",\"signedPrefix\":\"a.test\"}",
        "{\"type\":\"remapIdentity\",\"prefix\":\"a.test/b:1\",\"signedPrefix\":\"a.test\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_JSON json_t *obj = NULL;
        struct identity_rule rule;
        expect_success(json_parse(bad[i], strlen(bad[i]), "rule", &obj));
        AUTO_ERR struct err *e = identity_parse(obj, &rule);
        if (!e || err_kind(e) != ERR_INVALID)
            fail_msg("%s: %s", bad[i], e ? err_text(e) : "accepted");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_matches_what_the_manual_says),
        cmocka_unit_test(what_cannot_be_decided_is_an_error),
        cmocka_unit_test(wrong_rules_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
