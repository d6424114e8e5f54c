/* Who a client is to the server in the container. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "slirp/port_bind.h"
#include "slirp/port_source.h"

static union slirp_addr address(const char *ip, uint16_t port)
{
    union slirp_addr a = {0};
    if (strchr(ip, ':')) {
        a.in6.sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, ip, &a.in6.sin6_addr), 1);
    } else {
        a.in.sin_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, ip, &a.in.sin_addr), 1);
    }
    a.in.sin_port = htons(port);
    return a;
}

static void test_ways(void **state)
{
    static const struct {
        const char *client;
        bool ipv6;
        const char *first, *second; /* source -> guest */
    } cases[] = {
        {"203.0.113.5", false, "203.0.113.5:4567 -> 10.0.2.100:80", NULL},
        {"::ffff:203.0.113.5", true, "203.0.113.5:4567 -> 10.0.2.100:80", NULL},
        {"127.0.0.1", true, "10.0.2.2:4567 -> 10.0.2.100:80", NULL}, /* never the container's own loopback */
        {"127.9.9.9", true, "10.0.2.2:4567 -> 10.0.2.100:80", NULL},
        {"::ffff:127.0.0.1", true, "10.0.2.2:4567 -> 10.0.2.100:80", NULL},
        {"10.0.2.100", true, "10.0.2.2:4567 -> 10.0.2.100:80", NULL}, /* somebody else's 10.0.2.100 */
        {"10.0.2.7", true, "10.0.2.7:4567 -> 10.0.2.100:80", NULL},
        {"0.0.0.0", true, "10.0.2.2:4567 -> 10.0.2.100:80", NULL},
        {"224.0.0.1", true, "10.0.2.2:4567 -> 10.0.2.100:80", NULL},
        {"255.255.255.255", true, "10.0.2.2:4567 -> 10.0.2.100:80", NULL},
        {"2001:db8::5", true, "[2001:db8::5]:4567 -> [fd00::100]:80", "10.0.2.2:0 -> 10.0.2.100:80"},
        {"2001:db8::5", false, "10.0.2.2:0 -> 10.0.2.100:80", NULL},
        {"::1", true, "[fd00::2]:4567 -> [fd00::100]:80", "10.0.2.2:0 -> 10.0.2.100:80"},
        {"fe80::1", true, "[fd00::2]:4567 -> [fd00::100]:80", "10.0.2.2:0 -> 10.0.2.100:80"},
        {"fd00::100", true, "[fd00::2]:4567 -> [fd00::100]:80", "10.0.2.2:0 -> 10.0.2.100:80"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slirp_config c;
        struct slirp_port p = {.guest = address("0.0.0.0", 80)};
        union slirp_addr client = address(cases[i].client, 4567);
        struct port_way ways[2];
        const char *want[2] = {cases[i].first, cases[i].second};
        slirp_config_default(&c);
        c.ipv6 = cases[i].ipv6;
        port_source_unmap(&client);
        int n = port_source_ways(&c, &p, &client, ways);
        assert_int_equal(n, cases[i].second ? 2 : 1);
        for (int k = 0; k < n; k++) {
            AUTO_FREE char *text = NULL;
            assert_null(
                mem_asprintf(&text, "%s -> %s", port_bind_text(&ways[k].source).s, port_bind_text(&ways[k].guest).s));
            assert_string_equal(text, want[k]);
        }
    }
}

/* A guest address of one family leaves no way for the other's clients but that. */
static void test_fixed_guest(void **state)
{
    struct slirp_config c;
    struct port_way ways[2];
    struct slirp_port p = {.guest = address("10.0.2.55", 80)};
    union slirp_addr client = address("2001:db8::5", 1);
    (void)state;
    slirp_config_default(&c);
    c.ipv6 = 1;
    assert_int_equal(port_source_ways(&c, &p, &client, ways), 1);
    assert_string_equal(port_bind_text(&ways[0].guest).s, "10.0.2.55:80");
    p.guest = address("fd00::55", 80);
    client = address("203.0.113.5", 1);
    assert_int_equal(port_source_ways(&c, &p, &client, ways), 0);
}

static void test_loopback(void **state)
{
    static const char *const inside[] = {"127.0.0.1", "127.255.255.254", "::1"};
    static const char *const outside[] = {"126.255.255.255", "128.0.0.1", "0.0.0.0", "::", "::2", "fe80::1", "1::"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        union slirp_addr a = address(inside[i], 1);
        assert_true(port_source_is_loopback(&a));
    }
    for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
        union slirp_addr a = address(outside[i], 1);
        assert_false(port_source_is_loopback(&a));
    }
    union slirp_addr mapped = address("::ffff:127.0.0.1", 1);
    port_source_unmap(&mapped);
    assert_true(port_source_is_loopback(&mapped));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ways), cmocka_unit_test(test_fixed_guest),
                                       cmocka_unit_test(test_loopback)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
