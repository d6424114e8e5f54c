/* Devices, limits, labels, restart policies, entrypoints, names, signals. */
#include "tests/unit/engine/container/expect.h"

#include <signal.h>

#include "base/mem.h"
#include "engine/container/spec.h"

#define ULIMIT(value) "ulimit option \"" value "\" requires name=SOFT:HARD, failed to be parsed: "

typedef struct err *parse_fn(struct container_spec *s, const char *value);
struct bad {
    parse_fn *parse;
    const char *value, *text;
};

static const struct bad bad[] = {
    {spec_add_device, "foo", "stat foo: no such file or directory"},
    {spec_add_device, "", "invalid device specification: "},
    {spec_add_device, "/dev/null:rel", "invalid device mode: rel"},
    {spec_add_device, "/dev/null:/a:xyz", "invalid device mode: xyz"},
    {spec_add_device, "/dev/null:/a:rr", "invalid device mode: rr"},
    {spec_add_device, "/dev/null:/a:", "invalid device mode: "},
    {spec_add_device, "/dev/null:/a:r:w", "invalid device specification: /dev/null:/a:r:w"},
    {spec_add_ulimit, "foo", ULIMIT("foo") "invalid ulimit argument: foo"},
    {spec_add_ulimit, "foo=1", ULIMIT("foo=1") "invalid ulimit type: foo"},
    {spec_add_ulimit, "nofile", ULIMIT("nofile") "invalid ulimit argument: nofile"},
    {spec_add_ulimit, "nofile=a", ULIMIT("nofile=a") "strconv.ParseInt: parsing \"a\": invalid syntax"},
    {spec_add_ulimit, "nofile=", ULIMIT("nofile=") "strconv.ParseInt: parsing \"\": invalid syntax"},
    {spec_add_ulimit, "nofile=5:", ULIMIT("nofile=5:") "strconv.ParseInt: parsing \"\": invalid syntax"},
    {spec_add_ulimit, "nofile=5:3",
     ULIMIT("nofile=5:3") "ulimit soft limit must be less than or equal to hard limit: 5 > 3"},
    {spec_add_ulimit, "nofile=1:2:3",
     ULIMIT("nofile=1:2:3") "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`"},
    {spec_add_ulimit, "nofile=-1:5",
     ULIMIT("nofile=-1:5") "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: 5"},
    {spec_add_ulimit, "nofile=-2", NULL},
    {spec_add_ulimit, "RLIMIT_NOFILE=5", ULIMIT("RLIMIT_NOFILE=5") "invalid ulimit type: RLIMIT_NOFILE"},
    {spec_add_label, "", "unable to process labels: invalid label format: \"\""},
    {spec_add_label, "=x", "unable to process labels: invalid label format: \"=x\""},
    {spec_add_annotation, "foo", "annotations must be formatted KEY=VALUE"},
    {spec_add_annotation, "=x", "annotations must be formatted KEY=VALUE"},
    {spec_set_restart, "foo",
     "running container create option: \"foo\" is not a valid restart policy: invalid argument"},
    {spec_set_restart, "always:3", "restart policy retries can only be specified with on-failure restart policy"},
    {spec_set_restart, "on-failure:x",
     "parsing restart policy retry count: strconv.Atoi: parsing \"x\": invalid syntax"},
    {spec_set_restart, "on-failure:", "parsing restart policy retry count: strconv.Atoi: parsing \"\": invalid syntax"},
    {spec_set_restart, "on-failure:-1", "must specify restart policy retry count as a number greater than 0"},
    {spec_set_restart, "on-failure:3:4", "invalid restart policy: may specify retries at most once"},
};

static void bad_values_are_refused(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_invalid(bad[i].parse(&s, bad[i].value), bad[i].value, bad[i].text);
    assert_int_equal(s.n_devices + s.n_ulimits + s.labels.count + s.annotations.count, 0);
    container_spec_done(&s);
}

static void devices_have_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *value, *target, *mode;
    } good[] = {
        {"/dev/null", "/dev/null", "rwm"},
        {"/dev/null:r", "/dev/null", "r"},
        {"/dev/null:/dev/x", "/dev/x", "rwm"},
        {"/dev/null:/dev/x:mr", "/dev/x", "mr"},
    };
    struct container_spec s;
    container_spec_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        expect_ok(spec_add_device(&s, good[i].value), good[i].value);
        assert_string_equal(s.devices[i].host_path, "/dev/null");
        assert_string_equal(s.devices[i].ct_path, good[i].target);
        assert_string_equal(s.devices[i].permissions, good[i].mode);
    }
    container_spec_done(&s);
}

static void the_last_limit_counts(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    expect_ok(spec_add_ulimit(&s, "nofile=5"), "one");
    assert_true(s.ulimits[0].soft == 5 && s.ulimits[0].hard == 5);
    expect_ok(spec_add_ulimit(&s, "nofile=6:-1"), "two");
    expect_ok(spec_add_ulimit(&s, "core=-1:-1"), "three");
    expect_ok(spec_add_ulimit(&s, "host"), "host");
    assert_int_equal(s.n_ulimits, 3);
    assert_true(s.ulimits[0].soft == 6 && s.ulimits[0].hard == UINT64_MAX);
    assert_true(s.ulimits[1].soft == UINT64_MAX);
    container_spec_done(&s);
}

static void labels_replace_each_other(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    expect_ok(spec_add_label(&s, "a"), "a");
    expect_ok(spec_add_label(&s, "b=1=2"), "b");
    expect_ok(spec_add_label(&s, "a=x"), "a");
    expect_ok(spec_add_annotation(&s, "k=v"), "k");
    assert_int_equal(s.labels.count, 2);
    assert_string_equal(s.labels.items[0], "a=x");
    assert_string_equal(s.labels.items[1], "b=1=2");
    container_spec_done(&s);
}

static void restart_policies(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    expect_ok(spec_set_restart(&s, "on-failure:3"), "on-failure");
    assert_int_equal(s.restart, RESTART_ON_FAILURE);
    assert_int_equal(s.restart_max, 3);
    expect_ok(spec_set_restart(&s, "unless-stopped"), "unless-stopped");
    assert_int_equal(s.restart, RESTART_UNLESS_STOPPED);
    assert_int_equal(s.restart_max, 0);
    expect_ok(spec_set_restart(&s, "no"), "no");
    assert_int_equal(s.restart, RESTART_NO);
    container_spec_done(&s);
}

static void entrypoints_are_arrays_or_one_word(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        size_t count;
        const char *first;
    } good[] = {
        {"[\"echo\",\"a\"]", 2, "echo"}, {"[]", 0, NULL}, {"", 1, ""}, {"a b", 1, "a b"}, {"[\"a\"", 1, "[\"a\""},
        {"[\"a\",1]", 1, "[\"a\",1]"},   {"{}", 1, "{}"},
    };
    struct container_spec s;
    container_spec_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        expect_ok(spec_set_entrypoint(&s, good[i].value), good[i].value);
        assert_true(s.entrypoint_set);
        assert_int_equal(s.entrypoint.count, good[i].count);
        if (good[i].first)
            assert_string_equal(s.entrypoint.items[0], good[i].first);
    }
    container_spec_done(&s);
}

static void names_and_signals(void **state)
{
    (void)state;
    int sig = 0;
    expect_ok(spec_check_name("a0_.-Z"), "name");
    static const char *const names[] = {"", "-x", ".x", "a b", "a/b", "ä", "a\n"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        expect_invalid(spec_check_name(names[i]), names[i],
                       "names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
    expect_ok(spec_parse_signal("SIGRTMIN+3", &sig), "SIGRTMIN+3");
    assert_int_equal(sig, SIGRTMIN + 3);
    expect_ok(spec_parse_signal("int", &sig), "int");
    assert_int_equal(sig, SIGINT);
    expect_invalid(spec_parse_signal("foo", &sig), "foo", "invalid signal: foo");
    expect_invalid(spec_parse_signal("99", &sig), "99", NULL);
    expect_invalid(spec_parse_signal("0", &sig), "0", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_values_are_refused), cmocka_unit_test(devices_have_defaults),
        cmocka_unit_test(the_last_limit_counts),  cmocka_unit_test(labels_replace_each_other),
        cmocka_unit_test(restart_policies),       cmocka_unit_test(entrypoints_are_arrays_or_one_word),
        cmocka_unit_test(names_and_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
