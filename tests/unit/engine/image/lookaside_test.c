#include "engine/image/lookaside.h"

#include "engine/image/scope.h"
#include "tests/unit/engine/image/fixture.h"

FAKE_ENGINE

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void the_most_specific_section_that_says_something(void **state)
{
    (void)state;
    static const char text[] =
        "{\"default-docker\":{\"lookaside\":\"file:///d\",\"lookaside-staging\":\"file:///ds\"},"
        "\"docker\":{\"h.test\":{\"sigstore\":\"http://old/\",\"use-sigstore-attachments\":true},"
        "\"h.test/ns\":{\"use-sigstore-attachments\":false},\"h.test/ns/repo:tag\":{\"lookaside\":\"http://tag\"}}}";
    static const struct {
        const char *name;
        bool writing;
        const char *url;
        bool attachments;
    } cases[] = {
        {"h.test/a:1", false, "http://old/a", true},
        {"h.test/a:1", true, "http://old/a", true},
        {"h.test/ns/repo:1", false, "http://old/ns/repo", false},
        {"h.test/ns/repo:tag", false, "http://tag/ns/repo", false},
        {"other.test/x/y:1", false, "file:///d/x/y", false},
        {"other.test/x/y:1", true, "file:///ds/x/y", false},
    };
    AUTO_JSON json_t *conf = NULL;
    expect_success(json_parse(text, strlen(text), "conf", &conf));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_STRV struct strv scopes = STRV_INIT;
        AUTO_FREE char *url = NULL;
        expect_success(lookaside_base(conf, cases[i].name, cases[i].writing, 1000, &url));
        assert_string_equal(url, cases[i].url);
        expect_success(scope_list_docker(cases[i].name, &scopes));
        assert_int_equal(lookaside_attachments(conf, &scopes), cases[i].attachments);
    }
}

static void without_configuration_there_are_default_directories(void **state)
{
    (void)state;
    AUTO_JSON json_t *conf = json_object();
    AUTO_FREE char *root = NULL, *user = NULL, *dir = NULL;
    setenv("HOME", "/home/x", 1);
    expect_success(lookaside_base(conf, "h.test/a:1", false, 0, &root));
    assert_string_equal(root, "file:///var/lib/containers/sigstore/a");
    expect_success(lookaside_base(conf, "h.test/a:1", false, 1000, &user));
    assert_string_equal(user, "file:///home/x/.local/share/containers/sigstore/a");
    expect_success(lookaside_directory("file:///a%20b/%zz", &dir));
    assert_string_equal(dir, "/a b/%zz");
    expect_kind(lookaside_directory("https://h/x", &dir), ERR_UNSUPPORTED);
    expect_kind(lookaside_directory("file://host/x", &dir), ERR_UNSUPPORTED);
}

static void what_is_written_is_read(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FREE char *dir = NULL, *base = NULL;
    AUTO_SIGNATURES struct signatures found = {0}, again = {0}, none = {0};
    expect_success(mem_asprintf(&dir, "%s/sigs/ns/repo", t->path));
    expect_success(mem_asprintf(&base, "file://%s", dir));
    expect_success(lookaside_read(base, "sha256:" HEX, NULL, &none));
    assert_int_equal(none.count, 0);
    expect_success(lookaside_write(dir, "sha256:" HEX, "one\0two", 7, false));
    expect_success(lookaside_write(dir, "sha256:" HEX, "second", 6, false));
    expect_success(lookaside_read(base, "sha256:" HEX, NULL, &found));
    assert_int_equal(found.count, 2);
    assert_int_equal(found.items[0].len, 7);
    assert_memory_equal(found.items[0].data, "one\0two", 7);
    expect_success(lookaside_write(dir, "sha256:" HEX, "third", 5, true));
    expect_success(lookaside_read(base, "sha256:" HEX, NULL, &again));
    assert_int_equal(again.count, 1);
    assert_string_equal(again.items[0].data, "third");
    expect_kind(lookaside_read("ftp://x/y", "sha256:" HEX, NULL, &none), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_specific_section_that_says_something),
        cmocka_unit_test(without_configuration_there_are_default_directories),
        cmocka_unit_test_setup_teardown(what_is_written_is_read, tempdir_setup, tempdir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
