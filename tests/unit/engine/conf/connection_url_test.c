#include "engine/conf/connections.h"

#include "tests/unit/engine/registry/fixture.h"

static void check(const struct connection_url_opts *o, const char *uri, bool warned)
{
    AUTO_FREE char *got = NULL, *warning = NULL;
    expect_success(connection_url(o, &got, &warning));
    assert_string_equal(got, uri);
    assert_int_equal(warning != NULL, warned);
}

static void refused(const struct connection_url_opts *o, const char *part)
{
    AUTO_FREE char *got = NULL, *warning = NULL;
    struct err *e = connection_url(o, &got, &warning);
    assert_non_null(e);
    if (!strstr(err_text(e), part))
        fail_msg("%s", err_text(e));
    assert_null(got);
    err_free(e);
}

#define URL(text, ...) (&(struct connection_url_opts){.destination = (text), .user = "me", __VA_ARGS__})

static void what_is_missing_is_completed(void **state)
{
    (void)state;
    check(URL("root@h"), "ssh://root@h:22/run/podman/podman.sock", false);
    check(URL("h", .socket_path = "/s"), "ssh://me@h:22/s", false);
    check(URL("ssh://u@h:99/p"), "ssh://u@h:99/p", false);
    check(URL("ssh://u@h:99/p", .port = 5), "ssh://u@h:5/p", false);
    check(URL("ssh://u@[::1]:99/p"), "ssh://u@[::1]:99/p", false);
    check(URL("ssh://u@[::1]/p"), "ssh://u@[::1]:22/p", false);
    check(URL("tcp://h:80"), "tcp://h:80", false);
    check(URL("tcp://h", .port = 81), "tcp://h:81", false);
    check(URL("unix:///no/such"), "unix:///no/such", true);
    check(URL("ftp://x"), "ftp://x", true);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    refused(URL(""), "names no host");
    refused(URL("h"), "--socket-path");
    refused(URL("ssh://u@"), "names no host");
    refused(URL("ssh://u@h:0/p"), "the port is no number");
    refused(URL("ssh://u@h:x/p"), "the port is no number");
    refused(URL("ssh://u@[::1/p"), "brackets");
    refused(URL("ssh://u@[::1]x/p"), "brackets");
    refused(URL("ssh://a b/p"), "blanks or control characters");
    refused(URL("ssh://a\nb/p"), "blanks or control characters");
    refused(URL("tcp://h"), "tcp scheme requires a port");
    refused(URL("tcp://h:1", .identity = "/k"), "--identity option not supported for tcp scheme");
    refused(URL("tcp://h:1", .socket_path = "/k"), "--socket-path option not supported for tcp scheme");
    refused(URL("unix:///x", .identity = "/k"), "--identity option not supported for unix scheme");
    refused(URL("unix://h/x"), "the path of a socket is absolute");
    refused(URL("unix:///etc"), "is not a unix domain socket");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_is_completed),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
