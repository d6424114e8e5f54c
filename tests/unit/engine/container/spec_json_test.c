/* Round trip of a spec in which every member is set: a new member that spec_json.c forgets makes the two texts differ
 * only if it is set here, so the size of the struct is checked as well. */
#include "tests/unit/engine/container/expect.h"

#include <stdlib.h>

#include "base/mem.h"
#include "engine/container/spec_internal.h"

static char *text(const char *s)
{
    char *copy = NULL;
    expect_ok(mem_strdup(s, &copy), s);
    return copy;
}

static struct strv list(const char *name)
{
    struct strv v = STRV_INIT;
    expect_ok(strv_addf(&v, "%s=1", name), name);
    expect_ok(strv_addf(&v, "%s=\"two\" \\ \n ü", name), name);
    return v;
}

static void fill_strings(struct container_spec *s)
{
    s->name = text("name");
    s->image = text("image");
    s->rootfs = text("/rootfs");
    s->workdir = text("/work");
    s->user = text("user");
    s->hostname = text("host");
    s->umask = text("0077");
    s->timezone = text("Europe/Berlin");
    s->init_path = text("/init");
    s->image_volumes = text("tmpfs");
    s->cgroups = text("disabled");
    s->cgroup_parent = text("/parent");
    s->log_driver = text("journald");
    s->stop_signal = text("SIGINT");
    s->pidfile = text("/pid");
    s->remove_image = true;
    s->cidfile = text("/cid");
    s->pod = text("pod");
    s->init_ctr = text("once");
    s->pod_cgroup = text("coracle-pod-1");
    s->detach_keys = text("");
    s->pull = text("never");
    s->platform = text("linux/arm64");
    s->runtime = text("/usr/bin/crun");
    s->storage_driver = text("fuse-overlay");
    s->maps_ids = true;
    s->healthcheck = text("{\"Test\":[]}");
    s->startup_healthcheck = text("{\"Test\":[\"NONE\"]}");
    s->health_on_failure = text("kill");
    s->group_entry = text("g:x:$GID:");
    s->seccomp_policy = text("image");
    s->rdt_class = text("class");
    s->hosts_file = text("none");
    s->host_ip = text("1.2.3.4");
    s->subuid_name = text("one");
    s->subgid_name = text("two");
    s->sdnotify = text("healthy");
    s->health_log_destination = text("/var/log/health");
    s->health_log_count = 7;
    s->health_log_size = 0;
    s->image_origin = text("docker-archive:/a");
    s->image_id = text("0123");
    s->image_config = text("{\"config\":{}}");
}

static void fill_lists(struct container_spec *s)
{
    s->create_command = list("create_command");
    s->command = list("command");
    s->entrypoint = list("entrypoint");
    s->env = list("env");
    s->env_base = list("env_base");
    s->unsetenv = list("unsetenv");
    s->group_add = list("group_add");
    s->labels = list("labels");
    s->annotations = list("annotations");
    s->volumes_from = list("volumes_from");
    s->cap_add = list("cap_add");
    s->cap_drop = list("cap_drop");
    s->security_opt = list("security_opt");
    s->sysctl = list("sysctl");
    s->secrets = list("secrets");
    s->publish = list("publish");
    s->networks = list("networks");
    s->network_alias = list("network_alias");
    s->expose = list("expose");
    s->add_host = list("add_host");
    s->dns = list("dns");
    s->dns_search = list("dns_search");
    s->dns_option = list("dns_option");
    s->log_opt = list("log_opt");
    s->device_cgroup_rules = list("device_cgroup_rules");
    s->cdi_devices = list("cdi_devices");
    s->chrootdirs = list("chrootdirs");
    s->preserve_fd = list("preserve_fd");
    for (int kind = 0; kind < THROTTLE_KINDS; kind++)
        *spec_throttles_of(&s->res, (enum throttle_kind)kind) = list("throttle");
}

static void fill_numbers(struct container_spec *s)
{
    bool *flags[] = {&s->rootfs_overlay,
                     &s->entrypoint_set,
                     &s->unsetenv_all,
                     &s->env_host,
                     &s->no_http_proxy,
                     &s->tty,
                     &s->interactive,
                     &s->privileged,
                     &s->init,
                     &s->read_only,
                     &s->no_read_only_tmpfs,
                     &s->publish_all,
                     &s->no_hosts,
                     &s->no_hostname,
                     &s->no_keyring,
                     &s->no_pivot,
                     &s->auto_remove,
                     &s->no_sig_proxy,
                     &s->pod_stop,
                     &s->pause,
                     &s->keeps_id,
                     &s->res.oom_kill_disable,
                     &s->res.oom_score_adj_set};
    int64_t *numbers[] = {&s->shm_bytes,
                          &s->systemd_tmpfs_bytes,
                          &s->storage_bytes,
                          &s->storage_inodes,
                          &s->stop_timeout,
                          &s->timeout,
                          &s->restart_max,
                          &s->res.memory_bytes,
                          &s->res.memory_reservation_bytes,
                          &s->res.memory_swap_bytes,
                          &s->res.memory_swappiness,
                          &s->res.cpu_period,
                          &s->res.cpu_quota,
                          &s->res.cpu_shares,
                          &s->res.cpu_rt_period,
                          &s->res.cpu_rt_runtime,
                          &s->res.pids_limit,
                          &s->res.blkio_weight,
                          &s->res.oom_score_adj};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        *flags[i] = true;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        *numbers[i] = INT64_MAX - (int64_t)i;
    s->res.memory_swap_bytes = -1;
    s->res.cpus = 1.25;
    s->res.cpuset_cpus = text("0-1");
    s->res.cpuset_mems = text("0");
    s->restart = RESTART_UNLESS_STOPPED;
    s->systemd = SYSTEMD_ALWAYS;
    s->preserve_fds = UINT32_MAX;
}

static void fill_parts(struct container_spec *s)
{
    struct ns_spec *spaces[] = {&s->pid, &s->ipc, &s->uts, &s->network, &s->cgroupns, &s->userns};
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
        *spaces[i] = (struct ns_spec){(enum ns_mode)(NS_AUTO - i), text("arg")};
    expect_ok(idmap_add(&s->uid_map, 0, 1, 1000), "map");
    expect_ok(idmap_add(&s->uid_map, 1000, 0, 1), "map");
    expect_ok(idmap_add(&s->gid_map, 0, 5, 7), "map");
    struct mount_spec m = {MOUNT_IMAGE,
                           text("source"),
                           text("/target"),
                           list("options"),
                           true,
                           true,
                           true,
                           true,
                           true,
                           text("sub"),
                           text(""),
                           text("driver"),
                           list("volume_options"),
                           text("digest"),
                           text("title"),
                           text("file_name"),
                           true};
    struct mount_spec plain = {.type = MOUNT_TMPFS, .target = text("/tmp")};
    expect_ok(spec_take_mount(s, &m), "mount");
    expect_ok(spec_take_mount(s, &plain), "mount");
    struct device_spec d = {text("/dev/a"), text("/dev/b"), text("rw")};
    expect_ok(spec_take_device(s, &d), "device");
    struct ulimit_spec u = {text("core"), 5, UINT64_MAX};
    expect_ok(spec_take_ulimit(s, &u), "ulimit");
}

static void everything_survives(void **state)
{
    (void)state;
    struct container_spec s, back;
    container_spec_init(&s);
    fill_strings(&s);
    fill_lists(&s);
    fill_numbers(&s);
    fill_parts(&s);

    AUTO_FREE char *first = NULL, *second = NULL;
    expect_ok(container_spec_to_json(&s, &first), "write");
    expect_ok(container_spec_from_json(first, strlen(first), &back), first);
    expect_ok(container_spec_to_json(&back, &second), "write again");
    assert_string_equal(first, second);

    /* A few by value, among them what is easily lost. */
    assert_string_equal(back.detach_keys, "");
    assert_string_equal(back.mounts[0].idmap, "");
    assert_null(back.mounts[1].idmap);
    assert_true(back.ulimits[0].hard == UINT64_MAX);
    assert_int_equal(back.res.memory_swap_bytes, -1);
    assert_true(back.res.cpus > 1.24 && back.res.cpus < 1.26);
    assert_string_equal(back.env.items[1], "env=\"two\" \\ \n ü");
    assert_int_equal(back.userns.mode, s.userns.mode);
    assert_true(idmap_equal(&back.uid_map, &s.uid_map));
    container_spec_done(&s);
    container_spec_done(&back);
}

/* No byte of a filled spec is left at its default by the round trip: members that no table names would be. */
static void no_member_is_forgotten(void **state)
{
    (void)state;
    struct container_spec s, back;
    container_spec_init(&s);
    fill_strings(&s);
    fill_lists(&s);
    fill_numbers(&s);
    fill_parts(&s);
    AUTO_FREE char *json = NULL;
    expect_ok(container_spec_to_json(&s, &json), "write");
    expect_ok(container_spec_from_json(json, strlen(json), &back), json);
    const unsigned char *a = (const unsigned char *)&s, *b = (const unsigned char *)&back;
    for (size_t i = 0; i + sizeof(void *) <= sizeof(s); i += sizeof(void *)) {
        static const unsigned char zero[sizeof(void *)];
        bool set = memcmp(a + i, zero, sizeof(zero)) != 0, kept = memcmp(b + i, zero, sizeof(zero)) != 0;
        if (set != kept)
            fail_msg("the member at offset %zu of struct container_spec is lost", i);
    }
    container_spec_done(&s);
    container_spec_done(&back);
}

static void defaults_are_short(void **state)
{
    (void)state;
    struct container_spec s, back;
    container_spec_init(&s);
    AUTO_FREE char *json = NULL;
    expect_ok(container_spec_to_json(&s, &json), "write");
    assert_true(strlen(json) < 80);
    expect_ok(container_spec_from_json(json, strlen(json), &back), json);
    assert_int_equal(back.stop_timeout, -1);
    assert_int_equal(back.res.memory_swappiness, -1);
    container_spec_done(&back);
}

static void damaged_text_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{\"name\":1}",
        "{\"command\":[1]}",
        "{\"restart\":\"sometimes\"}",
        "{\"pid\":{\"mode\":\"x\"}}",
        "{\"mounts\":{}}",
        "{\"mounts\":[{}]}",
        "{\"devices\":[{}]}",
        "{\"ulimits\":[{}]}",
        "{\"preserve_fds\":-1}",
        "{\"preserve_fds\":4294967296}",
        "{\"uid_map\":\"x\"}",
        "{\"res\":[]}",
        "{\"res\":{\"cpus\":\"1\"}}",
        "{\"tty\":\"yes\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct container_spec s;
        struct err *e = container_spec_from_json(bad[i], strlen(bad[i]), &s);
        if (!e)
            fail_msg("'%s' was accepted", bad[i]);
        err_free(e);
    }
    struct container_spec s;
    static const char newer[] = "{\"added_later\":{\"a\":[1]},\"name\":\"x\"}";
    expect_ok(container_spec_from_json(newer, strlen(newer), &s), newer);
    assert_string_equal(s.name, "x");
    container_spec_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_survives),
        cmocka_unit_test(no_member_is_forgotten),
        cmocka_unit_test(defaults_are_short),
        cmocka_unit_test(damaged_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
