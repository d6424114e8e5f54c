#include "engine/registry/search.h"

#include "tests/unit/engine/registry/fixture.h"

#define ANSWER                                                                                              \
    "{\"results\":[{\"name\":\"debian\",\"description\":\"Debian\\nis \\u001b[31mred\",\"star_count\":100," \
    "\"is_official\":true,\"is_automated\":false},{\"name\":\"me/x\",\"description\":"                      \
    "\"0123456789012345678901234567890123456789012\\u00e4tail\",\"star_count\":3,\"is_official\":false,"    \
    "\"is_automated\":true},{\"name\":\"\"},{\"name\":\"you/y\"}]}"

static size_t count(const struct search_opts *o, const char *registry, struct search_results *r)
{
    expect_success(search_parse(ANSWER, strlen(ANSWER), registry, o, r));
    return r->count;
}

static void results(void **state)
{
    (void)state;
    AUTO_SEARCH_RESULTS struct search_results r = {0};
    const struct search_opts o = {.official = -1, .automated = -1};
    assert_int_equal(count(&o, "docker.io", &r), 3);
    assert_string_equal(r.items[0].name, "docker.io/library/debian");
    assert_string_equal(r.items[0].index, "docker.io");
    assert_string_equal(r.items[0].description, "Debian is  [31mred");
    assert_int_equal(r.items[0].stars, 100);
    assert_string_equal(r.items[1].name, "docker.io/me/x");
    /* Cut at 44 bytes, or before the character that is there. */
    assert_string_equal(r.items[1].description, "0123456789012345678901234567890123456789012...");
    assert_string_equal(r.items[2].description, "");
}

static void filters(void **state)
{
    (void)state;
    static const struct {
        struct search_opts o;
        size_t count;
    } cases[] = {{{.official = 1, .automated = -1}, 1},
                 {{.official = 0, .automated = -1}, 2},
                 {{.official = -1, .automated = 1}, 1},
                 {{.official = -1, .automated = -1, .stars = 3}, 2},
                 {{.official = -1, .automated = -1, .stars = 101}, 0},
                 {{.official = -1, .automated = -1, .limit = 1}, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_SEARCH_RESULTS struct search_results r = {0};
        assert_int_equal(count(&cases[i].o, "a.test", &r), cases[i].count);
    }
    AUTO_SEARCH_RESULTS struct search_results r = {0};
    const struct search_opts o = {.official = -1, .automated = -1, .no_trunc = true};
    assert_int_equal(count(&o, "a.test", &r), 3);
    assert_string_equal(r.items[0].name, "a.test/debian");
    assert_non_null(strstr(r.items[1].description, "tail"));
}

static void wrong_answers(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "[",
                                      "{\"results\":{}}",
                                      "{\"results\":[1]}",
                                      "{\"results\":[{\"name\":1}]}",
                                      "{\"results\":[{\"name\":\"a\",\"star_count\":\"1\"}]}"};
    const struct search_opts o = {.official = -1, .automated = -1};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_SEARCH_RESULTS struct search_results r = {0};
        struct err *e = search_parse(bad[i], strlen(bad[i]), "a.test", &o, &r);
        if (!e)
            fail_msg("\"%s\" was taken", bad[i]);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results),
        cmocka_unit_test(filters),
        cmocka_unit_test(wrong_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
