#include "engine/image/policy.h"

#include "engine/image/scope.h"
#include "tests/unit/engine/image/fixture.h"

FAKE_ENGINE

#define ACCEPT "[{\"type\":\"insecureAcceptAnything\"}]"
#define REJECT "[{\"type\":\"reject\"}]"
#define KEY "\"keyType\":\"GPGKeys\",\"keyPath\":\"/k\""

static enum policy_type first_type(const struct policy *p, const char *transport, const char *name)
{
    AUTO_STRV struct strv scopes = STRV_INIT;
    AUTO_REQUIREMENT struct policy_requirement r = {0};
    if (strcmp(transport, "docker") == 0)
        expect_success(scope_list_docker(name, &scopes));
    else
        expect_success(scope_list_path(name, &scopes));
    json_t *list = policy_requirements(p, transport, &scopes);
    assert_true(json_array_size(list) == 1);
    expect_success(policy_requirement_parse(json_array_get(list, 0), &r));
    return r.type;
}

static void the_most_specific_scope_decides(void **state)
{
    (void)state;
    static const char text[] =
        "{\"default\":" REJECT ",\"transports\":{\"docker\":{\"good.test\":" ACCEPT ",\"good.test/bad\":" REJECT
        ",\"good.test/bad/but:this\":" ACCEPT ",\"*.wild.test\":" ACCEPT ",\"port.test:5000\":" ACCEPT
        "},\"dir\":{\"/a/b\":" ACCEPT ",\"/a/b/c\":" REJECT "},\"oci\":{\"\":" ACCEPT "}}}";
    static const struct {
        const char *transport, *name;
        enum policy_type type;
    } cases[] = {
        {"docker", "good.test/x:1", POLICY_ACCEPT},
        {"docker", "a.wild.test/x:1", POLICY_ACCEPT},
        {"docker", "a.b.wild.test:5000/x:1", POLICY_ACCEPT},
        {"docker", "wild.test/x:1", POLICY_REJECT},
        {"docker", "good.test/bad/x:1", POLICY_REJECT},
        {"docker", "good.test/bad/but:this", POLICY_ACCEPT},
        {"docker", "good.test/badly/x:1", POLICY_ACCEPT},
        {"docker", "good.test.evil/x:1", POLICY_REJECT},
        {"docker", "good.test:5000/x:1", POLICY_REJECT},
        {"docker", "port.test:5000/x:1", POLICY_ACCEPT},
        {"docker", "port.test/x:1", POLICY_REJECT},
        {"dir", "/a/b/x", POLICY_ACCEPT},
        {"dir", "/a/b/c", POLICY_REJECT},
        {"dir", "/a/bb", POLICY_REJECT},
        {"oci", "/anything", POLICY_ACCEPT},
        {"docker-archive", "/anything", POLICY_REJECT},
    };
    AUTO_POLICY struct policy p = {0};
    expect_success(policy_parse(text, strlen(text), "policy.json", &p));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (first_type(&p, cases[i].transport, cases[i].name) != cases[i].type)
            fail_msg("%s %s", cases[i].transport, cases[i].name);
}

static void scopes_are_in_podmans_order(void **state)
{
    (void)state;
    AUTO_STRV struct strv scopes = STRV_INIT;
    AUTO_FREE char *joined = NULL;
    expect_success(scope_list_docker("a.b.test:5000/ns/repo:tag", &scopes));
    expect_success(strv_join(&scopes, " ", &joined));
    assert_string_equal(joined, "a.b.test:5000/ns/repo:tag a.b.test:5000/ns/repo a.b.test:5000/ns a.b.test:5000 "
                                "*.b.test *.test");
}

static void what_is_unknown_or_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "invalid JSON"},
        {"[]", "an object is expected"},
        {"{}", "Default policy is missing"},
        {"{\"default\":{}}", "default: a list of requirements is expected"},
        {"{\"default\":[]}", "must not be empty"},
        {"{\"default\":[1]}", "default: [0]: an object is expected"},
        {"{\"default\":[{}]}", "\"type\" is missing"},
        {"{\"default\":[{\"type\":1}]}", "\"type\" is not a string"},
        {"{\"default\":[{\"type\":\"accept\"}]}", "Unknown policy requirement type \"accept\""},
        {"{\"default\":[{\"type\":\"reject\",\"x\":1}]}", "default: [0]: Unknown key \"x\""},
        {"{\"default\":" ACCEPT ",\"extra\":1}", "Unknown key \"extra\""},
        {"{\"default\":" ACCEPT ",\"default\":" ACCEPT "}", "duplicate"},
        {"{\"default\":" ACCEPT ",\"transports\":[]}", "transports: an object is expected"},
        {"{\"default\":" ACCEPT ",\"transports\":{\"docker\":{\"a.b\":[]}}}", "transports: \"docker\".\"a.b\""},
        {"{\"default\":" ACCEPT ",\"transports\":{\"dir\":{\"a\":" ACCEPT "}}}", "must be an absolute path"},
        {"{\"default\":" ACCEPT ",\"transports\":{\"dir\":{\"/\":" ACCEPT "}}}", "generic default scope"},
        {"{\"default\":" ACCEPT ",\"transports\":{\"oci\":{\"/a/../b\":" ACCEPT "}}}", "perhaps try with path /b"},
        {"{\"default\":" ACCEPT ",\"transports\":{\"docker-archive\":{\"/a\":" ACCEPT "}}}", "any scopes"},
        {"{\"default\":[{\"type\":\"signedBy\",\"keyPath\":\"/k\"}]}", "\"keyType\" is missing"},
        {"{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"PGP\",\"keyPath\":\"/k\"}]}", "Unrecognized \"keyType\""},
        {"{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\"}]}", "none of them present"},
        {"{\"default\":[{\"type\":\"signedBy\"," KEY ",\"keyData\":\"YQ==\"}]}", "more than one present"},
        {"{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPaths\":[]}]}", "keyPaths"},
        {"{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPaths\":[1]}]}", "\"keyPaths\"[0]"},
        {"{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyData\":\"!!\"}]}", "not base64"},
        {"{\"default\":[{\"type\":\"signedBy\"," KEY ",\"signedIdentity\":[]}]}", "signedIdentity"},
        {"{\"default\":[{\"type\":\"signedBy\"," KEY ",\"signedIdentity\":{\"type\":\"x\"}}]}", "match type \"x\""},
        {"{\"default\":[{\"type\":\"sigstoreSigned\"}]}", "Exactly one of"},
        {"{\"default\":[{\"type\":\"sigstoreSigned\",\"keyType\":\"GPGKeys\",\"keyPath\":\"/k\"}]}", "Unknown key"},
        {"{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"/k\",\"rekorPublicKeyPath\":\"/r\","
         "\"rekorPublicKeyData\":\"YQ==\"}]}",
         "More than one of rekor"},
        {"{\"default\":[{\"type\":\"sigstoreSigned\",\"fulcio\":{\"caPath\":\"/c\"}}]}", "\"oidcIssuer\" is missing"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_POLICY struct policy p = {0};
        AUTO_ERR struct err *e = policy_parse(bad[i].text, strlen(bad[i].text), "/etc/p.json", &p);
        if (!e || err_kind(e) != ERR_INVALID || !strstr(err_text(e), bad[i].why) ||
            !strstr(err_text(e), "invalid policy in \"/etc/p.json\""))
            fail_msg("%s: %s", bad[i].text, e ? err_text(e) : "accepted");
    }
}

static void what_cannot_be_evaluated_is_read_and_marked(void **state)
{
    (void)state;
    static const char *const known[] = {
        "{\"type\":\"signedBaseLayer\",\"baseLayerIdentity\":{\"type\":\"matchExact\"}}",
        "{\"type\":\"signedBy\",\"keyType\":\"X509Certificates\",\"keyPath\":\"/k\"}",
        "{\"type\":\"sigstoreSigned\",\"fulcio\":{\"caPath\":\"/c\",\"oidcIssuer\":\"i\",\"subjectEmail\":\"e\"},"
        "\"rekorPublicKeyPath\":\"/r\"}",
        "{\"type\":\"sigstoreSigned\",\"pki\":{}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        AUTO_REQUIREMENT struct policy_requirement r = {0};
        AUTO_JSON json_t *obj = NULL;
        expect_success(json_parse(known[i], strlen(known[i]), "x", &obj));
        expect_success(policy_requirement_parse(obj, &r));
        assert_non_null(r.missing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_specific_scope_decides),
        cmocka_unit_test(scopes_are_in_podmans_order),
        cmocka_unit_test(what_is_unknown_or_wrong_is_named),
        cmocka_unit_test(what_cannot_be_evaluated_is_read_and_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
