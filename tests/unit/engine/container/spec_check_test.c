/* Contradictions, each made by setting one or two members of a spec that is fine otherwise. */
#include "tests/unit/engine/container/expect.h"

#include "base/mem.h"
#include "engine/container/spec.h"

static void set(char **slot, const char *value)
{
    expect_ok(mem_replace(slot, value), value);
}

static void add(struct strv *list, const char *value)
{
    expect_ok(strv_add(list, value), value);
}

static void ns(struct container_spec *s, const char *which, const char *value)
{
    expect_ok(spec_set_ns(s, which, value), value);
}

/* Check `s` with the message, and make it new. */
static void refused(struct container_spec *s, const char *text)
{
    expect_invalid(container_spec_check(s), text, text);
    container_spec_done(s);
    set(&s->image, "i");
}

static void fine(struct container_spec *s, const char *what)
{
    expect_ok(container_spec_check(s), what);
    container_spec_done(s);
    set(&s->image, "i");
}

static void life(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    refused(&s, "either an image or a root file system must be given");
    set(&s.rootfs, "/r");
    refused(&s, "either an image or a root file system must be given");
    set(&s.name, "a b");
    refused(&s, "running container create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
    s.auto_remove = true;
    s.restart = RESTART_ALWAYS;
    refused(&s, "the --rm option conflicts with --restart, when the restartPolicy is not \"\" and \"no\"");
    s.init = true;
    s.systemd = SYSTEMD_ALWAYS;
    refused(&s, "cannot use container-init binary with systemd=always");
    set(&s.stop_signal, "foo");
    refused(&s, "invalid signal: foo");
    s.timeout = -1;
    refused(&s, "a timeout cannot be negative");
    s.privileged = true;
    add(&s.security_opt, "no-new-privileges");
    fine(&s, "privileged without new privileges");
    container_spec_done(&s);
}

static void namespaces(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    set(&s.image, "i");
    ns(&s, "userns", "keep-id");
    expect_ok(idmap_add(&s.uid_map, 0, 0, 1), "map");
    refused(&s, "--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive");
    ns(&s, "userns", "private");
    refused(&s, "must provide at least one UID or GID mapping to configure a user namespace");
    ns(&s, "ipc", "host");
    s.shm_bytes = 5;
    refused(&s, "invalid config provided: cannot set shmsize when running in the {host } IPC Namespace");
    ns(&s, "ipc", "container:x");
    s.shm_bytes = 5;
    refused(&s, "invalid config provided: cannot set shmsize when running in the {container x} IPC Namespace");
    ns(&s, "uts", "host");
    set(&s.hostname, "h");
    refused(
        &s,
        "invalid config provided: cannot set hostname when running in the host UTS namespace: invalid configuration");
    ns(&s, "network", "none");
    add(&s.dns, "1.1.1.1");
    refused(&s, "conflicting options: dns and the network mode: none");
    add(&s.dns, "foo");
    refused(&s, "foo is not an ip address");
    add(&s.dns, "none");
    fine(&s, "dns none");
    add(&s.dns_option, "a\nnameserver 6.6.6.6");
    refused(&s, "--dns-option: a value cannot contain a line break");
    set(&s.hostname, "a\n1.2.3.4 evil");
    refused(&s, "invalid hostname \"a 1.2.3.4 evil\"");
    container_spec_done(&s);
}

static void words(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    set(&s.image, "i");
    set(&s.image_volumes, "foo");
    refused(&s, "invalid image volume mode \"foo\" required value: bind, tmpfs, ignore");
    set(&s.cgroups, "foo");
    refused(&s, "running container create option: invalid cgroup mode \"foo\": invalid argument");
    set(&s.log_driver, "foo");
    refused(&s, "running container create option: invalid log driver: invalid argument");
    set(&s.pull, "foo");
    refused(&s, "unsupported pull policy \"foo\"");
    add(&s.log_opt, "foo");
    refused(&s, "invalid log option \"foo\"");
    set(&s.umask, "9");
    refused(&s, "running container create option: invalid umask string 9: invalid argument");
    set(&s.umask, "00777");
    refused(&s, "running container create option: invalid umask string 00777: invalid argument");
    add(&s.group_add, "keep-groups");
    add(&s.group_add, "5");
    refused(&s, "the '--group-add keep-groups' option is not allowed with any other --group-add options");
    set(&s.timezone, "../../etc/shadow");
    refused(&s, "running container create option: invalid timezone \"../../etc/shadow\"");
    add(&s.volumes_from, "x:foo");
    refused(&s, "invalid option \"foo\" specified - volumes from another container can only use z,ro,rw options");
    add(&s.add_host, "foo");
    refused(&s, "bad format for add-host: \"foo\"");
    add(&s.add_host, "foo:bar");
    refused(&s, "invalid IP address in add-host: \"bar\"");
    add(&s.add_host, "a\n6.6.6.6 evil:1.1.1.1");
    expect_invalid(container_spec_check(&s), "line break", NULL);
    container_spec_done(&s);
    set(&s.image, "i");
    s.no_hosts = true;
    add(&s.add_host, "foo:1.2.3.4");
    refused(&s, "--no-hosts and --add-host cannot be set together");
    add(&s.add_host, "foo:::1");
    fine(&s, "IPv6");
    container_spec_done(&s);
}

static void security(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    set(&s.image, "i");
    add(&s.security_opt, "foo");
    refused(&s, "invalid --security-opt 1: \"foo\"");
    add(&s.security_opt, "foo=bar");
    refused(&s, "invalid --security-opt 2: \"foo=bar\"");
    add(&s.cap_add, "foo");
    refused(&s, "\"CAP_FOO\": unknown capability");
    add(&s.cap_add, "CHOWN");
    add(&s.cap_drop, "chown");
    refused(&s, "capability \"CAP_CHOWN\" cannot be dropped and added");
    add(&s.cap_add, "all");
    add(&s.cap_drop, "ALL");
    refused(&s, "adding all caps and removing all caps not allowed");
    add(&s.sysctl, "foo");
    refused(&s, "foo is invalid, sysctl values must be in the form of KEY=VALUE");
    add(&s.sysctl, "kernel.foo=1");
    refused(&s, "sysctl 'kernel.foo' is not allowed");
    add(&s.sysctl, "net/../kernel/core_pattern=|/x");
    refused(&s, "sysctl 'net/../kernel/core_pattern' is not allowed");
    add(&s.sysctl, "net./../kernel/core_pattern=|/x");
    refused(&s, "sysctl 'net./../kernel/core_pattern' is not allowed");
    add(&s.sysctl, "net.foo=bar");
    ns(&s, "network", "host");
    refused(&s, "sysctl net.foo=bar can't be set since Network Namespace set to host: invalid argument");
    add(&s.sysctl, "kernel.msgmax=1");
    ns(&s, "ipc", "host");
    refused(&s, "sysctl kernel.msgmax=1 can't be set since IPC Namespace set to host: invalid argument");
    add(&s.sysctl, "net.ipv4.x=a/b..c");
    fine(&s, "a value with a slash");
    container_spec_done(&s);
}

static void limits(void **state)
{
    (void)state;
    struct container_spec s;
    container_spec_init(&s);
    set(&s.image, "i");
    s.res.cpus = 1;
    s.res.cpu_quota = 5000;
    refused(&s, "--cpu-quota and --cpus cannot be set together");
    s.res.cpus = 1;
    s.res.cpu_period = 5000;
    refused(&s, "--cpu-period and --cpus cannot be set together");
    s.res.memory_swap_bytes = 5;
    refused(&s, "you should always set the memory limit when using memoryswap limit, see usage");
    s.res.memory_bytes = 10;
    s.res.memory_swap_bytes = 5;
    refused(&s, "minimum memoryswap limit should be larger than memory limit, see usage");
    s.res.memory_bytes = 10;
    s.res.memory_reservation_bytes = 20;
    refused(&s, "minimum memory limit cannot be less than memory reservation limit, see usage");
    s.res.memory_swappiness = 101;
    refused(&s, "invalid value: 101, valid memory swappiness range is 0-100");
    s.res.blkio_weight = 5;
    refused(&s, "range of blkio weight is from 10 to 1000");
    s.res.oom_score_adj_set = true;
    s.res.oom_score_adj = 2000;
    refused(&s, "invalid value \"2000\" for --oom-score-adj, range is -1000 to 1000");
    s.res.pids_limit = -2;
    refused(&s, "invalid value for --pids-limit: -2");
    static const char *const sets[] = {"", "foo", "1-", "-1", "1,,2", "1--2", ","};
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        set(&s.res.cpuset_cpus, sets[i]);
        expect_invalid(container_spec_check(&s), sets[i], NULL);
    }
    set(&s.res.cpuset_cpus, "0-3,7,11-15");
    fine(&s, "cpuset");
    container_spec_done(&s);
}

/* Values with a form of their own; the words are Podman's. */
static void forms(void **state)
{
    (void)state;
    static const struct {
        enum throttle_kind kind;
        const char *value, *error;
    } throttles[] = {
        {THROTTLE_READ_BPS, "/dev/sda", "bad format: /dev/sda"},
        {THROTTLE_READ_BPS, ":1", "bad format: :1"},
        {THROTTLE_WRITE_BPS, "sda:1", "bad format for device path: sda:1"},
        {THROTTLE_WRITE_BPS, "/dev/sda:-1",
         "invalid rate for device: /dev/sda:-1. The correct format is <device-path>:<number>[<unit>]. Number must be a "
         "positive integer. Unit is optional and can be kb, mb, or gb"},
        {THROTTLE_READ_IOPS, "/dev/sda:1k",
         "invalid rate for device: /dev/sda:1k. The correct format is <device-path>:<number>. Number must be a "
         "positive "
         "integer"},
        {THROTTLE_WRITE_IOPS, "/dev/sda:18446744073709551615",
         "invalid rate for device: /dev/sda:18446744073709551615. The correct format is <device-path>:<number>. Number "
         "must be a positive integer"},
        {THROTTLE_WEIGHT, "/dev/sda:9", "invalid weight for device: /dev/sda:9"},
        {THROTTLE_WEIGHT, "/dev/sda:1001", "invalid weight for device: /dev/sda:1001"},
    };
    static const struct {
        const char *value, *error;
    } rules[] = {
        {"c 1:3", "invalid device cgroup rule requires type, major:Minor, and access rules: \"c 1:3\""},
        {"x 1:3 r", "invalid device type in device-access-add: x"},
        {"c x:3 r", "strconv.ParseUint: parsing \"x\": invalid syntax"},
        {"c 1 r", "invalid device cgroup rule: \"c 1 r\": 1 is not MAJOR:MINOR"},
        {"c 1:3 x", "invalid device access in device-access-add: x"},
        {"c 1:3 ", "invalid device access in device-access-add: "},
    };
    struct container_spec s;
    container_spec_init(&s);
    set(&s.image, "i");
    for (size_t i = 0; i < ARRAY_LEN(throttles); i++) {
        add(spec_throttles_of(&s.res, throttles[i].kind), throttles[i].value);
        refused(&s, throttles[i].error);
    }
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        add(&s.device_cgroup_rules, rules[i].value);
        refused(&s, rules[i].error);
    }
    add(&s.device_cgroup_rules, "b *:3 m");
    add(&s.res.device_read_bps, "/dev/sda:1mb");
    add(&s.res.blkio_weight_device, "/dev/sda:10");
    fine(&s, "a rule and limits");
    set(&s.group_entry, "a\nb");
    refused(&s, "--group-entry: one entry is one line");
    set(&s.rdt_class, "../x");
    refused(&s, "--rdt-class ../x: not the name of a class");
    set(&s.seccomp_policy, "x");
    refused(&s, "invalid seccomp policy \"x\": valid policies are [\"default\" \"image\"]");
    set(&s.sdnotify, "x");
    refused(&s, "invalid config provided: invalid argument: invalid sdnotify value \"x\": must be container, conmon, "
                "healthy or ignore");
    set(&s.subuid_name, "x");
    ns(&s, "userns", "keep-id");
    refused(&s, "--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive");
    container_spec_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life),     cmocka_unit_test(namespaces), cmocka_unit_test(words),
        cmocka_unit_test(security), cmocka_unit_test(limits),     cmocka_unit_test(forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
