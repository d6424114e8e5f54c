/* Addresses and networks of both families. */
#include "tests/unit/engine/container/expect.h"

#include <stdio.h>

#include "engine/network/subnet.h"

static struct subnet net(const char *text)
{
    struct subnet n = {0};
    expect_ok(subnet_parse(text, &n), text);
    return n;
}

static struct ip_addr ip(const char *text)
{
    struct ip_addr a = {0};
    if (!ip_parse(text, &a))
        fail_msg("%s is an address", text);
    return a;
}

static void texts_and_back(void **state)
{
    static const char *const same[] = {"10.0.0.0/8", "10.89.0.0/24", "192.168.7.128/25", "fd00:1::/64", "::/0"};
    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct subnet n = net(same[i]);
        assert_string_equal(subnet_text(&n).s, same[i]);
    }
    struct subnet n = net("10.1.2.3/20");
    assert_string_equal(subnet_text(&n).s, "10.1.0.0/20");
    struct ip_addr last = subnet_last(&n);
    assert_string_equal(ip_text(&last).s, "10.1.15.255");
    struct ip_addr none = {0};
    assert_string_equal(ip_text(&none).s, "");
    assert_true(ip_equal(&none, &none));
    assert_false(ip_equal(&none, &last));
}

static void what_is_no_network(void **state)
{
    static const char *const bad[] = {
        "",         "/",           "10.0.0.0",   "10.0.0.0/",     "10.0.0.0/33",
        "10.0.0/8", "10.0.0.0/-1", "fd00::/129", "10.0.0.0/ 8",   "a/8",
        "::1/x",    "1.2.3.4/8/9", "01.2.3.4/8", "10.0.0.0/0x10", "10.0.0.0/99999999999999999999"};
    struct subnet n;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char want[128];
        (void)snprintf(want, sizeof(want), "invalid CIDR address: %s", bad[i]);
        expect_invalid(subnet_parse(bad[i], &n), bad[i], want);
    }
}

static void what_is_inside(void **state)
{
    struct subnet n = net("10.89.0.0/24"), six = net("fd00::/64");
    struct ip_addr in = ip("10.89.0.7"), first = ip("10.89.0.0"), last = ip("10.89.0.255"), out = ip("10.89.1.0");
    struct ip_addr in6 = ip("fd00::7"), out6 = ip("fd00:0:0:1::7");
    (void)state;
    assert_true(subnet_contains(&n, &in) && subnet_contains(&n, &first) && subnet_contains(&n, &last));
    assert_false(subnet_contains(&n, &out) || subnet_contains(&n, &in6));
    assert_true(subnet_contains(&six, &in6));
    assert_false(subnet_contains(&six, &out6));
    assert_true(subnet_is_host(&n, &in));
    assert_false(subnet_is_host(&n, &first) || subnet_is_host(&n, &last) || subnet_is_host(&n, &out));
    struct ip_addr all_ones = subnet_last(&six);
    assert_true(subnet_is_host(&six, &all_ones)); /* no broadcast there */
}

static void what_overlaps(void **state)
{
    struct subnet a = net("10.89.0.0/24"), b = net("10.0.0.0/8"), c = net("10.89.1.0/24"), d = net("fd00::/64");
    struct subnet all = net("0.0.0.0/0");
    (void)state;
    assert_true(subnet_overlaps(&a, &b) && subnet_overlaps(&b, &a) && subnet_overlaps(&a, &a));
    assert_false(subnet_overlaps(&a, &c) || subnet_overlaps(&a, &d) || subnet_overlaps(&d, &all));
    assert_true(subnet_overlaps(&all, &c));
}

static void what_follows(void **state)
{
    struct subnet n = net("10.89.255.0/24"), next;
    (void)state;
    assert_true(subnet_next(&n, &next));
    assert_string_equal(subnet_text(&next).s, "10.90.0.0/24");
    n = net("255.255.255.0/24");
    assert_false(subnet_next(&n, &next));
    struct ip_addr a = ip("10.0.0.255"), b = ip_next(&a), end = ip("255.255.255.255");
    assert_string_equal(ip_text(&b).s, "10.0.1.0");
    b = ip_next(&end);
    assert_string_equal(ip_text(&b).s, "0.0.0.0");
}

static void ranges(void **state)
{
    struct ip_addr first, last;
    (void)state;
    expect_ok(subnet_parse_range("10.77.0.0/25", &first, &last), "range");
    assert_string_equal(ip_text(&first).s, "10.77.0.1");
    assert_string_equal(ip_text(&last).s, "10.77.0.127");
    expect_ok(subnet_parse_range("fd00::4-fd00::9", &first, &last), "range");
    assert_string_equal(ip_text(&last).s, "fd00::9");
    expect_invalid(subnet_parse_range("x-10.0.0.1", &first, &last), "x",
                   "range start ip \"x\" is not a valid ip address");
    expect_invalid(subnet_parse_range("10.0.0.1-", &first, &last), "-", "range end ip \"\" is not a valid ip address");
    expect_invalid(subnet_parse_range("10.0.0.9-10.0.0.1", &first, &last), "backwards", NULL);
    expect_invalid(subnet_parse_range("10.0.0.9-fd00::1", &first, &last), "mixed", NULL);
    expect_invalid(subnet_parse_range("abc", &first, &last), "abc", "invalid CIDR address: abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_back), cmocka_unit_test(what_is_no_network), cmocka_unit_test(what_is_inside),
        cmocka_unit_test(what_overlaps),  cmocka_unit_test(what_follows),       cmocka_unit_test(ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
