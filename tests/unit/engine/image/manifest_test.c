#include "engine/image/manifest.h"

#include "tests/unit/engine/image/fixture.h"

#define D "\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""
#define CONFIG(type) "\"config\":{\"mediaType\":\"" type "\",\"digest\":" D ",\"size\":1}"
#define LAYER(type) "{\"mediaType\":\"" type "\",\"digest\":" D ",\"size\":2}"
#define OCI_IMAGE "{\"schemaVersion\":2," CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":[" LAYER(MEDIA_OCI_LAYER "+gzip") "]}"
#define INDEX "{\"schemaVersion\":2,\"manifests\":[" LAYER(MEDIA_OCI_MANIFEST) "]}"

static void all_kinds(void **state)
{
    (void)state;
    struct manifest m;
    expect_success(manifest_parse(OCI_IMAGE, strlen(OCI_IMAGE), NULL, &m));
    assert_int_equal(m.kind, MANIFEST_IMAGE);
    assert_false(m.is_docker);
    assert_string_equal(m.media_type, MEDIA_OCI_MANIFEST);
    assert_int_equal(m.count, 1);
    assert_int_equal(m.entries[0].size_bytes, 2);
    manifest_done(&m);
    static const char docker[] = "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_DOCKER_MANIFEST
                                 "\"," CONFIG(MEDIA_DOCKER_CONFIG) ",\"layers\":[]}";
    expect_success(manifest_parse(docker, strlen(docker), MEDIA_DOCKER_MANIFEST, &m));
    assert_true(m.is_docker);
    manifest_done(&m);
    expect_success(manifest_parse(INDEX, strlen(INDEX), MEDIA_OCI_INDEX, &m));
    assert_int_equal(m.kind, MANIFEST_INDEX);
    manifest_done(&m);
}

static void hostile_manifests_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *type;
        enum err_kind kind;
    } bad[] = {
        {"nothing", "", NULL, ERR_INVALID},
        {"a list", "[]", NULL, ERR_INVALID},
        {"schema 1", "{\"schemaVersion\":1,\"fsLayers\":[],\"history\":[]}", NULL, ERR_UNSUPPORTED},
        {"schema 1 in disguise", "{\"schemaVersion\":2,\"fsLayers\":[]," CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":[]}",
         NULL, ERR_UNSUPPORTED},
        {"no version", "{" CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":[]}", NULL, ERR_INVALID},
        {"version 3", "{\"schemaVersion\":3," CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":[]}", NULL, ERR_INVALID},
        {"image and index", "{\"schemaVersion\":2," CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":[],\"manifests\":[]}", NULL,
         ERR_INVALID},
        {"index with a config", "{\"schemaVersion\":2," CONFIG(MEDIA_OCI_CONFIG) ",\"manifests\":[]}", NULL,
         ERR_INVALID},
        {"neither", "{\"schemaVersion\":2}", NULL, ERR_INVALID},
        {"no config", "{\"schemaVersion\":2,\"layers\":[]}", NULL, ERR_INVALID},
        {"an image said to be an index", OCI_IMAGE, MEDIA_OCI_INDEX, ERR_INVALID},
        {"an index said to be an image", INDEX, MEDIA_OCI_MANIFEST, ERR_INVALID},
        {"types that disagree",
         "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\"," CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":[]}",
         MEDIA_DOCKER_MANIFEST, ERR_INVALID},
        {"an unknown type", OCI_IMAGE, "text/html", ERR_UNSUPPORTED},
        {"an unknown type inside",
         "{\"schemaVersion\":2,\"mediaType\":\"x/y\"," CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":[]}", NULL,
         ERR_UNSUPPORTED},
        {"an artifact", "{\"schemaVersion\":2," CONFIG("application/vnd.cncf.helm.config.v1+json") ",\"layers\":[]}",
         NULL, ERR_UNSUPPORTED},
        {"an encrypted layer",
         "{\"schemaVersion\":2," CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":[" LAYER(MEDIA_OCI_LAYER "+gzip+encrypted") "]}",
         NULL, ERR_UNSUPPORTED},
        {"an unknown layer",
         "{\"schemaVersion\":2," CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":[" LAYER("application/zip") "]}", NULL,
         ERR_UNSUPPORTED},
        {"a path as digest",
         "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG
         "\",\"digest\":\"sha256:../../../etc/passwd\",\"size\":1},\"layers\":[]}",
         NULL, ERR_INVALID},
        {"a negative size",
         "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG "\",\"digest\":" D
         ",\"size\":-1},\"layers\":[]}",
         NULL, ERR_INVALID},
        {"a huge size",
         "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG "\",\"digest\":" D
         ",\"size\":9223372036854775807},\"layers\":[]}",
         NULL, ERR_INVALID},
        {"layers that are no list", "{\"schemaVersion\":2," CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":{}}", NULL,
         ERR_INVALID},
        {"a layer that is no object", "{\"schemaVersion\":2," CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":[1]}", NULL,
         ERR_INVALID},
        {"keys twice", "{\"schemaVersion\":2,\"schemaVersion\":2," CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":[]}", NULL,
         ERR_INVALID},
        {"text behind", OCI_IMAGE "x", NULL, ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct manifest m;
        struct err *e = manifest_parse(bad[i].text, strlen(bad[i].text), bad[i].type, &m);
        if (!e)
            fail_msg("%s was accepted", bad[i].name);
        if (err_kind(e) != bad[i].kind)
            print_message("%s: %s\n", bad[i].name, err_text(e));
        expect_kind(e, bad[i].kind);
    }
}

static void too_much_is_refused(void **state)
{
    (void)state;
    struct strbuf sb = STRBUF_INIT;
    struct manifest m;
    expect_success(strbuf_puts(&sb, "{\"schemaVersion\":2," CONFIG(MEDIA_OCI_CONFIG) ",\"layers\":["));
    for (int i = 0; i <= MANIFEST_LAYERS_MAX; i++)
        expect_success(strbuf_puts(&sb, i ? "," LAYER(MEDIA_OCI_LAYER) : LAYER(MEDIA_OCI_LAYER)));
    expect_success(strbuf_puts(&sb, "]}"));
    expect_kind(manifest_parse(sb.data, sb.len, NULL, &m), ERR_INVALID);
    strbuf_done(&sb);
    expect_kind(manifest_parse("{}", MANIFEST_MAX_BYTES + 1, NULL, &m), ERR_INVALID);
}

#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[" D "]}"

static void configs(void **state)
{
    (void)state;
    struct manifest_config c;
    static const char good[] = "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\",\"created\":"
                               "\"2024-01-02T03:04:05.5Z\",\"config\":{\"Labels\":{\"a\":\"b\"}}," ROOTFS "}";
    expect_success(manifest_config_parse(good, strlen(good), &c));
    assert_string_equal(c.variant, "v7");
    assert_int_equal(c.diff_ids.count, 1);
    assert_true(c.created_nsec == 1704164645500000000);
    assert_string_equal(json_string_value(json_object_get(c.labels, "a")), "b");
    manifest_config_done(&c);
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"rootfs\":{}}",
        "{\"rootfs\":{\"type\":\"files\",\"diff_ids\":[]}}",
        "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"x\"]}}",
        "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[1]}}",
        "{\"created\":\"yesterday\"," ROOTFS "}",
        "{\"os\":1," ROOTFS "}",
        "{\"config\":[]," ROOTFS "}",
        "{\"config\":{\"Labels\":{\"a\":1}}," ROOTFS "}",
        "{\"config\":{\"Labels\":[\"a\"]}," ROOTFS "}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err *e = manifest_config_parse(bad[i], strlen(bad[i]), &c);
        if (!e)
            fail_msg("'%s' was accepted", bad[i]);
        expect_kind(e, ERR_INVALID);
    }
}

static void building_translates(void **state)
{
    (void)state;
    struct manifest m, again;
    char *text = NULL;
    expect_success(manifest_parse(OCI_IMAGE, strlen(OCI_IMAGE), NULL, &m));
    expect_success(manifest_build(true, &m.config, m.entries, m.count, NULL, &text));
    expect_success(manifest_parse(text, strlen(text), MEDIA_DOCKER_MANIFEST, &again));
    assert_string_equal(again.entries[0].media_type, MEDIA_DOCKER_LAYER ".gzip");
    assert_string_equal(again.config.media_type, MEDIA_DOCKER_CONFIG);
    manifest_done(&again);
    mem_freep(&text);
    const char *type;
    expect_kind(manifest_layer_type(true, PACKING_ZSTD, &type), ERR_UNSUPPORTED);
    manifest_done(&m);
}

static void foreign_layers_have_urls(void **state)
{
    (void)state;
    struct manifest m;
    static const char text[] =
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MEDIA_DOCKER_CONFIG "\",\"digest\":\"sha256:"
        "0000000000000000000000000000000000000000000000000000000000000000\",\"size\":2},\"layers\":[{\"mediaType\":"
        "\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\",\"digest\":\"sha256:"
        "0000000000000000000000000000000000000000000000000000000000000001\",\"size\":2,"
        "\"urls\":[\"file:///etc/passwd\",\"https://a.test/b\"]}]}";
    expect_success(manifest_parse(text, strlen(text), NULL, &m));
    assert_true(manifest_is_foreign(&m.entries[0]));
    assert_int_equal(m.entries[0].urls.count, 1);
    assert_string_equal(m.entries[0].urls.items[0], "https://a.test/b");
    manifest_done(&m);
    expect_success(manifest_parse(OCI_IMAGE, strlen(OCI_IMAGE), NULL, &m));
    assert_false(manifest_is_foreign(&m.entries[0]));
    manifest_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds),           cmocka_unit_test(hostile_manifests_are_refused),
        cmocka_unit_test(too_much_is_refused), cmocka_unit_test(configs),
        cmocka_unit_test(building_translates), cmocka_unit_test(foreign_layers_have_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
