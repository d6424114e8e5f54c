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

static void expect_short(const struct registry_conf *c, const char *name, bool can_ask, const char *expected,
                         bool ambiguous)
{
    AUTO_SHORT_NAME struct short_name s = {0};
    AUTO_FREE char *all = NULL;
    expect_success(registry_conf_short_name(c, name, can_ask, &s));
    expect_success(strv_join(&s.names, " ", &all));
    assert_string_equal(all, expected);
    assert_int_equal(s.ambiguous, ambiguous);
}

static void short_names(void **state)
{
    (void)state;
    AUTO_REGISTRY_CONF struct registry_conf *c =
        conf_of("unqualified-search-registries=['a.test','docker.io']\n[aliases]\nmine='q.test/m'\n");
    expect_short(c, "mine", false, "q.test/m", false);
    struct short_name none = {0};
    expect_error(registry_conf_short_name(c, "img", false, &none), ERR_INVALID, "a.test/img, docker.io/library/img");
    expect_short(c, "img", true, "a.test/img docker.io/library/img", true);
    const char *drop_in = "short-name-mode='permissive'\n[aliases]\nmine='r.test/m'";
    expect_success(registry_conf_add(&c, drop_in, strlen(drop_in), "10.conf"));
    expect_short(c, "img", false, "a.test/img docker.io/library/img", false);
    expect_short(c, "img", true, "a.test/img docker.io/library/img", true);
    expect_short(c, "mine", false, "r.test/m", false);
    const char *disabled = "short-name-mode='disabled'";
    expect_success(registry_conf_add(&c, disabled, strlen(disabled), "20.conf"));
    expect_short(c, "img", true, "a.test/img docker.io/library/img", false);
    expect_short(c, "team/img", true, "a.test/team/img docker.io/team/img", false);
    expect_short(c, "mine", true, "r.test/m", false); /* aliases count in every mode */
    AUTO_STRV struct strv all = STRV_INIT;
    expect_success(registry_conf_candidates(c, "mine", &all));
    assert_int_equal(all.count, 3);
    AUTO_REGISTRY_CONF struct registry_conf *empty = conf_of("");
    expect_error(registry_conf_short_name(empty, "img", false, &none), ERR_NOT_FOUND, "did not resolve");
}

/* What one records, the next one finds; what stood there stays. */
static void recorded_aliases(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FREE char *path = NULL;
    assert_int_equal(setenv("XDG_CACHE_HOME", t->path, 1), 0);
    assert_int_equal(setenv("CONTAINERS_REGISTRIES_CONF", "/nonexistent", 1), 0);
    if (geteuid() == 0) /* whose file is in /var/cache */
        return;
    expect_success(registry_conf_record_alias("a", "x.test/a"));
    expect_success(registry_conf_record_alias("b/c", "x.test/b/c"));
    expect_success(registry_conf_record_alias("a", "y.test/a"));
    expect_error(registry_conf_record_alias("a\"", "y.test/a"), ERR_INVALID, "characters");
    AUTO_REGISTRY_CONF struct registry_conf *c = NULL;
    expect_success(registry_conf_load(&c));
    expect_short(c, "a", false, "y.test/a", false);
    expect_short(c, "b/c", false, "x.test/b/c", false);
    expect_short(c, "d", false, "docker.io/library/d", false); /* no configuration at all */
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
        TEMPDIR_TEST(recorded_aliases),
        cmocka_unit_test(wrong_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
