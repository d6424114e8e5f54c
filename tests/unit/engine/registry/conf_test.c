#include "engine/registry/conf.h"

#include "tests/unit/engine/registry/fixture.h"

static struct registry_conf *conf_of(const char *text)
{
    struct registry_conf *c = NULL;
    expect_success(registry_conf_add(&c, text, strlen(text), "main.conf"));
    return c;
}

/* "host/repository" and "!" for insecure, of each source in turn. */
static void expect_sources(const struct registry_conf *c, const char *domain, const char *path, bool by_digest,
                           bool push, const char *expected)
{
    AUTO_SOURCES struct registry_sources s = {0};
    char all[512] = "";
    size_t len = 0;
    const struct registry_opts opts = {.push = push, .creds = "u:p", .cert_dir = "/nonexistent"};
    expect_success(registry_find_sources(c, domain, path, &opts, by_digest, &s));
    for (size_t i = 0; i < s.count; i++)
        len += (size_t)snprintf(all + len, sizeof all - len, "%s%s/%s%s", i ? " " : "", s.items[i].host,
                                s.items[i].repository, s.items[i].insecure ? "!" : "");
    assert_string_equal(all, expected);
}

static void places_of_repositories(void **state)
{
    (void)state;
    AUTO_REGISTRY_CONF struct registry_conf *c =
        conf_of("[[registry]]\nprefix='a.test/x'\nlocation='b.test/y'\n"
                "[[registry.mirror]]\nlocation='m1.test'\ninsecure=true\n"
                "[[registry.mirror]]\nlocation='m2.test/z'\npull-from-mirror='digest-only'\n"
                "[[registry]]\nlocation='a.test'\ninsecure=true\n"
                "[[registry]]\nprefix='*.wild.test'\nlocation='w.test'\n"
                "[[registry]]\nlocation='bad.test'\nblocked=true\n");
    expect_sources(c, "a.test", "x/img", false, false, "m1.test/img! b.test/y/img");
    expect_sources(c, "a.test", "x/img", true, false, "m1.test/img! m2.test/z/img b.test/y/img");
    expect_sources(c, "a.test", "x/img", false, true, "b.test/y/img");
    expect_sources(c, "a.test", "xy", false, false, "a.test/xy!");
    expect_sources(c, "s.wild.test", "i", false, false, "w.test/i");
    expect_sources(c, "wild.test", "i", false, false, "wild.test/i");
    expect_sources(c, "docker.io", "library/i", false, false, "registry-1.docker.io/library/i");
    struct registry_sources s = {0};
    const struct registry_opts opts = {.creds = "u:p"};
    expect_error(registry_find_sources(c, "bad.test", "i", &opts, false, &s), ERR_DENIED, "blocked");
}

static void short_names(void **state)
{
    (void)state;
    AUTO_REGISTRY_CONF struct registry_conf *c =
        conf_of("unqualified-search-registries=['a.test','docker.io']\n[aliases]\nmine='q.test/m'\n");
    AUTO_STRV struct strv names = STRV_INIT;
    expect_success(registry_conf_short_name(c, "mine", false, &names));
    assert_string_equal(names.items[0], "q.test/m");
    strv_clear(&names);
    expect_error(registry_conf_short_name(c, "img", false, &names), ERR_INVALID, "a.test/img, docker.io/library/img");
    const char *drop_in = "short-name-mode='permissive'\n[aliases]\nmine='r.test/m'";
    expect_success(registry_conf_add(&c, drop_in, strlen(drop_in), "10.conf"));
    expect_success(registry_conf_short_name(c, "img", false, &names));
    assert_int_equal(names.count, 2);
    strv_clear(&names);
    expect_success(registry_conf_short_name(c, "mine", false, &names));
    assert_string_equal(names.items[0], "r.test/m");
    AUTO_REGISTRY_CONF struct registry_conf *none = conf_of("");
    expect_error(registry_conf_short_name(none, "img", false, &names), ERR_NOT_FOUND, "did not resolve");
}

static void wrong_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
        enum err_kind kind;
    } bad[] = {{"[[registry]]\ninsecure=true", "main.conf: a registry needs a location", ERR_INVALID},
               {"[[registry]]\nlocation=1", "main.conf: location has the wrong type", ERR_INVALID},
               {"[[registry]]\nlocation='a'\nblocked='yes'", "main.conf: blocked", ERR_INVALID},
               {"short-name-mode='maybe'", "main.conf: short-name-mode", ERR_INVALID},
               {"[registries.search]\nregistries=['a']", "version 1", ERR_UNSUPPORTED},
               {"registry=1", "main.conf", ERR_INVALID},
               {"[aliases]\na=1", "main.conf: a has the wrong type", ERR_INVALID}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_REGISTRY_CONF struct registry_conf *c = NULL;
        expect_error(registry_conf_add(&c, bad[i].text, strlen(bad[i].text), "main.conf"), bad[i].kind, bad[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_of_repositories),
        cmocka_unit_test(short_names),
        cmocka_unit_test(wrong_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
