#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "slirp/config.h"

static void refused(struct err *e)
{
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_INVALID);
    err_drop(e);
}

static void test_default(void **state)
{
    struct slirp_config c;
    char text[INET6_ADDRSTRLEN];
    (void)state;
    slirp_config_default(&c);
    assert_null(slirp_config_check(&c));
    assert_string_equal(inet_ntop(AF_INET, &c.guest, text, sizeof(text)), "10.0.2.100");
    assert_string_equal(inet_ntop(AF_INET, &c.gateway, text, sizeof(text)), "10.0.2.2");
    assert_string_equal(inet_ntop(AF_INET, &c.dns, text, sizeof(text)), "10.0.2.3");
    assert_string_equal(inet_ntop(AF_INET6, &c.guest6, text, sizeof(text)), "fd00::100");
    assert_string_equal(inet_ntop(AF_INET6, &c.gateway6, text, sizeof(text)), "fd00::2");
    assert_int_equal(c.host_loopback, 0);
}

static void test_cidr(void **state)
{
    static const char *const bad[] = {"",
                                      "10.0.2.0",
                                      "10.0.2.0/",
                                      "/24",
                                      "10.0.2.0/33",
                                      "10.0.2.0/0",
                                      "10.0.2.0/26",
                                      "10.0.2.1/24",
                                      "10.0.2/24",
                                      "fd00::/64",
                                      "10.0.2.0/-1",
                                      "10.0.2.0/24x",
                                      "10.0.2.0//24"};
    struct slirp_config c;
    char text[INET_ADDRSTRLEN];
    (void)state;
    slirp_config_default(&c);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        refused(slirp_config_set_cidr(&c, bad[i]));
    assert_null(slirp_config_set_cidr(&c, "172.16.128.0/17"));
    assert_string_equal(inet_ntop(AF_INET, &c.guest, text, sizeof(text)), "172.16.128.100");
    assert_int_equal(c.prefix_len, 17);
    assert_null(slirp_config_check(&c));
}

static void test_mac(void **state)
{
    static const char *const bad[] = {"",
                                      "00:11:22:33:44",
                                      "00:11:22:33:44:55:66",
                                      "00:11:22:33:44:5g",
                                      "001122334455",
                                      "01:11:22:33:44:55",
                                      "00:11:22:33:44:55:",
                                      "0:011:22:33:44:55",
                                      ":::::"};
    struct slirp_config c;
    (void)state;
    slirp_config_default(&c);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        refused(slirp_config_set_mac(&c, bad[i]));
    assert_null(slirp_config_set_mac(&c, "02:aB:22:33:44:fF"));
    assert_memory_equal(c.mac, "\x02\xab\x22\x33\x44\xff", 6);
}

static void test_ifname(void **state)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "a b", "a:b", "sixteen-bytes-xx", "tap%d", "a\n"};
    struct slirp_config c;
    (void)state;
    slirp_config_default(&c);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        refused(slirp_config_set_ifname(&c, bad[i]));
    assert_null(slirp_config_set_ifname(&c, "fifteen-bytes-x"));
}

/* What comes over the control socket is not what the setters made. */
static void test_check(void **state)
{
    struct slirp_config good, c;
    (void)state;
    slirp_config_default(&good);
#define BROKEN(change)                   \
    do {                                 \
        c = good;                        \
        change;                          \
        refused(slirp_config_check(&c)); \
    } while (0)
    BROKEN(memset(c.ifname, 'x', sizeof(c.ifname)));
    BROKEN(c.ifname[0] = 0);
    BROKEN(c.mtu = 67);
    BROKEN(c.mtu = 65522);
    BROKEN((c.ipv6 = 1, c.mtu = 1279));
    BROKEN(c.prefix_len = 0);
    BROKEN(c.prefix_len = 31);
    BROKEN(c.prefix_len = 4000000000u);
    BROKEN(c.network.s_addr = c.guest.s_addr);
    BROKEN(c.guest.s_addr = htonl(0x0a0002ff));
    BROKEN(c.guest.s_addr = htonl(0x0a000200));
    BROKEN(c.gateway.s_addr = htonl(0x7f000001));
    BROKEN(c.dns = c.gateway);
    BROKEN((c.ipv6 = 1, memset(&c.dns6, 0, sizeof(c.dns6))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default), cmocka_unit_test(test_cidr),  cmocka_unit_test(test_mac),
        cmocka_unit_test(test_ifname),  cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
