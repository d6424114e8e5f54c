/* Texts of the kernel that statistics are read from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/container/stats.h"

static void network_without_loopback(void **state)
{
    static const char text[] = "Inter-|   Receive                                                |  Transmit\n"
                               " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
                               "    lo: 900 1 0 0 0 0 0 0 900 1 0 0 0 0 0 0\n"
                               "  tap0: 100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n"
                               "  eth1:5 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n";
    uint64_t in, out;
    (void)state;
    stats_parse_net(text, &in, &out);
    assert_int_equal(in, 105);
    assert_int_equal(out, 207);
    stats_parse_net("", &in, &out);
    assert_int_equal(in + out, 0);
    stats_parse_net(NULL, &in, &out);
    assert_int_equal(in + out, 0);
    stats_parse_net("tap0: x y z\ntap1: 1 2\n", &in, &out);
    assert_int_equal(in + out, 0);
}

static void keys_at_the_start_of_a_line(void **state)
{
    (void)state;
    assert_int_equal(stats_parse_key("a 1\ninactive_file 22\nfile 3\n", "inactive_file "), 22);
    assert_int_equal(stats_parse_key("a 1\ninactive_file 22\nfile 3\n", "file "), 3);
    assert_int_equal(stats_parse_key("file x\n", "file "), 0);
    assert_int_equal(stats_parse_key("", "file "), 0);
}

static void devices_add_up(void **state)
{
    uint64_t in, out;
    (void)state;
    stats_parse_io("8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=99\n8:16 rbytes=1 wbytes=2\n", &in, &out);
    assert_int_equal(in, 11);
    assert_int_equal(out, 22);
    stats_parse_io("bytes=5 rbytes= wbytes=x", &in, &out);
    assert_int_equal(in + out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_without_loopback),
        cmocka_unit_test(keys_at_the_start_of_a_line),
        cmocka_unit_test(devices_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
