/* From options to a network, without a store. */
#include "tests/unit/engine/container/expect.h"

#include <stdio.h>

#include "base/mem.h"
#include "engine/network/network.h"

/* 10.89.0.0/24 and 192.0.2.0/24 are in use, and so is the interface podman1. */
static void take(struct network_taken *t)
{
    static const char *const subnets[] = {"10.89.0.0/24", "192.0.2.0/24"};
    for (size_t i = 0; i < ARRAY_LEN(subnets); i++) {
        struct subnet s;
        expect_ok(subnet_parse(subnets[i], &s), subnets[i]);
        expect_ok(network_taken_add(t, &s), subnets[i]);
    }
    expect_ok(strv_add(&t->interfaces, "podman1"), "interface");
}

static struct err *define(const struct network_create_opts *o, struct network *ret)
{
    struct network_taken t = {0};
    *ret = (struct network){0};
    take(&t);
    struct err *e = network_define(o, &t, ret);
    network_taken_done(&t);
    return e;
}

static void add(struct strv *v, const char *text)
{
    if (text)
        expect_ok(strv_add(v, text), text);
}

static void opts_done(struct network_create_opts *o)
{
    strv_done(&o->subnets);
    strv_done(&o->gateways);
    strv_done(&o->ranges);
    strv_done(&o->options);
    strv_done(&o->dns_servers);
}

static void check_subnet(const struct network *n, size_t i, const char *subnet, const char *gateway)
{
    assert_true(i < n->n_subnets);
    assert_string_equal(subnet_text(&n->subnets[i].net).s, subnet);
    assert_string_equal(ip_text(&n->subnets[i].gateway).s, gateway);
}

static void defaults(void **state)
{
    const struct network_create_opts o = {0};
    struct network n;
    (void)state;
    expect_ok(define(&o, &n), "defaults");
    assert_int_equal(n.n_subnets, 1);
    check_subnet(&n, 0, "10.89.1.0/24", "10.89.1.1"); /* the first that is free */
    assert_string_equal(n.interface, "podman2");
    assert_true(n.dns && !n.ipv6 && !n.internal);
    network_done(&n);
}

static void families(void **state)
{
    struct network_create_opts o = {.ipv6 = true};
    struct network n;
    (void)state;
    expect_ok(define(&o, &n), "--ipv6");
    assert_int_equal(n.n_subnets, 2);
    assert_int_equal(n.subnets[1].net.prefix_len, 64);
    assert_int_equal(n.subnets[1].net.first.b[0], 0xfd);
    assert_true(n.ipv6 && subnet_contains(&n.subnets[1].net, &n.subnets[1].gateway));
    network_done(&n);

    add(&o.subnets, "fd00:1::/64");
    expect_ok(define(&o, &n), "--ipv6 --subnet v6");
    check_subnet(&n, 0, "fd00:1::/64", "fd00:1::1");
    check_subnet(&n, 1, "10.89.1.0/24", "10.89.1.1");
    network_done(&n);

    o.ipv6 = false;
    expect_ok(define(&o, &n), "--subnet v6");
    assert_int_equal(n.n_subnets, 1);
    assert_true(n.ipv6 && !network_subnet_of(&n, AF_INET));
    network_done(&n);
    opts_done(&o);
}

/* A gateway is there when somebody answers at it: the way out, or the resolver. */
static void internal_ones(void **state)
{
    struct network_create_opts o = {.internal = true};
    struct network n;
    (void)state;
    expect_ok(define(&o, &n), "--internal");
    check_subnet(&n, 0, "10.89.1.0/24", "10.89.1.1");
    network_done(&n);
    o.disable_dns = true;
    expect_ok(define(&o, &n), "--internal --disable-dns");
    check_subnet(&n, 0, "10.89.1.0/24", "");
    assert_false(n.dns);
    network_done(&n);
}

static void options(void **state)
{
    struct network_create_opts o = {0};
    struct network n;
    (void)state;
    add(&o.options, "com.docker.network.driver.mtu=1400");
    add(&o.options, "isolate=strict");
    add(&o.options, "com.docker.network.bridge.name=br7");
    expect_ok(define(&o, &n), "options");
    assert_string_equal(network_option(&n, "mtu"), "1400");
    assert_string_equal(n.interface, "br7");
    network_done(&n);
    opts_done(&o);
}

static void routes(void **state)
{
    static const char *const bad[] = {"x", "10.2.0.0/24,10.3.0.1", "10.2.0.0/24,10.1.0.0", "fd02::/64,fd00::1"};
    struct network_create_opts o = {0};
    struct network n;
    (void)state;
    add(&o.subnets, "10.1.0.0/24");
    add(&o.routes, "10.2.0.0/24,10.1.0.7");
    expect_ok(define(&o, &n), "a route");
    assert_int_equal(n.n_routes, 1);
    assert_string_equal(ip_text(&n.routes[0].gateway).s, "10.1.0.7");
    network_done(&n);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        add(&o.routes, bad[i]);
        expect_err(define(&o, &n), bad[i], ERR_INVALID, NULL);
        network_done(&n);
        strv_remove(&o.routes, 1);
    }
    while (o.routes.count <= NETWORK_ROUTES_MAX)
        add(&o.routes, "10.2.0.0/24,10.1.0.7");
    expect_err(define(&o, &n), "too many", ERR_INVALID, "a network can have 16 routes");
    network_done(&n);
    strv_done(&o.routes);
    opts_done(&o);
}

static void no_addresses(void **state)
{
    struct network_create_opts o = {.ipam_driver = "none"};
    struct network n;
    (void)state;
    expect_ok(define(&o, &n), "none");
    assert_int_equal(n.n_subnets, 0);
    assert_true(n.no_addresses && !n.dns);
    network_done(&n);
    add(&o.subnets, "10.1.0.0/24");
    expect_err(define(&o, &n), "none with a subnet", ERR_INVALID, "none ipam driver is set but subnets are given");
    network_done(&n);
    opts_done(&o);
    o = (struct network_create_opts){.ipam_driver = "dhcp"};
    expect_err(define(&o, &n), "dhcp", ERR_UNSUPPORTED, NULL);
    network_done(&n);
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *subnet, *gateway, *range, *option;
        bool ipv6;
        enum err_kind kind;
        const char *message;
    } bad[] = {
        {"abc", NULL, NULL, NULL, false, ERR_INVALID, "invalid CIDR address: abc"},
        {"10.89.0.128/25", NULL, NULL, NULL, false, ERR_EXISTS,
         "subnet 10.89.0.128/25 is already used on the host or by another config"},
        {"10.0.0.0/8", NULL, NULL, NULL, false, ERR_EXISTS,
         "subnet 10.0.0.0/8 is already used on the host or by another config"},
        {"10.1.0.0/31", NULL, NULL, NULL, false, ERR_INVALID,
         "subnet 10.1.0.0/31 has no room for a gateway and a container"},
        {"0.0.0.0/0", NULL, NULL, NULL, false, ERR_INVALID, NULL},
        {"127.0.0.0/8", NULL, NULL, NULL, false, ERR_INVALID, "subnet 127.0.0.0/8 is not one that hosts can have"},
        {"224.0.0.0/24", NULL, NULL, NULL, false, ERR_INVALID, NULL},
        {"ff02::/64", NULL, NULL, NULL, false, ERR_INVALID, NULL},
        {"fe80::/64", NULL, NULL, NULL, false, ERR_INVALID, NULL},
        {"fd00::/127", NULL, NULL, NULL, false, ERR_INVALID,
         "subnet fd00::/127 has no room for a gateway and a container"},
        {"2000::/4", NULL, NULL, NULL, false, ERR_INVALID, "subnet 2000::/4 is not one that hosts can have"},
        {NULL, "10.1.0.1", NULL, NULL, false, ERR_INVALID, "cannot set gateway or range without subnet"},
        {NULL, NULL, "10.1.0.0/25", NULL, false, ERR_INVALID, "cannot set gateway or range without subnet"},
        {"10.1.0.0/24", "10.2.0.1", NULL, NULL, false, ERR_INVALID, "gateway 10.2.0.1 not in subnet 10.1.0.0/24"},
        {"10.1.0.0/24", "fd00::1", NULL, NULL, false, ERR_INVALID, "gateway fd00::1 not in subnet 10.1.0.0/24"},
        {"10.1.0.0/24", "10.1.0.0", NULL, NULL, false, ERR_INVALID, NULL},
        {"10.1.0.0/24", "10.1.0.255", NULL, NULL, false, ERR_INVALID, NULL},
        {"10.1.0.0/24", "x", NULL, NULL, false, ERR_INVALID, "invalid string being converted to IP address: x"},
        {"10.1.0.0/24", NULL, "10.2.0.0/25", NULL, false, ERR_INVALID,
         "lease range start ip 10.2.0.1 not in subnet 10.1.0.0/24"},
        {"10.1.0.0/24", NULL, "10.1.0.0/16", NULL, false, ERR_INVALID,
         "lease range end ip 10.1.255.255 not in subnet 10.1.0.0/24"},
        {NULL, NULL, NULL, "foo=bar", false, ERR_INVALID, "unsupported bridge network option foo"},
        {NULL, NULL, NULL, "mtu=abc", false, ERR_INVALID, NULL},
        {NULL, NULL, NULL, "mtu=-4", false, ERR_INVALID, "network option mtu: mtu -4 is less than zero"},
        {NULL, NULL, NULL, "mtu=70000", false, ERR_INVALID, NULL},
        {NULL, NULL, NULL, "mtu=1000", true, ERR_INVALID, NULL},
        {NULL, NULL, NULL, "isolate=maybe", false, ERR_INVALID, NULL},
        {NULL, NULL, NULL, "vlan=x", false, ERR_INVALID, NULL},
        {NULL, NULL, NULL, "vlan=-1", false, ERR_INVALID, NULL},
        {NULL, NULL, NULL, "vlan=4095", false, ERR_INVALID,
         "network option vlan: vlan ID 4095 must be between 0 and 4094"},
        {NULL, NULL, NULL, "vrf=v", false, ERR_UNSUPPORTED, NULL},
        {NULL, NULL, NULL, "com.docker.network.bridge.name=a/b", false, ERR_INVALID, NULL},
        {NULL, NULL, NULL, "com.docker.network.bridge.name=podman1", false, ERR_EXISTS, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct network_create_opts o = {.ipv6 = bad[i].ipv6};
        struct network n;
        char what[8];
        (void)snprintf(what, sizeof(what), "%zu", i);
        add(&o.subnets, bad[i].subnet);
        add(&o.gateways, bad[i].gateway);
        add(&o.ranges, bad[i].range);
        add(&o.options, bad[i].option);
        expect_err(define(&o, &n), what, bad[i].kind, bad[i].message);
        network_done(&n);
        opts_done(&o);
    }
}

static void drivers(void **state)
{
    static const struct {
        const char *driver, *ipam;
        enum err_kind kind;
    } bad[] = {
        {"foo", NULL, ERR_INVALID},      {"macvlan", NULL, ERR_UNSUPPORTED}, {"ipvlan", NULL, ERR_UNSUPPORTED},
        {NULL, "dhcp", ERR_UNSUPPORTED}, {NULL, "foo", ERR_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct network_create_opts o = {.driver = bad[i].driver, .ipam_driver = bad[i].ipam};
        struct network n;
        expect_err(define(&o, &n), bad[i].driver ? bad[i].driver : bad[i].ipam, bad[i].kind, NULL);
        network_done(&n);
    }
}

static void lists(void **state)
{
    struct network_create_opts o = {0};
    struct network n;
    (void)state;
    add(&o.subnets, "10.1.0.0/24");
    add(&o.gateways, "10.1.0.2");
    add(&o.gateways, "10.1.0.3");
    expect_invalid(define(&o, &n), "gateways", "cannot set more gateways than subnets");
    network_done(&n);
    strv_clear(&o.gateways);
    add(&o.subnets, "10.2.0.0/24");
    expect_err(define(&o, &n), "two of a kind", ERR_UNSUPPORTED, NULL);
    network_done(&n);
    strv_clear(&o.subnets);
    add(&o.dns_servers, "nonsense");
    expect_invalid(define(&o, &n), "servers", "invalid DNS server \"nonsense\": not an IP address");
    network_done(&n);
    opts_done(&o);
}

static void names(void **state)
{
    (void)state;
    expect_ok(network_check_name("a.b-c_9"), "name");
    expect_invalid(network_check_name("a/b"), "a/b",
                   "network name a/b invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
    expect_invalid(network_check_name("host"), "host",
                   "cannot create network with name \"host\" because it conflicts with a valid network mode");
    expect_invalid(network_check_name(""), "nothing", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),        cmocka_unit_test(families), cmocka_unit_test(internal_ones),
        cmocka_unit_test(options),         cmocka_unit_test(routes),   cmocka_unit_test(no_addresses),
        cmocka_unit_test(what_is_refused), cmocka_unit_test(drivers),  cmocka_unit_test(lists),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
