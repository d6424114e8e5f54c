#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "slirp/options.h"

#define MAX_WORDS 24

static struct err *parse(const char *line, struct options *ret)
{
    static char copy[512];
    char *argv[MAX_WORDS + 1] = {copy};
    int argc = 1;
    (void)snprintf(copy, sizeof(copy), "coracle-slirp %s", line);
    char *save = NULL;
    (void)strtok_r(copy, " ", &save);
    for (char *w; argc < MAX_WORDS && (w = strtok_r(NULL, " ", &save));)
        argv[argc++] = w;
    return options_parse(argc, argv, ret);
}

/* What podman 4.3 says. */
static void test_podman(void **state)
{
    struct options o;
    (void)state;
    assert_null(
        parse("--disable-host-loopback --mtu=65520 --enable-sandbox --enable-seccomp --enable-ipv6 -c -e 3 -r 4 "
              "--api-socket /run/x.sock --netns-type=path /run/netns/x tap0",
              &o));
    assert_int_equal(o.config.mtu, 65520);
    assert_int_equal(o.config.host_loopback, 0);
    assert_int_equal(o.config.ipv6, 1);
    assert_int_equal(o.config.configure, 1);
    assert_int_equal(o.exit_fd, 3);
    assert_int_equal(o.ready_fd, 4);
    assert_true(o.target_is_path);
    assert_string_equal(o.target, "/run/netns/x");
    assert_string_equal(o.api_socket, "/run/x.sock");
    assert_string_equal(o.config.ifname, "tap0");
}

static void test_forms(void **state)
{
    struct options o;
    (void)state;
    assert_null(parse("-c6r5 -m1400 --exit-fd=7 --cidr 10.9.0.0/16 --macaddress=02:00:00:00:00:01 4711", &o));
    assert_int_equal(o.ready_fd, 5);
    assert_int_equal(o.exit_fd, 7);
    assert_int_equal(o.config.mtu, 1400);
    assert_int_equal(o.config.prefix_len, 16);
    assert_int_equal(o.config.mac_set, 1);
    assert_int_equal(o.config.host_loopback, 1); /* slirp4netns' default */
    assert_false(o.target_is_path);
    assert_null(parse("--outbound-addr 192.0.2.1 --outbound-addr6=eth0 1", &o));
    assert_int_equal(o.config.outbound.s_addr, inet_addr("192.0.2.1"));
    assert_string_equal(o.outbound6, "eth0");
    assert_null(parse("--help", &o));
    assert_true(o.help);
    assert_null(parse("-v", &o));
    assert_true(o.version);
    assert_null(parse("-- -1 tap5", &o));
    assert_string_equal(o.target, "-1");
}

static void test_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "-c",
                                      "1 2 3",
                                      "--nonsense 1",
                                      "-x 1",
                                      "-m 1",
                                      "-m",
                                      "--mtu=70000 1",
                                      "--mtu=0 1",
                                      "--mtu=-1 1",
                                      "--mtu= 1",
                                      "--configure=yes 1",
                                      "--netns-type=file 1",
                                      "--target-type=bess 1",
                                      "--cidr=10.0.2.0 1",
                                      "--ready-fd=x 1",
                                      "--exit-fd=99999999999 1",
                                      "--macaddress=02:00:00:00:00:01 1",
                                      "-c --macaddress=xx 1",
                                      "1 a/b",
                                      "--outbound-addr=::1: 1",
                                      "-6 --mtu=1000 1",
                                      "--cid=10.0.2.0/24 1"};
    struct options o;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err *e = parse(bad[i], &o);
        if (!e)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(err_kind(e), ERR_INVALID);
        err_drop(e);
    }
}

/* podman reads --help to learn what it may use. */
static void test_help_names_options(void **state)
{
    static const char *const names[] = {"--disable-host-loopback", "--mtu",        "--enable-sandbox",
                                        "--enable-seccomp",        "--netns-type", "--cidr",
                                        "--outbound-addr",         "--enable-ipv6"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_non_null(strstr(options_help(), names[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_podman),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_help_names_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
