#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"

static json_t *parsed(const char *text)
{
    json_t *j = NULL;
    assert_null(json_parse(text, strlen(text), "test", &j));
    return j;
}

static void expect_invalid(struct err *take_e, const char *words)
{
    assert_non_null(take_e);
    assert_int_equal(err_kind(take_e), ERR_INVALID);
    if (!strstr(err_text(take_e), words))
        fail_msg("\"%s\" does not mention \"%s\"", err_text(take_e), words);
    err_free(take_e);
}

static void expect_text(const json_t *j, const char *expected)
{
    AUTO_FREE char *text = NULL;
    assert_null(json_text(j, &text));
    assert_string_equal(text, expected);
}

static void text_keeps_order_and_slashes(void **state)
{
    (void)state;
    AUTO_JSON json_t *j = parsed(" { \"z\" : 1 , \"a\" : [ \"x/y\", true, null ], \"e\": {} }\n");
    expect_text(j, "{\"z\":1,\"a\":[\"x/y\",true,null],\"e\":{}}");
}

static void indented_text_as_podman_prints_it(void **state)
{
    (void)state;
    AUTO_JSON json_t *j = parsed("[{\"a\":[1],\"b\":{},\"c\":[]}]");
    AUTO_FREE char *text = NULL;
    assert_null(json_text_indented(j, 5, &text));
    assert_string_equal(text, "[\n"
                              "     {\n"
                              "          \"a\": [\n"
                              "               1\n"
                              "          ],\n"
                              "          \"b\": {},\n"
                              "          \"c\": []\n"
                              "     }\n"
                              "]");
}

static void parse_refuses_bad_documents(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words;
    } bad[] = {
        {"", "manifest"},
        {"{", "line 1"},
        {"{\"a\":1,\"a\":2}", "duplicate"},
        {"{\"a\":{\"b\":1,\"b\":2}}", "duplicate"},
        {"{} x", "end of file"},
        {"{}{}", "end of file"},
        {"[\"\\u0000\"]", "NUL"},
        {"[\"\xff\"]", "unable to decode"},
        {"[\"\xed\xa0\x80\"]", "unable to decode"},
        {"{'a':1}", "line 1"},
        {"[1,]", "line 1"},
        {"\n\n[nul]", "line 3"},
        {"\"scalar\"", "'[' or '{'"},
        {"[1e999]", "real number overflow"},
        {"[9223372036854775808]", "integer"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        json_t *j = NULL;
        expect_invalid(json_parse(bad[i].text, strlen(bad[i].text), "manifest", &j), bad[i].words);
        assert_null(j);
    }
    json_t *j = NULL;
    expect_invalid(json_parse("[]\0", 3, "manifest", &j), "manifest"); /* a NUL byte is a trailing byte */
}

static struct err *parse_nested(size_t depth, json_t **ret)
{
    char *text = calloc(1, 2 * depth + 1);
    assert_non_null(text);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    struct err *e = json_parse(text, 2 * depth, "deep", ret);
    free(text);
    return e;
}

static void parse_limits_depth(void **state)
{
    (void)state;
    AUTO_JSON json_t *j = NULL;
    assert_null(parse_nested(JSON_MAX_DEPTH, &j));
    AUTO_JSON json_t *deeper = NULL;
    expect_invalid(parse_nested(JSON_MAX_DEPTH + 1, &deeper), "nested deeper");
    expect_invalid(parse_nested(1000000, &deeper), "nested deeper");
}

static void brackets_in_strings_are_no_depth(void **state)
{
    (void)state;
    char text[2 * JSON_MAX_DEPTH + 16] = "[\"\\\"";
    memset(text + 4, '{', 2 * JSON_MAX_DEPTH);
    memcpy(text + 4 + 2 * JSON_MAX_DEPTH, "\"]", 3);
    AUTO_JSON json_t *j = parsed(text);
    assert_int_equal(strlen(json_string_value(json_array_get(j, 0))), 2 * JSON_MAX_DEPTH + 1);
}

static void parse_limits_size(void **state)
{
    (void)state;
    char *text = malloc(JSON_MAX_BYTES + 1);
    assert_non_null(text);
    memset(text, ' ', JSON_MAX_BYTES + 1);
    memcpy(text, "[]", 2);
    json_t *j = NULL;
    expect_invalid(json_parse(text, JSON_MAX_BYTES + 1, "big", &j), "too large");
    assert_null(json_parse(text, JSON_MAX_BYTES, "big", &j));
    json_decref(j);
    free(text);
}

static void read_names_the_file(void **state)
{
    (void)state;
    char dir[] = "/tmp/json_test.XXXXXX";
    assert_non_null(mkdtemp(dir));
    AUTO_FD int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_FD int fd = openat(dirfd, "config.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "{\"a\":1}", 7), 7);

    AUTO_JSON json_t *j = NULL;
    assert_null(json_read(dirfd, "config.json", "config", &j));
    expect_text(j, "{\"a\":1}");

    assert_int_equal(write(fd, "}", 1), 1);
    json_t *none = NULL;
    expect_invalid(json_read(dirfd, "config.json", "config", &none), "config.json: config: invalid JSON");
    AUTO_ERR struct err *e = json_read(dirfd, "absent", "config", &none);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_NOT_FOUND);

    assert_int_equal(unlinkat(dirfd, "config.json", 0), 0);
    assert_int_equal(rmdir(dir), 0);
}

#define DOCUMENT                                                                                                     \
    "{\"s\":\"text\",\"i\":-5,\"t\":true,\"f\":false,\"n\":null,\"v\":[\"a\",\"\"],\"m\":[\"a\",1],\"o\":{\"x\":1}," \
    "\"r\":1.0}"

static void getters_find_members(void **state)
{
    (void)state;
    AUTO_JSON json_t *j = parsed(DOCUMENT);
    const char *s = NULL;
    int64_t i = 0;
    bool t = false, f = true;
    assert_null(json_get_str(j, "s", "test", &s));
    assert_string_equal(s, "text");
    assert_null(json_get_int(j, "i", "test", &i));
    assert_int_equal(i, -5);
    assert_null(json_get_bool(j, "t", "test", &t));
    assert_true(t);
    assert_null(json_get_bool(j, "f", "test", &f));
    assert_false(f);
    json_t *o = NULL, *v = NULL;
    assert_null(json_get_obj(j, "o", "test", &o));
    assert_int_equal(json_object_size(o), 1);
    assert_null(json_get_arr(j, "v", "test", &v));
    assert_int_equal(json_array_size(v), 2);
    AUTO_STRV struct strv list = STRV_INIT;
    assert_null(strv_add(&list, "old"));
    assert_null(json_get_strv(j, "v", "test", &list));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0], "a");
    assert_string_equal(list.items[1], "");
}

static void absent_and_null_keep_the_default(void **state)
{
    (void)state;
    AUTO_JSON json_t *j = parsed(DOCUMENT);
    static const char *const keys[] = {"n", "absent"};
    for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
        const char *s = "default";
        int64_t i = 7;
        bool b = true;
        json_t *o = j, *a = j;
        AUTO_STRV struct strv v = STRV_INIT;
        assert_null(strv_add(&v, "default"));
        assert_null(json_get_str(j, keys[k], "test", &s));
        assert_null(json_get_int(j, keys[k], "test", &i));
        assert_null(json_get_bool(j, keys[k], "test", &b));
        assert_null(json_get_strv(j, keys[k], "test", &v));
        assert_null(json_get_obj(j, keys[k], "test", &o));
        assert_null(json_get_arr(j, keys[k], "test", &a));
        assert_string_equal(s, "default");
        assert_int_equal(i, 7);
        assert_true(b);
        assert_int_equal(v.count, 1);
        assert_null(o);
        assert_null(a);
    }
}

static void wrong_types_name_document_and_key(void **state)
{
    (void)state;
    AUTO_JSON json_t *j = parsed(DOCUMENT);
    const char *s = NULL;
    int64_t i = 7;
    bool b = true;
    json_t *o = NULL;
    AUTO_STRV struct strv v = STRV_INIT;
    expect_invalid(json_get_str(j, "i", "manifest", &s), "manifest: \"i\" is an integer, not a string");
    expect_invalid(json_get_int(j, "s", "manifest", &i), "\"s\" is a string, not an integer");
    expect_invalid(json_get_int(j, "r", "manifest", &i), "\"r\" is a fractional number");
    expect_invalid(json_get_bool(j, "o", "manifest", &b), "\"o\" is an object, not a boolean");
    expect_invalid(json_get_strv(j, "m", "manifest", &v), "\"m\"[1] is an integer");
    expect_invalid(json_get_strv(j, "s", "manifest", &v), "not an array");
    expect_invalid(json_get_obj(j, "v", "manifest", &o), "not an object");
    expect_invalid(json_get_arr(j, "o", "manifest", &o), "not an array");
    expect_invalid(json_get_str(json_object_get(j, "v"), "k", "manifest", &s), "an array where an object");
    expect_invalid(json_get_str(NULL, "k", "manifest", &s), "nothing where an object");
    assert_int_equal(i, 7);
    assert_int_equal(v.count, 0);
}

static struct err *build(json_t **ret)
{
    AUTO_JSON json_t *j = json_object();
    AUTO_STRV struct strv v = STRV_INIT;
    json_t *o, *a, *item;
    TRY(strv_add(&v, "x"));
    TRY(strv_add(&v, "y"));
    TRY(json_put_str(j, "s", "a/b\n"));
    TRY(json_put_str(j, "none", NULL));
    TRY(json_put_int(j, "i", INT64_MIN));
    TRY(json_put_bool(j, "b", true));
    TRY(json_put_strv(j, "v", &v));
    TRY(json_put_obj(j, "o", &o));
    TRY(json_put_int(o, "n", 1));
    TRY(json_put_arr(j, "a", &a));
    TRY(json_push_obj(a, &item));
    TRY(json_put_bool(item, "f", false));
    TRY(json_push_str(a, "last"));
    TRY(json_push(a, json_null()));
    *ret = TAKE_PTR(j);
    return NULL;
}

static void builders_make_documents(void **state)
{
    (void)state;
    AUTO_JSON json_t *j = NULL;
    assert_null(build(&j));
    expect_text(j, "{\"s\":\"a/b\\n\",\"none\":\"\",\"i\":-9223372036854775808,\"b\":true,\"v\":[\"x\",\"y\"],"
                   "\"o\":{\"n\":1},\"a\":[{\"f\":false},\"last\",null]}");
}

static void building_leaks_nothing_when_memory_runs_out(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth < 100; nth++) {
        AUTO_JSON json_t *j = NULL;
        fault_arm(FAULT_MEM, nth);
        struct err *e = build(&j);
        fault_arm(FAULT_MEM, 0);
        if (!e)
            return;
        assert_int_equal(err_kind(e), ERR_NO_MEMORY);
        err_free(e);
    }
    fail();
}

static void values_that_are_not_utf8_are_repaired(void **state)
{
    (void)state;
    AUTO_JSON json_t *arr = json_array();
    static const char *const values[] = {"a\377b",   "\xc0\xaf",         "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                         "\xe2\x82", "\xf0\x9f\x98\x80", "\xe2\x82\xac"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        assert_null(json_push_str(arr, values[i]));
#define R "\ufffd"
    expect_text(arr, "[\"a" R "b\",\"" R R "\",\"" R R R "\",\"" R R R R "\",\"" R R "\",\"\U0001f600\",\"\u20ac\"]");
#undef R
}

static void bad_places_are_errors_and_consume(void **state)
{
    (void)state;
    AUTO_JSON json_t *arr = json_array(), *obj = json_object();
    struct err *e = json_put(arr, "k", json_string("lost"));
    assert_int_equal(err_kind(e), ERR_INTERNAL);
    err_free(e);
    e = json_push(obj, json_string("lost"));
    assert_int_equal(err_kind(e), ERR_INTERNAL);
    err_free(e);
    e = json_put(obj, "k", NULL);
    assert_int_equal(err_kind(e), ERR_NO_MEMORY);
    err_free(e);
    expect_invalid(json_put_str(obj, "\xff", "lost"), "UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_keeps_order_and_slashes),
        cmocka_unit_test(indented_text_as_podman_prints_it),
        cmocka_unit_test(parse_refuses_bad_documents),
        cmocka_unit_test(parse_limits_depth),
        cmocka_unit_test(brackets_in_strings_are_no_depth),
        cmocka_unit_test(parse_limits_size),
        cmocka_unit_test(read_names_the_file),
        cmocka_unit_test(getters_find_members),
        cmocka_unit_test(absent_and_null_keep_the_default),
        cmocka_unit_test(wrong_types_name_document_and_key),
        cmocka_unit_test(builders_make_documents),
        cmocka_unit_test(building_leaks_nothing_when_memory_runs_out),
        cmocka_unit_test(values_that_are_not_utf8_are_repaired),
        cmocka_unit_test(bad_places_are_errors_and_consume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
