/* --network for a network of the container's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "engine/network/options.h"

static struct err *parse(const char *value, struct network_options *ret)
{
    return network_options_parse(value, NULL, NULL, NULL, ret);
}

static void test_names(void **state)
{
    static const char *const names[] = {
        NULL, "", "slirp", "slirp4netns", "slirp4netns:", "private", "pasta", "bridge", "default", "podman"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        AUTO_NETWORK_OPTIONS struct network_options o = {0};
        struct err *e = i == 4 ? NULL : parse(names[i], &o);
        if (e)
            fail_msg("%s: %s", names[i] ? names[i] : "NULL", err_text(e));
        if (i != 4)
            assert_int_equal(o.config.mtu, 65520);
    }
}

static void test_options(void **state)
{
    AUTO_NETWORK_OPTIONS struct network_options o = {0};
    (void)state;
    assert_null(parse("slirp4netns:mtu=1400,cidr=10.9.0.0/24,enable_ipv6=false,allow_host_loopback=true,"
                      "outbound_addr=eth0,outbound_addr6=::1,port_handler=slirp4netns",
                      &o));
    assert_int_equal(o.config.mtu, 1400);
    assert_int_equal(ntohl(o.config.guest.s_addr), 0x0a090064);
    assert_int_equal(ntohl(o.config.gateway.s_addr), 0x0a090002);
    assert_false(o.config.ipv6);
    assert_true(o.config.host_loopback);
    assert_string_equal(o.outbound, "eth0");
    assert_string_equal(o.outbound6, "::1");
    assert_int_equal(o.ports, NETWORK_PORTS_SLIRP);
}

static void test_handlers(void **state)
{
    static const char *const splice[] = {"slirp:port_handler=splice", "slirp4netns:port_handler=rootlesskit"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(splice); i++) {
        AUTO_NETWORK_OPTIONS struct network_options o = {0};
        assert_null(parse(splice[i], &o));
        assert_int_equal(o.ports, NETWORK_PORTS_SPLICE);
    }
}

static void test_addresses(void **state)
{
    AUTO_NETWORK_OPTIONS struct network_options o = {0};
    (void)state;
    assert_null(network_options_parse(NULL, "10.0.2.77", "fd00::77", "92:d0:c6:0a:29:33", &o));
    assert_int_equal(ntohl(o.config.guest.s_addr), 0x0a00024d);
    assert_int_equal(o.config.guest6.s6_addr[15], 0x77);
    assert_int_equal(o.config.mac[5], 0x33);
}

static void test_refused(void **state)
{
    static const struct {
        const char *value, *ip, *ip6, *mac;
        enum err_kind kind;
        const char *text;
    } bad[] = {
        {"foo", NULL, NULL, NULL, ERR_NOT_FOUND, "unable to find network with name or ID foo: network not found"},
        {"slirp4netns:foo=1", NULL, NULL, NULL, ERR_INVALID, "unknown option for slirp4netns: \"foo=1\""},
        {"slirp4netns:mtu", NULL, NULL, NULL, ERR_INVALID, "unknown option for slirp4netns: \"mtu\""},
        {"slirp4netns:mtu=abc", NULL, NULL, NULL, ERR_INVALID, "invalid mtu \"abc\""},
        {"slirp4netns:mtu=99999", NULL, NULL, NULL, ERR_INVALID, "invalid mtu \"99999\""},
        {"slirp4netns:cidr=abc", NULL, NULL, NULL, ERR_INVALID, "invalid cidr \"abc\""},
        {"slirp4netns:enable_ipv6=maybe", NULL, NULL, NULL, ERR_INVALID,
         "invalid value of enable_ipv6 for slirp4netns: \"maybe\""},
        {"slirp4netns:port_handler=x", NULL, NULL, NULL, ERR_INVALID, "unknown port_handler for slirp4netns: \"x\""},
        {"pasta:--map-gw", NULL, NULL, NULL, ERR_UNSUPPORTED, "not built yet"},
        {NULL, "10.0.3.1", NULL, NULL, ERR_INVALID, "requested static ip 10.0.3.1 not in any subnet"},
        {NULL, "10.0.2.255", NULL, NULL, ERR_INVALID, "requested static ip 10.0.2.255"},
        {NULL, "10.0.2.2", NULL, NULL, ERR_IN_USE, "already allocated"},
        {NULL, "ten", NULL, NULL, ERR_INVALID, "\"ten\" is not an ip address"},
        {NULL, NULL, "fd01::1", NULL, ERR_INVALID, "requested static ip fd01::1"},
        {NULL, NULL, "fd00::2", NULL, ERR_IN_USE, "already allocated"},
        {"slirp4netns:enable_ipv6=false", NULL, "fd00::7", NULL, ERR_INVALID, "requested static ip"},
        {NULL, NULL, NULL, "92:d0:c6:0a:29:3", ERR_INVALID, "invalid MAC address"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_NETWORK_OPTIONS struct network_options o = {0};
        struct err *e = network_options_parse(bad[i].value, bad[i].ip, bad[i].ip6, bad[i].mac, &o);
        assert_non_null(e);
        assert_int_equal(err_kind(e), bad[i].kind);
        if (!strstr(err_text(e), bad[i].text))
            fail_msg("%s: %s", bad[i].text, err_text(e));
        err_drop(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),     cmocka_unit_test(test_options), cmocka_unit_test(test_handlers),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
