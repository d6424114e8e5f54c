/* Values of --network that name networks. */
#include "tests/unit/engine/container/expect.h"

#include <stdio.h>

#include "base/mem.h"
#include "engine/network/attach.h"

/* The list as texts, joined by blanks. */
static void check_list(const char *value, const char *want)
{
    AUTO_NETWORK_ATTACH_LIST struct network_attach_list l = {0};
    AUTO_STRV struct strv texts = STRV_INIT;
    AUTO_FREE char *all = NULL;
    expect_ok(network_attach_parse(value, &l), value);
    for (size_t i = 0; i < l.count; i++) {
        char *text = NULL;
        expect_ok(network_attach_text(&l.items[i], &text), value);
        expect_ok(strv_take(&texts, text), value);
    }
    expect_ok(strv_join(&texts, " ", &all), value);
    assert_string_equal(all, want);
}

static void networks_and_options(void **state)
{
    (void)state;
    check_list("a", "a");
    check_list("a,b,a", "a b");
    check_list("a:", "a");
    check_list("a:ip=10.0.0.1,alias=x,alias=y,alias=x,interface_name=net0,mac=02:00:00:AA:bb:01",
               "a:ip=10.0.0.1,mac=02:00:00:aa:bb:01,interface_name=net0,alias=x,alias=y");
    check_list("a:ip6=FD00:0::1", "a:ip6=fd00::1");
    check_list("a:ip=fd00::1,ip=10.0.0.1", "a:ip=10.0.0.1,ip6=fd00::1"); /* either family, as Podman */
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *value, *message;
    } bad[] = {
        {"", "network name cannot be empty"},
        {"a,,b", "network name cannot be empty"},
        {",a", "network name cannot be empty"},
        {":ip=10.0.0.1", "network name cannot be empty"},
        {"a:foo=bar", "invalid option for network a: unknown bridge network option: foo"},
        {"a:ip", "invalid option for network a: invalid ip address \"\""},
        {"a:ip=x", "invalid option for network a: invalid ip address \"x\""},
        {"a:ip=10.0.0.1/24", "invalid option for network a: invalid ip address \"10.0.0.1/24\""},
        {"a:ip=1.2.3.4,ip=1.2.3.5",
         "invalid option for network a: the addresses 1.2.3.4 and 1.2.3.5 cannot be set for one network"},
        {"a:mac=x", "invalid option for network a: address x: invalid MAC address"},
        {"a:mac=01:00:00:00:00:01", "invalid option for network a: address 01:00:00:00:00:01: invalid MAC address"},
        {"a:alias", "invalid option for network a: alias cannot be empty"},
        {"a:alias=", "invalid option for network a: alias cannot be empty"},
        {"a:alias=x y", "invalid option for network a: alias \"x y\" cannot be a host's name"},
        {"a:alias=x\ny", NULL},
        {"a:alias=.x", NULL},
        {"a:alias=x..y", NULL},
        {"a:interface_name=", "invalid option for network a: interface_name cannot be empty"},
        {"a:interface_name=a/b", NULL},
        {"a:interface_name=..", NULL},
        {"a:interface_name=lo", NULL},
        {"a:interface_name=abcdefghijklmnop", NULL},
        {"a:,", "invalid option for network a: unknown bridge network option: "},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_NETWORK_ATTACH_LIST struct network_attach_list l = {0};
        expect_invalid(network_attach_parse(bad[i].value, &l), bad[i].value, bad[i].message);
    }
}

static void too_many(void **state)
{
    AUTO_NETWORK_ATTACH_LIST struct network_attach_list l = {0};
    AUTO_NETWORK_ATTACH struct network_attach a = {0};
    struct err *e = NULL;
    char name[16];
    (void)state;
    for (unsigned i = 0; i < 33 && !e; i++) {
        (void)snprintf(name, sizeof(name), "n%u", i);
        e = network_attach_parse(name, &l);
    }
    expect_err(e, "33 networks", ERR_NO_SPACE, NULL);
    e = NULL;
    for (unsigned i = 0; i <= ATTACH_ALIASES_MAX && !e; i++) {
        (void)snprintf(name, sizeof(name), "n%u", i);
        e = network_attach_add_alias(&a, name);
    }
    expect_invalid(e, "65 aliases", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_and_options),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
