/* Names of CDI devices, and documents that are none, each named after what it tries. */
#include "tests/unit/engine/container/expect.h"

#include "base/mem.h"
#include "engine/container/cdi.h"

static void names(void **state)
{
    (void)state;
    static const char *const good[] = {"vendor.com/class=name",
                                       "a/b=c",
                                       "nvidia.com/gpu=0",
                                       "nvidia.com/gpu=all",
                                       "v-e_n.d0r/c-l_a5s=n.a-m_e:1",
                                       "nvidia.com/gpu=GPU-1234-abcd",
                                       "v/c=0:1"};
    static const char *const bad[] = {
        "",        "=",       "/=",      "a/b",     "a=b",     "/dev/a=b",        "a/b=",   "/b=c",
        "a/=c",    "1a/b=c",  "a/1b=c",  "a-/b=c",  "a/b-=c",  "a/b=-c",          "a/b=c:", "a/b=c d",
        "a/b/c=d", "a/b.c=d", "a b/c=d", "a/b=c/d", "a/b=c\n", "/dev/x:/dev/y=z", "a/b=c=d"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!cdi_is_name(good[i]))
            fail_msg("%s is a name", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (cdi_is_name(bad[i]))
            fail_msg("\"%s\" is no name", bad[i]);
}

static json_t *parsed(const char *text)
{
    json_t *doc = NULL;
    expect_ok(json_parse(text, strlen(text), "test", &doc), text);
    return doc;
}

/* Numbers may be text, as YAML gives them here; null is nothing. */
static void devices_are_found(void **state)
{
    (void)state;
    AUTO_JSON json_t *doc =
        parsed("{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/c\",\"containerEdits\":{\"env\":[\"A=\"]},"
               "\"devices\":[{\"name\":\"0\",\"containerEdits\":{\"additionalGids\":[5,\"6\"],\"mounts\":null,"
               "\"deviceNodes\":[{\"path\":\"/dev/a\",\"major\":\"1\",\"minor\":3,\"fileMode\":null,\"type\":\"c\"}],"
               "\"hooks\":[{\"hookName\":\"poststop\",\"path\":\"/h\",\"timeout\":\"5\"}]}},{\"name\":\"b\"}]}");
    const json_t *common = NULL, *edits = NULL;
    expect_ok(cdi_check(doc, "f"), "document");
    assert_true(cdi_find(doc, "v.com/c=0", &common, &edits));
    assert_ptr_equal(common, json_object_get(doc, "containerEdits"));
    const json_t *node = json_array_get(json_object_get(edits, "deviceNodes"), 0);
    assert_int_equal(cdi_number(node, "major", -1), 1);
    assert_int_equal(cdi_number(node, "minor", -1), 3);
    assert_int_equal(cdi_number(node, "fileMode", -1), -1);
    assert_int_equal(cdi_number(json_array_get(json_object_get(edits, "additionalGids"), 1), NULL, -1), 6);
    assert_true(cdi_find(doc, "v.com/c=b", &common, &edits));
    assert_null(edits);
    assert_false(cdi_find(doc, "v.com/c=1", &common, &edits));
    assert_false(cdi_find(doc, "v.com/cc=0", &common, &edits));
    assert_false(cdi_find(doc, "v.com/=0", &common, &edits));
}

/* Within a device's containerEdits. */
static void bad_edits(void **state)
{
    (void)state;
    static const struct {
        const char *edits, *error;
    } bad[] = {
        {"[]", "containerEdits is no object"},
        {"{\"env\":\"A=B\"}", "env is a list of texts"},
        {"{\"env\":[1]}", "env is a list of texts"},
        {"{\"env\":[\"A\"]}", "a variable that is not NAME=VALUE"},
        {"{\"env\":[\"=A\"]}", "a variable that is not NAME=VALUE"},
        {"{\"deviceNodes\":{}}", "a part of containerEdits that should be a list"},
        {"{\"deviceNodes\":[1]}", "a part of containerEdits that should be an object"},
        {"{\"deviceNodes\":[{}]}", "a device node without an absolute path"},
        {"{\"deviceNodes\":[{\"path\":\"a\"}]}", "a device node without an absolute path"},
        {"{\"deviceNodes\":[{\"path\":\"/a\",\"hostPath\":\"b\"}]}", "a device node without an absolute path"},
        {"{\"deviceNodes\":[{\"path\":\"/a\",\"permissions\":\"rx\"}]}",
         "permissions of a device node other than r, w and m"},
        {"{\"deviceNodes\":[{\"path\":\"/a\",\"permissions\":1}]}", "a device node's type and permissions are texts"},
        {"{\"deviceNodes\":[{\"path\":\"/a\",\"type\":\"x\"}]}", "a device node's type is none of b, c, u and p"},
        {"{\"deviceNodes\":[{\"path\":\"/a\",\"major\":\"x\"}]}", "a device node's numbers are none"},
        {"{\"deviceNodes\":[{\"path\":\"/a\",\"uid\":[]}]}", "a device node's numbers are none"},
        {"{\"mounts\":[{\"hostPath\":\"/a\"}]}", "a mount without absolute paths"},
        {"{\"mounts\":[{\"hostPath\":\"/a\",\"containerPath\":\"/b\",\"options\":\"ro\"}]}",
         "a mount's options are a list of texts"},
        {"{\"hooks\":[{\"hookName\":\"x\",\"path\":\"/a\"}]}", "a hook without a hookName that runtimes know"},
        {"{\"hooks\":[{\"path\":\"/a\"}]}", "a hook without a hookName that runtimes know"},
        {"{\"hooks\":[{\"hookName\":\"prestart\",\"path\":\"a\"}]}", "a hook without an absolute path"},
        {"{\"hooks\":[{\"hookName\":\"prestart\",\"path\":\"/a\",\"args\":[[]]}]}",
         "a hook's args and env are lists of texts"},
        {"{\"hooks\":[{\"hookName\":\"prestart\",\"path\":\"/a\",\"timeout\":\"s\"}]}",
         "a hook's timeout is no number"},
        {"{\"additionalGids\":5}", "additionalGids is a list of numbers"},
        {"{\"additionalGids\":[null]}", "additionalGids is a list of numbers"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_FREE char *text = NULL, *error = NULL;
        expect_ok(
            mem_asprintf(
                &text,
                "{\"cdiVersion\":\"0.6.0\",\"kind\":\"v/c\",\"devices\":[{\"name\":\"a\",\"containerEdits\":%s}]}",
                bad[i].edits),
            "text");
        expect_ok(mem_asprintf(&error, "CDI specification f: %s", bad[i].error), "error");
        AUTO_JSON json_t *doc = parsed(text);
        expect_invalid(cdi_check(doc, "f"), text, error);
    }
}

static void bad_documents(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"[]", "no object"},
        {"{}", "a cdiVersion that is not known here"},
        {"{\"cdiVersion\":\"9.0.0\"}", "a cdiVersion that is not known here"},
        {"{\"cdiVersion\":1}", "a cdiVersion that is not known here"},
        {"{\"cdiVersion\":\"0.6.0\"}", "kind is not VENDOR/CLASS"},
        {"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v\"}", "kind is not VENDOR/CLASS"},
        {"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v/c\"}", "no devices"},
        {"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v/c\",\"devices\":{\"name\":\"a\"}}", "no devices"},
        {"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v/c\",\"devices\":[{\"name\":\"a=b\"}]}",
         "a device without a name that can be one"},
        {"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v/c\",\"devices\":[{}]}", "a device without a name that can be one"},
        {"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v/c\",\"devices\":[{\"name\":\"a\"},{\"name\":\"a\"}]}",
         "two devices of one name"},
        {"{\"cdiVersion\":\"0.6.0\",\"kind\":\"v/c\",\"containerEdits\":1,\"devices\":[{\"name\":\"a\"}]}",
         "containerEdits is no object"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_FREE char *error = NULL;
        AUTO_JSON json_t *doc = parsed(bad[i].text);
        expect_ok(mem_asprintf(&error, "CDI specification f: %s", bad[i].error), "error");
        expect_invalid(cdi_check(doc, "f"), bad[i].text, error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(devices_are_found),
        cmocka_unit_test(bad_edits),
        cmocka_unit_test(bad_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
