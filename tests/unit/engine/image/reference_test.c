#include "engine/image/reference.h"

#include "tests/unit/engine/image/fixture.h"

static void normalizes(const char *text, const char *local, const char *docker)
{
    char *a = NULL, *b = NULL;
    expect_success(reference_normalize(text, &a));
    expect_success(reference_normalize_docker(text, &b));
    assert_string_equal(a, local);
    assert_string_equal(b, docker);
    mem_freep(&a);
    mem_freep(&b);
}

#define D "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void names_are_completed_as_podman_does(void **state)
{
    (void)state;
    normalizes("debian", "localhost/debian:latest", "docker.io/library/debian:latest");
    normalizes("debian:12", "localhost/debian:12", "docker.io/library/debian:12");
    normalizes("a/b", "localhost/a/b:latest", "docker.io/a/b:latest");
    normalizes("docker.io/debian", "docker.io/library/debian:latest", "docker.io/library/debian:latest");
    normalizes("index.docker.io/debian", "docker.io/library/debian:latest", "docker.io/library/debian:latest");
    normalizes("docker://quay.io/a/b:c", "quay.io/a/b:c", "quay.io/a/b:c");
    normalizes("localhost/x", "localhost/x:latest", "localhost/x:latest");
    normalizes("localhost:5000/x", "localhost:5000/x:latest", "localhost:5000/x:latest");
    normalizes("host:5000/x:1", "host:5000/x:1", "host:5000/x:1");
    normalizes("[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest");
    normalizes("Host/x", "Host/x:latest", "Host/x:latest");
    normalizes("x@" D, "localhost/x@" D, "docker.io/library/x@" D);
    normalizes("x:1@" D, "localhost/x:1@" D, "docker.io/library/x:1@" D);
    normalizes("a__b-c---d.e", "localhost/a__b-c---d.e:latest", "docker.io/library/a__b-c---d.e:latest");
    normalizes("x:_T.a-g", "localhost/x:_T.a-g", "docker.io/library/x:_T.a-g");
}

static void new_names_have_no_digest(void **state)
{
    char *name = NULL;
    (void)state;
    expect_success(reference_normalize_new("x:1", &name));
    assert_string_equal(name, "localhost/x:1");
    expect_kind(reference_normalize_new("x@" D, &name), ERR_INVALID);
    expect_kind(reference_normalize_new("X", &name), ERR_INVALID);
    mem_freep(&name);
}

static void candidates_in_order(void **state)
{
    (void)state;
    struct strv v = STRV_INIT;
    expect_success(reference_candidates("debian", &v));
    assert_int_equal(v.count, 2);
    assert_string_equal(v.items[0], "localhost/debian:latest");
    assert_string_equal(v.items[1], "docker.io/library/debian:latest");
    strv_clear(&v);
    expect_success(reference_candidates("quay.io/a:b", &v));
    assert_int_equal(v.count, 1);
    assert_string_equal(v.items[0], "quay.io/a:b");
    strv_done(&v);
}

static void repositories(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"docker.io/library/debian:12", "docker.io/library/debian"},
        {"host:5000/a/b:c", "host:5000/a/b"},
        {"host:5000/a/b", "host:5000/a/b"},
        {"a.b/c@" D, "a.b/c"},
        {"a.b/c:t@" D, "a.b/c"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char *r = NULL;
        expect_success(reference_repository(pairs[i][0], &r));
        assert_string_equal(r, pairs[i][1]);
        mem_freep(&r);
    }
}

static void what_is_no_reference_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "docker://",
        ":",
        ":tag",
        "/",
        "/a",
        "a/",
        "a//b",
        "a b",
        "a\n",
        " a",
        "UPPER",
        "a/B",
        "a..b",
        "a___b",
        "a_.b",
        "-a",
        "a-",
        "a.",
        ".a",
        "a:",
        "a:-t",
        "a:.t",
        "a:t:u",
        "a:t/b",
        "a@",
        "a@sha256:12",
        "a@md5:d41d8cd98f00b204e9800998ecf8427e",
        "@" D,
        "a@" D "@" D,
        "a.b:port/c",
        "a.b:/c",
        "a.b:123456/c",
        "-a.b/c",
        "a-.b/c",
        "a..b/c",
        "[::1/c",
        "[]/c",
        "[::g]/c",
        "[::1]x/c",
        "../a",
        "a/../b",
        "localhost/../../etc/passwd",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "a%2fb",
        "ä",
        "a\\b",
        "http://a/b",
        "a:tag with space",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct reference r = {0};
        struct err *e = reference_parse(bad[i], &r);
        if (!e)
            fail_msg("'%s' was accepted", bad[i]);
        expect_kind(e, ERR_INVALID);
    }
}

static void lengths_are_limited(void **state)
{
    (void)state;
    char text[2000];
    struct reference r = {0};
    memset(text, 'a', sizeof text);
    text[255] = '\0';
    expect_success(reference_parse(text, &r));
    reference_done(&r);
    text[255] = 'a';
    text[256] = '\0';
    expect_kind(reference_parse(text, &r), ERR_INVALID);
    text[1] = ':';
    text[2 + 128] = '\0';
    expect_success(reference_parse(text, &r));
    assert_int_equal(strlen(r.tag), 128);
    reference_done(&r);
    text[2 + 128] = 'a';
    text[2 + 129] = '\0';
    expect_kind(reference_parse(text, &r), ERR_INVALID);
    memset(text, '/', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    expect_kind(reference_parse(text, &r), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_completed_as_podman_does),
        cmocka_unit_test(new_names_have_no_digest),
        cmocka_unit_test(candidates_in_order),
        cmocka_unit_test(repositories),
        cmocka_unit_test(what_is_no_reference_is_refused),
        cmocka_unit_test(lengths_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
