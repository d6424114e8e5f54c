/* --network, given once or several times. */
#include "tests/unit/engine/container/expect.h"

#include "base/mem.h"
#include "engine/container/spec.h"

/* `second` may be NULL. */
static struct err *add_both(struct container_spec *s, const char *first, const char *second)
{
    container_spec_init(s);
    TRY(spec_add_network(s, first));
    return second ? spec_add_network(s, second) : NULL;
}

static void what_goes_together(void **state)
{
    static const struct {
        const char *first, *second;
        enum ns_mode mode;
        size_t networks;
    } good[] = {
        {"", NULL, NS_DEFAULT, 0},       {"host", NULL, NS_HOST, 0},
        {"podman", NULL, NS_PRIVATE, 0}, {"slirp4netns:mtu=1500", NULL, NS_PRIVATE, 0},
        {"a,b", NULL, NS_BRIDGE, 2},     {"a:alias=x", "b", NS_BRIDGE, 2},
        {"a", "b,c,a", NS_BRIDGE, 3},    {"", "a", NS_BRIDGE, 1},
        {"hostile", NULL, NS_BRIDGE, 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct container_spec s;
        expect_ok(add_both(&s, good[i].first, good[i].second), good[i].first);
        assert_int_equal(s.network.mode, good[i].mode);
        assert_int_equal(s.networks.count, good[i].networks);
        container_spec_done(&s);
    }
}

static void what_does_not(void **state)
{
#define AFTER "cannot set multiple networks without bridge network mode, selected mode "
#define EXTRA "can only set extra network names, selected mode "
    static const struct {
        const char *first, *second, *message;
    } bad[] = {
        {"host", "a", AFTER "host: invalid argument"},
        {"none", "none", AFTER "none: invalid argument"},
        {"container:x", "a", AFTER "container: invalid argument"},
        {"slirp4netns:mtu=1500", "a", AFTER "slirp4netns: invalid argument"},
        {"private", "a", AFTER "private: invalid argument"},
        {"a", "host", EXTRA "host conflicts with bridge: invalid argument"},
        {"a", "container:x", EXTRA "container conflicts with bridge: invalid argument"},
        {"a", "slirp4netns", EXTRA "slirp4netns conflicts with bridge: invalid argument"},
        {"a", "bridge", EXTRA "bridge conflicts with bridge: invalid argument"},
        {"a:foo=bar", NULL, "invalid option for network a: unknown bridge network option: foo"},
        {"a", "b:ip=x", "invalid option for network b: invalid ip address \"x\""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct container_spec s;
        expect_invalid(add_both(&s, bad[i].first, bad[i].second), bad[i].first, bad[i].message);
        container_spec_done(&s);
    }
}

static void flags_of_one_network(void **state)
{
    struct container_spec s;
    (void)state;
    expect_ok(add_both(&s, "a,b", NULL), "two");
    s.image = strdup("i");
    s.ip = strdup("10.0.0.7");
    expect_invalid(container_spec_check(&s), "ip", "--ip can only be set for a single network: invalid argument");
    container_spec_done(&s);

    expect_ok(add_both(&s, "a", NULL), "one");
    s.image = strdup("i");
    s.ip6 = strdup("10.0.0.7");
    expect_invalid(container_spec_check(&s), "ip6", "\"10.0.0.7\" is not an ip address");
    container_spec_done(&s);

    expect_ok(add_both(&s, "host", NULL), "host");
    s.image = strdup("i");
    expect_ok(strv_add(&s.network_alias, "x"), "alias");
    expect_invalid(container_spec_check(&s), "alias",
                   "--network-alias can only be set when the network mode is bridge: invalid argument");
    container_spec_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_together),
        cmocka_unit_test(what_does_not),
        cmocka_unit_test(flags_of_one_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
