/* linux.resources, and the notices for what isn't there. */
#include "tests/unit/engine/container/expect.h"
#include "tests/unit/engine/container/oci_fixture.h"

static void delegate(struct fixture *f, const char *controllers)
{
    f->facts.cgroup_writable = true;
    f->facts.cgroup_fix = "ask the administrator";
    strv_done(&f->facts.cgroup_controllers);
    expect_ok(strv_split(controllers, ' ', &f->facts.cgroup_controllers), controllers);
}

static bool lists_limit(json_t *c, const char *type, json_int_t hard)
{
    json_t *all = at(c, "process.rlimits");
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *l = json_array_get(all, i);
        if (strcmp(json_string_value(json_object_get(l, "type")), type) == 0 &&
            json_integer_value(json_object_get(l, "hard")) == hard)
            return true;
    }
    return false;
}

static void ask_for_everything(struct fixture *f)
{
    struct resource_spec *r = &f->spec.res;
    r->memory_bytes = 1000;
    r->memory_reservation_bytes = 500;
    r->cpus = 0.5;
    r->cpu_shares = 100;
    r->pids_limit = 50;
    r->blkio_weight = 100;
    expect_ok(mem_strdup("0", &r->cpuset_cpus), "cpus");
}

static void limits_are_passed_on(void **state)
{
    struct fixture *f = *state;
    delegate(f, "cpu cpuset io memory pids");
    ask_for_everything(f);
    expect_json(generate(f), "linux.resources",
                "{\"memory\":{\"limit\":1000,\"reservation\":500,\"swap\":2000},"
                "\"cpu\":{\"shares\":100,\"quota\":50000,\"period\":100000,\"cpus\":\"0\"},"
                "\"pids\":{\"limit\":50},\"blockIO\":{\"weight\":100}}");
    f->spec.res.memory_swap_bytes = -1;
    expect_json(generate(f), "linux.resources.memory.swap", "-1");
    f->spec.res.memory_swap_bytes = 0;
    f->spec.res.memory_bytes = INT64_MAX;
    expect_json(generate(f), "linux.resources.memory.swap", "-1");
    assert_int_equal(f->notices.count, 0);
}

static void processes_have_a_default(void **state)
{
    struct fixture *f = *state;
    delegate(f, "pids");
    expect_json(generate(f), "linux.resources", "{\"pids\":{\"limit\":2048}}");
    f->spec.res.pids_limit = -1;
    expect_json(generate(f), "linux.resources", "{}");
    f->spec.res.pids_limit = 0;
    expect_ok(mem_strdup("disabled", &f->spec.cgroups), "cgroups");
    expect_json(generate(f), "linux.resources", "{}");
    assert_int_equal(f->notices.count, 0);
}

/* What is missing is named, with what an administrator would do. */
static void missing_controllers_are_named(void **state)
{
    struct fixture *f = *state;
    delegate(f, "memory pids");
    ask_for_everything(f);
    expect_json(generate(f), "linux.resources",
                "{\"memory\":{\"limit\":1000,\"reservation\":500,\"swap\":2000},\"pids\":{\"limit\":50}}");
    assert_int_equal(f->notices.count, 3);
    assert_non_null(strstr(f->notices.items[0], "\"cpu\" is not delegated to this user; ask the administrator"));
    assert_non_null(strstr(f->notices.items[1], "\"cpuset\""));
    assert_non_null(strstr(f->notices.items[2], "\"io\""));
}

/* Nobody is sent to delegate what the kernel hasn't got. */
static void what_the_kernel_lacks_is_told_apart(void **state)
{
    struct fixture *f = *state;
    delegate(f, "cpu cpuset io pids");
    ask_for_everything(f);
    expect_ok(strv_add(&f->facts.cgroup_lacking, "memory"), "lacking");
    expect_json(generate(f), "linux.resources.memory", NULL);
    assert_int_equal(f->notices.count, 1);
    assert_non_null(strstr(f->notices.items[0], "this kernel has no cgroup controller \"memory\""));
}

/* The reason is that of the host's state, with what changes it. */
static void hosts_without_usable_cgroups_are_explained(void **state)
{
    struct fixture *f = *state;
    ask_for_everything(f);
    f->facts.cgroup_writable = false;
    f->facts.cgroup_why = "this host uses cgroup version 1";
    f->facts.cgroup_fix = "boot otherwise";
    expect_json(generate(f), "linux.resources", "{}");
    assert_int_equal(f->notices.count, 5);
    assert_string_equal(
        f->notices.items[0],
        "--memory: not applied, since this host uses cgroup version 1; boot otherwise; instead each process alone "
        "may have that much memory of its own (RLIMIT_DATA), which is weaker");
}

/* Limits of processes take the place of those that no cgroup has, unless the user gave some. */
static void limits_of_processes_take_their_place(void **state)
{
    struct fixture *f = *state;
    f->spec.res.memory_bytes = 1000;
    f->spec.res.pids_limit = 50;
    f->facts.user_processes = 7;
    f->facts.cgroup_writable = false;
    json_t *c = generate(f);
    expect_json(c, "process.rlimits.1", "{\"type\":\"RLIMIT_NPROC\",\"hard\":57,\"soft\":57}");
    expect_json(c, "process.rlimits.2", "{\"type\":\"RLIMIT_DATA\",\"hard\":1000,\"soft\":1000}");
    expect_ok(spec_add_ulimit(&f->spec, "data=5:6"), "ulimit");
    expect_json(generate(f), "process.rlimits.2", "{\"type\":\"RLIMIT_DATA\",\"hard\":6,\"soft\":5}");
    delegate(f, "memory pids");
    c = generate(f);
    assert_false(lists_limit(c, "RLIMIT_DATA", 1000));
    assert_false(lists_limit(c, "RLIMIT_NPROC", 57));
}

static void what_version_2_has_not(void **state)
{
    struct fixture *f = *state;
    delegate(f, "cpu cpuset io memory pids");
    f->spec.res.memory_swappiness = 50;
    f->spec.res.oom_kill_disable = true;
    f->spec.res.cpu_rt_runtime = 5;
    f->spec.res.pids_limit = -1;
    expect_json(generate(f), "linux.resources", "{}");
    assert_int_equal(f->notices.count, 3);
}

/* By the devices' numbers, each kind in a list of its own. */
static void devices_have_limits_of_their_own(void **state)
{
    struct fixture *f = *state;
    static const struct oci_throttle throttles[] = {{THROTTLE_WEIGHT, 8, 0, 100},
                                                    {THROTTLE_READ_BPS, 8, 16, 1048576},
                                                    {THROTTLE_READ_BPS, 8, 32, 7},
                                                    {THROTTLE_WRITE_IOPS, 8, 0, 5}};
    delegate(f, "io");
    expect_ok(strv_add(&f->spec.res.device_read_bps, "/dev/sdb:1mb"), "asked for");
    f->facts.throttles = throttles;
    f->facts.n_throttles = ARRAY_LEN(throttles);
    expect_json(generate(f), "linux.resources.blockIO",
                "{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":100}],"
                "\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":16,\"rate\":1048576},"
                "{\"major\":8,\"minor\":32,\"rate\":7}],"
                "\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":0,\"rate\":5}]}");
    delegate(f, "pids");
    expect_json(generate(f), "linux.resources.blockIO", NULL);
    assert_int_equal(f->notices.count, 1);
    assert_non_null(strstr(f->notices.items[0], "--device-read-bps"));
}

/* What cannot be is said. */
static void device_rules_are_said_to_be_of_no_use(void **state)
{
    struct fixture *f = *state;
    delegate(f, "io");
    expect_ok(strv_add(&f->spec.device_cgroup_rules, "c 1:3 rwm"), "rule");
    expect_json(generate(f), "linux.resources.devices", NULL);
    assert_int_equal(f->notices.count, 1);
    assert_non_null(strstr(f->notices.items[0], "--device-cgroup-rule: not applied"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(limits_are_passed_on),
        FIXTURE_TEST(processes_have_a_default),
        FIXTURE_TEST(missing_controllers_are_named),
        FIXTURE_TEST(what_the_kernel_lacks_is_told_apart),
        FIXTURE_TEST(hosts_without_usable_cgroups_are_explained),
        FIXTURE_TEST(limits_of_processes_take_their_place),
        FIXTURE_TEST(what_version_2_has_not),
        FIXTURE_TEST(devices_have_limits_of_their_own),
        FIXTURE_TEST(device_rules_are_said_to_be_of_no_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
