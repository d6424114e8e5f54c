#include "engine/image/packdoc.h"

#include "engine/image/outside.h"
#include "tests/unit/engine/image/fixture.h"

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX2 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void tail(char ret[PACKDOC_TAIL_LEN], const char *text)
{
    memset(ret, ' ', PACKDOC_TAIL_LEN);
    memcpy(ret, text, strlen(text));
    ret[PACKDOC_TAIL_LEN - 1] = '\n';
}

static void a_tail_says_where_the_document_is(void **state)
{
    (void)state;
    char text[PACKDOC_TAIL_LEN];
    struct packdoc_tail t = {.offset = 8192, .len = 100, .digest = {.s = "sha256:" HEX}}, got;
    expect_success(packdoc_tail_text(&t, text));
    assert_int_equal(text[PACKDOC_TAIL_LEN - 1], '\n');
    expect_success(packdoc_tail_parse(text, 8192 + 100 + PACKDOC_TAIL_LEN, &got));
    assert_int_equal(got.offset, 8192);
    assert_int_equal(got.len, 100);
    assert_string_equal(got.digest.s, "sha256:" HEX);
}

static void expect_refused(const char *text, uint64_t file_bytes, enum err_kind kind)
{
    char raw[PACKDOC_TAIL_LEN];
    struct packdoc_tail t;
    tail(raw, text);
    expect_kind(packdoc_tail_parse(raw, file_bytes, &t), kind);
}

static void tails_that_lie_are_refused(void **state)
{
    (void)state;
    char zero[PACKDOC_TAIL_LEN] = {0};
    struct packdoc_tail t;
    expect_kind(packdoc_tail_parse(zero, 100000, &t), ERR_INVALID);
    expect_refused("coracle-packed-1 4096 100 " HEX, 4096 + 100 + PACKDOC_TAIL_LEN + 1, ERR_CORRUPT);
    expect_refused("coracle-packed-1 4096 100 " HEX, 4096 + 100 + PACKDOC_TAIL_LEN - 1, ERR_CORRUPT);
    expect_refused("coracle-packed-1 9999999 100 " HEX, 8192, ERR_INVALID);
    expect_refused("coracle-packed-1 18446744073709551615 100 " HEX, 8192, ERR_INVALID);
    expect_refused("coracle-packed-1 0 99999999999 " HEX, 99999999999 + PACKDOC_TAIL_LEN, ERR_INVALID);
    expect_refused("coracle-packed-1 -1 100 " HEX, 8192, ERR_INVALID);
    expect_refused("coracle-packed-1 0 100 " HEX " more", 100 + PACKDOC_TAIL_LEN, ERR_INVALID);
    expect_refused("coracle-packed-1 0 100 zz", 100 + PACKDOC_TAIL_LEN, ERR_INVALID);
    expect_refused("coracle-packed-2 0 100 " HEX, 100 + PACKDOC_TAIL_LEN, ERR_INVALID);
}

static void a_document_keeps_every_byte(void **state)
{
    (void)state;
    char *text = NULL;
    struct packdoc got = {0};
    char manifest[] = "{\n \"schemaVersion\": 2}\t", config[] = "{\"os\":\"linux\",\"x\":\"\\u00fc/\"}";
    char type[] = "application/x", digest[] = "sha256:" HEX;
    struct packdoc d = {.manifest = manifest, .config = config, .media_type = type, .digest = digest, .size_bytes = 7};
    expect_success(packdoc_text(&d, &text));
    expect_success(packdoc_parse(text, strlen(text), &got));
    assert_string_equal(got.manifest, manifest);
    assert_string_equal(got.config, config);
    assert_string_equal(got.digest, digest);
    assert_int_equal(got.size_bytes, 7);
    packdoc_done(&got);
    free(text);
}

static void documents_that_lack_something_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[]",
        "{}",
        "{\"manifest\":\"{}\",\"config\":\"{}\",\"mediaType\":\"x\"}",
        "{\"manifest\":\"{}\",\"config\":\"{}\",\"mediaType\":\"x\",\"digest\":\"sha256:1\"}",
        "{\"manifest\":{},\"config\":\"{}\",\"mediaType\":\"x\",\"digest\":\"sha256:" HEX "\"}",
        "{\"manifest\":\"{}\",\"config\":\"{}\",\"mediaType\":\"x\",\"digest\":\"sha256:" HEX "\",\"names\":\"x\"}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct packdoc d = {0};
        struct err *e = packdoc_parse(texts[i], strlen(texts[i]), &d);
        assert_non_null(e);
        err_free(e);
    }
}

static void expect_index(const char *text, enum err_kind kind)
{
    struct outside_index x = {0};
    expect_kind(outside_index_parse(text, strlen(text), &x), kind);
}

static void an_index_never_leads_out_of_its_store(void **state)
{
    (void)state;
    expect_index("{\"images\":[]}", ERR_NOT_FOUND);
    expect_index("{\"coracle-image-store\":2}", ERR_UNSUPPORTED);
#define ENTRY(id, path) "{\"coracle-image-store\":1,\"images\":[{\"id\":\"" id "\",\"path\":\"" path "\"}]}"
    expect_index(ENTRY(HEX, "/etc/passwd"), ERR_CORRUPT);
    expect_index(ENTRY(HEX, "../x"), ERR_CORRUPT);
    expect_index(ENTRY(HEX, "images/../../x"), ERR_CORRUPT);
    expect_index(ENTRY(HEX, ""), ERR_CORRUPT);
    expect_index(ENTRY("abc", "images/x"), ERR_CORRUPT);
    struct outside_index x = {0};
    expect_success(outside_index_parse(ENTRY(HEX, "images/x"), strlen(ENTRY(HEX, "images/x")), &x));
    assert_int_equal(x.count, 1);
    outside_index_done(&x);
}

static void a_name_belongs_to_the_last_image_that_got_it(void **state)
{
    (void)state;
    struct outside_index x = {0};
    struct strv names = {0};
    expect_success(strv_add(&names, "localhost/a:1"));
    expect_success(outside_index_put(&x, HEX, "images/a", &names));
    expect_success(outside_index_put(&x, HEX2, "images/b", &names));
    expect_success(outside_index_put(&x, HEX2, "images/c", &names));
    assert_int_equal(x.count, 2);
    assert_int_equal(x.entries[0].names.count, 0);
    assert_int_equal(x.entries[1].names.count, 1);
    assert_string_equal(x.entries[1].path, "images/c");
    strv_done(&names);
    outside_index_done(&x);
}

static void what_several_images_begin_with_is_none_of_them(void **state)
{
    (void)state;
    struct outside_index x = {0};
    struct strv names = {0}, wanted = {0};
    expect_success(strv_add(&names, "localhost/a:1"));
    expect_success(strv_add(&wanted, "docker.io/library/a:1"));
    expect_success(strv_add(&wanted, "localhost/a:1"));
    expect_success(
        outside_index_put(&x, "aaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "images/a", &names));
    expect_success(outside_index_put(&x, HEX, "images/b", &(struct strv){0}));
    assert_null(outside_index_by_id(&x, "aaaa"));
    assert_null(outside_index_by_id(&x, "bbbb"));
    assert_ptr_equal(outside_index_by_id(&x, "aaaaa"), &x.entries[1]);
    assert_ptr_equal(outside_index_by_id(&x, HEX), &x.entries[1]);
    assert_ptr_equal(outside_index_by_name(&x, &wanted), &x.entries[0]);
    strv_done(&names);
    strv_done(&wanted);
    outside_index_done(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tail_says_where_the_document_is),
        cmocka_unit_test(tails_that_lie_are_refused),
        cmocka_unit_test(a_document_keeps_every_byte),
        cmocka_unit_test(documents_that_lack_something_are_refused),
        cmocka_unit_test(an_index_never_leads_out_of_its_store),
        cmocka_unit_test(a_name_belongs_to_the_last_image_that_got_it),
        cmocka_unit_test(what_several_images_begin_with_is_none_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
