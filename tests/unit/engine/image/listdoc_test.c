#include "engine/image/listdoc.h"

#include "tests/unit/engine/image/fixture.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void put(json_t *doc, const char *type, const char *digest, const char *arch)
{
    json_t *entry;
    expect_success(listdoc_entry(type, digest, 7, NULL, &entry));
    expect_success(listdoc_set_platform(entry, "linux", arch, ""));
    expect_success(listdoc_put(doc, entry));
}

static void expect_built(const json_t *doc, bool docker, const char *wanted)
{
    char *text = NULL;
    expect_success(listdoc_build(doc, docker, &text));
    assert_string_equal(text, wanted);
    free(text);
}

/* Byte for byte what Podman pushes: two programs that list the same images make the same list. */
static void both_forms_are_podmans(void **state)
{
    (void)state;
    json_t *doc;
    expect_success(listdoc_new(&doc));
    put(doc, MEDIA_OCI_MANIFEST, A, "amd64");
    put(doc, MEDIA_OCI_MANIFEST, B, "arm64");
    expect_built(doc, false,
                 "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":["
                 "{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" A
                 "\",\"size\":7,\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}},"
                 "{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" B
                 "\",\"size\":7,\"platform\":{\"architecture\":\"arm64\",\"os\":\"linux\"}}]}");
    assert_true(listdoc_remove(doc, A));
    assert_false(listdoc_remove(doc, A));
    expect_built(doc, true,
                 "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_DOCKER_LIST "\",\"manifests\":["
                 "{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"size\":7,\"digest\":\"" B
                 "\",\"platform\":{\"architecture\":\"arm64\",\"os\":\"linux\"}}]}");
    json_decref(doc);
}

static void the_same_digest_is_one_entry(void **state)
{
    (void)state;
    json_t *doc;
    expect_success(listdoc_new(&doc));
    put(doc, MEDIA_DOCKER_MANIFEST, A, "amd64");
    put(doc, MEDIA_DOCKER_MANIFEST, A, "s390x");
    assert_int_equal(json_array_size(listdoc_entries(doc)), 1);
    const json_t *platform = json_object_get(listdoc_find(doc, A), "platform");
    assert_string_equal(json_string_value(json_object_get(platform, "architecture")), "s390x");
    assert_null(listdoc_find(doc, B));
    json_decref(doc);
}

/* Docker's form has no annotations: a list that has some is OCI's by default. */
static void annotations_decide_the_form(void **state)
{
    (void)state;
    json_t *doc;
    struct strv words = STRV_INIT;
    expect_success(listdoc_new(&doc));
    put(doc, MEDIA_DOCKER_MANIFEST, A, "amd64");
    assert_true(listdoc_is_docker(doc));
    expect_success(strv_add(&words, "key=a=b"));
    expect_success(listdoc_annotate(doc, &words));
    assert_false(listdoc_is_docker(doc));
    assert_string_equal(json_string_value(json_object_get(json_object_get(doc, "annotations"), "key")), "a=b");
    strv_clear(&words);
    expect_success(strv_add(&words, "novalue"));
    expect_kind(listdoc_annotate(doc, &words), ERR_INVALID);
    strv_done(&words);
    json_decref(doc);
}

static void every_word_has_its_place(void **state)
{
    (void)state;
    json_t *doc;
    struct listdoc_words words = {.arch = "arm", .os = "windows", .os_version = "10.0", .variant = "v7"};
    char *text = NULL;
    expect_success(strv_add(&words.features, "sse4"));
    expect_success(strv_add(&words.os_features, "win32k"));
    expect_success(listdoc_new(&doc));
    put(doc, MEDIA_DOCKER_MANIFEST, A, "amd64");
    expect_success(listdoc_describe(listdoc_find(doc, A), &words));
    expect_success(listdoc_build(doc, true, &text));
    assert_non_null(strstr(text, "{\"architecture\":\"arm\",\"os\":\"windows\",\"os.version\":\"10.0\","
                                 "\"os.features\":[\"win32k\"],\"variant\":\"v7\",\"features\":[\"sse4\"]}"));
    free(text);
    expect_success(listdoc_build(doc, false, &text));
    assert_null(strstr(text, "sse4")); /* OCI has no features */
    free(text);
    strv_done(&words.features);
    strv_done(&words.os_features);
    json_decref(doc);
}

static void lists_of_others_come_in(void **state)
{
    (void)state;
    static const char list[] =
        "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_MANIFEST
        "\",\"digest\":\"" A "\",\"size\":7,\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\",\"evil\":1},"
        "\"annotations\":{\"k\":\"v\"},\"artifactType\":\"t\",\"urls\":[\"http://x\"]}],\"annotations\":{\"x\":\"y\"}}";
    json_t *doc;
    expect_success(listdoc_import(list, strlen(list), MEDIA_OCI_INDEX, "docker://q/x", &doc));
    const json_t *entry = listdoc_find(doc, A);
    assert_string_equal(json_string_value(json_object_get(entry, "source")), "docker://q/x");
    expect_built(doc, false,
                 "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX
                 "\",\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" A
                 "\",\"size\":7,\"annotations\":{\"k\":\"v\"},\"platform\":{\"architecture\":\"amd64\",\"os\":"
                 "\"linux\"},\"artifactType\":\"t\"}],\"annotations\":{\"x\":\"y\"}}");
    json_decref(doc);
    static const char *const bad[] = {"{}", "[]", "{\"schemaVersion\":2,\"manifests\":[{}]}",
                                      "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_MANIFEST
                                      "\",\"digest\":\"sha256:../../x\",\"size\":1}]}",
                                      "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_MANIFEST
                                      "\",\"digest\":\"" A "\",\"size\":1,\"platform\":[]}]}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_kind(listdoc_import(bad[i], strlen(bad[i]), NULL, NULL, &doc), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_are_podmans),      cmocka_unit_test(the_same_digest_is_one_entry),
        cmocka_unit_test(annotations_decide_the_form), cmocka_unit_test(every_word_has_its_place),
        cmocka_unit_test(lists_of_others_come_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

FAKE_ENGINE
