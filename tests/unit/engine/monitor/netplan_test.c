#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/monitor/netplan.h"

static struct monitor_join good;

static int setup(void **state)
{
    (void)state;
    good = (struct monitor_join){.network = "abc123"};
    slirp_config_default(&good.join.network);
    slirp_config_set_bridge(&good.join.network, (struct in_addr){htonl(0x0a590000)}, 24,
                            (struct in_addr){htonl(0x0a590001)});
    memset(good.join.container, 'a', HUB_ID_MAX);
    memcpy(good.join.ifname, "eth0", 5);
    good.join.ip.s_addr = htonl(0x0a590002);
    good.join.mac[0] = 2;
    return 0;
}

static struct err *there_and_back(const struct monitor_join *j, size_t cut, struct monitor_join *ret, char **ret_names,
                                  char **ret_resolv)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(netplan_encode_join(j, "web\nalias", "nameserver 192.0.2.1\n", &sb));
    return netplan_decode_join(sb.data, sb.len - cut, ret, ret_names, ret_resolv);
}

static void test_there_and_back(void **state)
{
    struct monitor_join j;
    AUTO_FREE char *names = NULL, *resolv = NULL;
    (void)state;
    assert_null(there_and_back(&good, 0, &j, &names, &resolv));
    assert_string_equal(names, "web\nalias");
    assert_string_equal(resolv, "nameserver 192.0.2.1\n");
    assert_string_equal(j.network, "abc123");
    assert_memory_equal(&j.join.network, &good.join.network, sizeof(good.join.network));
}

static void refused(const struct monitor_join *bad, size_t cut)
{
    struct monitor_join j;
    AUTO_FREE char *names = NULL, *resolv = NULL;
    struct err *e = there_and_back(bad, cut, &j, &names, &resolv);
    assert_non_null(e);
    err_drop(e);
}

static void test_malformed(void **state)
{
    struct monitor_join bad;
    (void)state;
    refused(&good, 1);
    refused(&good, sizeof(good));
#define BROKEN(change)    \
    do {                  \
        bad = good;       \
        change;           \
        refused(&bad, 0); \
    } while (0)
    BROKEN(memset(bad.network, 'a', sizeof(bad.network)));
    BROKEN(memcpy(bad.network, "../x", 5));
    BROKEN(bad.network[0] = 0);
    BROKEN(memset(bad.join.container, 'a', sizeof(bad.join.container)));
    BROKEN(bad.join.container[5] = '/');
    BROKEN(bad.join.container[5] = 0);
    BROKEN(memset(bad.join.ifname, 'x', sizeof(bad.join.ifname)));
    BROKEN(bad.join.ip.s_addr = htonl(0x0a5900ff));
    BROKEN(bad.join.ip.s_addr = htonl(0x0a590000));
    BROKEN(bad.join.ip = bad.join.network.gateway);
    BROKEN(bad.join.mac[0] = 0);
    BROKEN(bad.join.network.bridge = 0);
    BROKEN(bad.join.network.prefix_len = 31);
    BROKEN(bad.join.network.prefix_len = 0);
    BROKEN(bad.join.network.dns.s_addr = htonl(0x0a590003));
    BROKEN(bad.join.network.host_loopback = 1);
    BROKEN(bad.join.network.ipv6 = 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_there_and_back, setup),
        cmocka_unit_test_setup(test_malformed, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
