/* -p and --expose. */
#include "tests/unit/engine/container/expect.h"

#include "base/mem.h"
#include "engine/container/spec_internal.h"

static void good_ports_are_kept(void **state)
{
    (void)state;
    static const char *const good[] = {
        "80",        "8080:80",       "127.0.0.1:8080:80", "127.0.0.1::80", "[::1]:80:80",
        "[::1]::80", "80-90:180-190", "8080:80/udp",       "53:53/tcp,udp", ":80",
        "65535"};
    struct container_spec s;
    container_spec_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        expect_ok(spec_add_publish(&s, good[i]), good[i]);
    assert_int_equal(s.publish.count, ARRAY_LEN(good));
    container_spec_done(&s);
}

static void bad_ports_are_refused(void **state)
{
    (void)state;
#define FORMAT "invalid port format - format is [[hostIP:]hostPort:]containerPort"
    static const struct {
        const char *value, *text;
    } bad[] = {
        {"", FORMAT},
        {"a:b:c:d", FORMAT},
        {"foo", "parsing container port: invalid port number: strconv.Atoi: parsing \"foo\": invalid syntax"},
        {"99999:80", "parsing host port: port numbers must be between 1 and 65535 (inclusive), got 99999"},
        {"80:0", "parsing container port: port numbers must be between 1 and 65535 (inclusive), got 0"},
        {"80:-1", NULL},
        {"80:80:", NULL},
        {"1.2.3:80:80", "cannot parse \"1.2.3\" as an IP address"},
        {"[::g]:80:80", "cannot parse \"::g\" as an IP address"},
        {"[::1:80:80", "invalid IPv6 format - format is [ipv6Address]:hostPort:containerPort"},
        {"80-82:90-91", "host and container port ranges have different lengths: 3 vs 2"},
        {"80:90/foo", "unrecognized protocol \"foo\" in port mapping"},
        {"::80", "must provide a non-empty container host IP to publish"},
        {"80-70",
         "parsing container port: the end port of a range must be higher than the start port - 70 is not higher "
         "than 80"},
        {"1-2-3", NULL},
    };
    struct container_spec s;
    container_spec_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_invalid(spec_add_publish(&s, bad[i].value), bad[i].value, bad[i].text);
    assert_int_equal(s.publish.count, 0);
    container_spec_done(&s);
}

static void exposed_ports(void **state)
{
    (void)state;
    expect_ok(spec_check_expose("80"), "80");
    expect_ok(spec_check_expose("80-90/udp"), "range");
    expect_invalid(spec_check_expose("foo"), "foo", NULL);
    expect_invalid(spec_check_expose("70-60"), "70-60", NULL);
    expect_invalid(spec_check_expose("80/foo"), "80/foo",
                   "validating protocols for exposed port 80: unrecognized protocol \"foo\" in port mapping");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ports_are_kept),
        cmocka_unit_test(bad_ports_are_refused),
        cmocka_unit_test(exposed_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
