#include "engine/registry/auth.h"

#include <fcntl.h>

#include "base/file.h"

#include "tests/unit/engine/registry/fixture.h"

#define FILE_TEXT                                                                                 \
    "{\"auths\":{\"a.test\":{\"auth\":\"dTE6cDE=\"},\"a.test/team\":{\"auth\":\"dTI6cDI6eA==\"}," \
    "\"https://index.docker.io/v1/"                                                               \
    "\":{\"auth\":\"dTM6cDM=\"},\"t.test\":{\"identitytoken\":\"tok\",\"auth\":\"dTM6cDM=\"},"    \
    "\"bad.test\":{\"auth\":\"!\"}}}"

static void expect_user(const char *name, const char *user, const char *password)
{
    AUTO_AUTH struct auth a = {0};
    expect_success(auth_find_in(FILE_TEXT, strlen(FILE_TEXT), "f", name, &a));
    if (!user) {
        assert_null(a.user);
        return;
    }
    assert_string_equal(a.user, user);
    assert_string_equal(a.password, password);
}

static void the_most_specific_entry(void **state)
{
    (void)state;
    expect_user("a.test/x", "u1", "p1");
    expect_user("a.test/team/x", "u2", "p2:x");
    expect_user("a.test/teams", "u1", "p1");
    expect_user("docker.io/library/x", "u3", "p3");
    expect_user("a.test.evil/x", NULL, NULL);
    expect_user("b.test", NULL, NULL);
    AUTO_AUTH struct auth a = {0};
    expect_success(auth_find_in(FILE_TEXT, strlen(FILE_TEXT), "f", "t.test/x", &a));
    assert_string_equal(a.identity, "tok");
    assert_string_equal(a.user, "u3");
    expect_error(auth_find_in(FILE_TEXT, strlen(FILE_TEXT), "f", "bad.test", &a), ERR_INVALID, "bad.test");
    expect_error(auth_find_in("[", 1, "f", "x", &a), ERR_INVALID, "f");
}

static void expect_stored(const struct auth_places *places, const char *name, const char *user, const char *password,
                          const char *where)
{
    AUTO_FREE char *stored = NULL;
    expect_success(auth_store(places, name, user, password, &stored));
    assert_string_equal(stored, where);
}

static void stored_found_and_removed(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FREE char *path = NULL;
    struct stat st;
    bool found = false;
    expect_success(mem_asprintf(&path, "%s/new/auth.json", t->path));
    const struct auth_places places = {.file = path};
    expect_stored(&places, "r.test", "me", "se:cret", path);
    expect_stored(&places, "s.test", "you", "x", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct auth a = {0};
    expect_success(auth_find(&places, "r.test/x", &a));
    assert_string_equal(a.user, "me");
    assert_string_equal(a.password, "se:cret");
    auth_done(&a);
    expect_success(auth_remove(&places, "r.test", &found));
    assert_true(found);
    expect_success(auth_remove(&places, "r.test", &found));
    assert_false(found);
    a = (struct auth){0};
    expect_success(auth_find(&places, "r.test", &a));
    assert_null(a.user);
    expect_success(auth_remove_all(&places));
    expect_success(auth_find(&places, "s.test", &a));
    assert_null(a.user);
    const struct auth_places nowhere = {.file = "/nonexistent/auth.json"};
    expect_error(auth_find(&nowhere, "r.test", &a), ERR_NOT_FOUND, "authfile");
}

/* Docker's file: other keys stay, its registry has its old name, repositories have no place. */
static void docker_file(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FREE char *path = NULL, *text = NULL, *where = NULL;
    expect_success(mem_asprintf(&path, "%s/config.json", t->path));
    static const char before[] = "{\"HttpHeaders\":{\"a\":\"b\"}}";
    expect_success(file_write_atomic(AT_FDCWD, path, before, strlen(before), 0644, FILE_NOSYNC));
    const struct auth_places places = {.docker_file = path};
    expect_stored(&places, "docker.io", "me", "x", path);
    expect_success(file_read(AT_FDCWD, path, 4096, &text, NULL));
    assert_non_null(strstr(text, "HttpHeaders"));
    assert_non_null(strstr(text, "\"https://index.docker.io/v1/\""));
    expect_error(auth_store(&places, "r.test/team", "me", "x", &where), ERR_INVALID, "repositories");
    AUTO_AUTH struct auth a = {0};
    expect_success(auth_find(&places, "docker.io/library/x", &a));
    assert_string_equal(a.user, "me");
}

static void credentials_of_the_command_line(void **state)
{
    (void)state;
    AUTO_AUTH struct auth a = {0};
    expect_success(auth_parse_creds("u:p:q", &a));
    assert_string_equal(a.user, "u");
    assert_string_equal(a.password, "p:q");
    struct auth none = {0};
    expect_error(auth_parse_creds(":p", &none), ERR_INVALID, "USER:PASSWORD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_specific_entry),
        TEMPDIR_TEST(stored_found_and_removed),
        TEMPDIR_TEST(docker_file),
        cmocka_unit_test(credentials_of_the_command_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
