/* --pid, --ipc, --uts, --network, --cgroupns, --userns. */
#include "tests/unit/engine/container/expect.h"

#include "base/mem.h"
#include "engine/container/spec.h"

static const char *const all[] = {"pid", "ipc", "uts", "network", "cgroupns", "userns"};

static void common_modes_go_everywhere(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        static const char *const values[] = {"", "host", "private", "pod", "container:x", "ns:/proc/1/ns/x"};
        for (size_t k = 0; k < ARRAY_LEN(values); k++)
            expect_ok(spec_set_ns(&s, all[i], values[k]), values[k]);
        expect_invalid(spec_set_ns(&s, all[i], "container:"), all[i],
                       "invalid config provided: namespace mode container requires a value");
        expect_invalid(spec_set_ns(&s, all[i], "ns:"), all[i],
                       "invalid config provided: namespace mode path requires a value");
    }
    assert_int_equal(s.pid.mode, NS_PATH);
    assert_string_equal(s.pid.arg, "/proc/1/ns/x");
    expect_ok(spec_set_ns(&s, "pid", ""), "reset");
    assert_int_equal(s.pid.mode, NS_DEFAULT);
    assert_null(s.pid.arg);
    container_spec_done(&s);
}

static void special_modes(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    expect_ok(spec_set_ns(&s, "ipc", "shareable"), "shareable");
    expect_ok(spec_set_ns(&s, "ipc", "none"), "none");
    assert_int_equal(s.ipc.mode, NS_NONE);
    expect_ok(spec_set_ns(&s, "network", "none"), "none");
    assert_int_equal(s.network.mode, NS_NONE);
    expect_ok(spec_set_ns(&s, "network", "slirp4netns:mtu=1500"), "slirp4netns");
    assert_int_equal(s.network.mode, NS_PRIVATE);
    assert_string_equal(s.network.arg, "slirp4netns:mtu=1500");
    expect_ok(spec_set_ns(&s, "userns", "keep-id:uid=1,gid=2"), "keep-id");
    assert_int_equal(s.userns.mode, NS_KEEP_ID);
    assert_string_equal(s.userns.arg, "uid=1,gid=2");
    expect_ok(spec_set_ns(&s, "userns", "keep-id"), "keep-id");
    assert_null(s.userns.arg);
    expect_ok(spec_set_ns(&s, "userns", "auto:size=500"), "auto");
    expect_ok(spec_set_ns(&s, "userns", "nomap"), "nomap");
    assert_int_equal(s.userns.mode, NS_NOMAP);
    expect_invalid(spec_set_ns(&s, "userns", "keep-id:foo=1"), "foo", "unknown option specified: \"foo\"");
    expect_invalid(spec_set_ns(&s, "userns", "keep-id:uid=x"), "uid=x", NULL);
    expect_invalid(spec_set_ns(&s, "userns", "auto:uid=1"), "uid", "unknown option specified: \"uid\"");
    container_spec_done(&s);
}

static void foreign_modes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *which, *value;
    } bad[] = {{"pid", "foo"},     {"pid", "none"},      {"pid", "shareable"}, {"uts", "keep-id"}, {"cgroupns", "none"},
               {"userns", "none"}, {"ipc", "container"}, {"pid", "host:x"},    {"ipc", "bridge"}};
    struct container_spec s;
    container_spec_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_FREE char *text = NULL;
        expect_ok(mem_asprintf(&text, "unrecognized namespace mode %s passed", bad[i].value), "text");
        expect_invalid(spec_set_ns(&s, bad[i].which, bad[i].value), bad[i].value, text);
    }
    container_spec_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(common_modes_go_everywhere),
        cmocka_unit_test(special_modes),
        cmocka_unit_test(foreign_modes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
