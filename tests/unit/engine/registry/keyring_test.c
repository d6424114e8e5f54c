#include "engine/registry/keyring.h"

#include "tests/unit/engine/registry/fixture.h"

/* A helper of this name in PATH that does what the script says. */
static void make_helper(const struct tempdir *t, const char *name, const char *script)
{
    char file[80], text[1024];
    (void)snprintf(file, sizeof file, "docker-credential-%s", name);
    (void)snprintf(text, sizeof text, "#!/bin/sh\n%s\n", script);
    tempdir_write(t, file, text);
    assert_int_equal(fchmodat(t->fd, file, 0755, 0), 0);
    char path[256];
    (void)snprintf(path, sizeof path, "%s:/usr/bin:/bin", t->path);
    assert_int_equal(setenv("PATH", path, 1), 0);
}

static void answers(void **state)
{
    const struct tempdir *t = *state;
    make_helper(
        t, "good",
        "read server; case $1:$server in get:a.test) echo '{\"ServerURL\":\"a.test\",\"Username\":\"u\",\"Secret\":"
        "\"p:\\u00e4\"}';; get:t.test) echo '{\"Username\":\"<token>\",\"Secret\":\"tok\"}';;"
        " get:*) echo credentials not found in native keychain; exit 1;; list:*) echo '{\"a.test\":\"u\"}';; esac");
    struct auth a = {0};
    expect_success(keyring_get("good", "a.test", &a));
    assert_string_equal(a.user, "u");
    assert_string_equal(a.password, "p:\xc3\xa4");
    auth_done(&a);
    a = (struct auth){0};
    expect_success(keyring_get("good", "t.test", &a));
    assert_null(a.user);
    assert_string_equal(a.identity, "tok");
    auth_done(&a);
    a = (struct auth){0};
    expect_success(keyring_get("good", "b.test", &a));
    assert_null(a.user);
    AUTO_STRV struct strv servers = STRV_INIT;
    expect_success(keyring_list("good", &servers));
    assert_int_equal(servers.count, 1);
    assert_string_equal(servers.items[0], "a.test");
    bool found = true;
    expect_success(keyring_erase("good", "b.test", &found));
    assert_false(found);
}

/* What it is given on stdin and in its environment. */
static void what_it_gets(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FREE char *text = NULL;
    char script[256];
    (void)snprintf(script, sizeof script, "{ echo $1; cat; echo; env; ls /proc/self/fd | wc -l; } >%s/seen", t->path);
    make_helper(t, "spy", script);
    assert_int_equal(setenv("LD_PRELOAD_X", "bad", 1), 0);
    assert_int_equal(setenv("SECRET_OF_SOMEBODY", "bad", 1), 0);
    assert_int_equal(setenv("GNUPGHOME", "/good", 1), 0);
    expect_success(keyring_store("spy", "a.test", "me", "se\"cret"));
    expect_success(file_read(t->fd, "seen", 65536, &text, NULL));
    assert_non_null(strstr(text, "store\n{\"ServerURL\":\"a.test\",\"Username\":\"me\",\"Secret\":\"se\\\"cret\"}"));
    assert_non_null(strstr(text, "GNUPGHOME=/good"));
    assert_null(strstr(text, "bad"));
}

static void hostile_ones(void **state)
{
    const struct tempdir *t = *state;
    static const struct {
        const char *script, *error;
        enum err_kind kind;
    } bad[] = {
        {"yes '{'", "longer than", ERR_NO_SPACE},
        {"echo '[1]'", "Username", ERR_INVALID},
        {"echo '{\"Username\":1}'", "Username", ERR_INVALID},
        {"echo '{\"Username\":\"u\",\"Username\":\"v\"}'", "its answer", ERR_INVALID},
        {"exit 0", "its answer", ERR_INVALID},
        {"printf 'no \\033[31mkey\\nmore'; exit 3", "no ?[31mkey", ERR_DENIED},
        {"exit 1", "it failed", ERR_DENIED},
        {"kill -9 $$", "it failed", ERR_DENIED},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_AUTH struct auth a = {0};
        make_helper(t, "bad", bad[i].script);
        expect_error(keyring_get("bad", "a.test", &a), bad[i].kind, bad[i].error);
    }
    AUTO_AUTH struct auth a = {0};
    expect_error(keyring_get("none-such", "a.test", &a), ERR_NOT_FOUND, "none-such");
    expect_error(keyring_get("../bad", "a.test", &a), ERR_INVALID, "cannot be the name");
    expect_error(keyring_get("", "a.test", &a), ERR_INVALID, "cannot be the name");
}

/* Which helper a file names, and that a missing one of a whole file is none. */
static void named_by_files(void **state)
{
    const struct tempdir *t = *state;
    make_helper(t, "one", "read s; echo \"{\\\"Username\\\":\\\"one-$s\\\",\\\"Secret\\\":\\\"x\\\"}\"");
    make_helper(t, "all", "read s; echo \"{\\\"Username\\\":\\\"all-$s\\\",\\\"Secret\\\":\\\"x\\\"}\"");
    static const char text[] = "{\"credHelpers\":{\"a.test\":\"one\"},\"credsStore\":\"all\"}";
    static const char gone[] = "{\"auths\":{\"a.test\":{\"auth\":\"dTpw\"}},\"credsStore\":\"none-such\"}";
    static const struct {
        const char *name, *user;
    } cases[] = {{"a.test/x", "one-a.test"},
                 {"b.test/x", "all-b.test"},
                 {"docker.io/library/x", "all-https://index.docker.io/v1/"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_AUTH struct auth a = {0};
        expect_success(auth_find_in(text, strlen(text), "f", cases[i].name, &a));
        assert_string_equal(a.user, cases[i].user);
    }
    AUTO_AUTH struct auth a = {0};
    expect_success(auth_find_in(gone, strlen(gone), "f", "a.test/x", &a));
    assert_string_equal(a.user, "u");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMPDIR_TEST(answers),
        TEMPDIR_TEST(what_it_gets),
        TEMPDIR_TEST(hostile_ones),
        TEMPDIR_TEST(named_by_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
