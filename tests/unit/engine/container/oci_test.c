/* config.json: commands, process, namespaces, confinement. */
#include "tests/unit/engine/container/expect.h"
#include "tests/unit/engine/container/oci_fixture.h"

#include <signal.h>

static void list(struct strv *v, const char *items)
{
    strv_done(v);
    if (items)
        expect_ok(strv_split(items, ' ', v), items);
}

static void entrypoint_and_command(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *image_entry, *image_cmd, *entry, *command, *want;
    } cases[] = {
        {NULL, "a b", NULL, NULL, "[\"a\",\"b\"]"},
        {"e", "a b", NULL, NULL, "[\"e\",\"a\",\"b\"]"},
        {"e", "a b", NULL, "c", "[\"e\",\"c\"]"},
        {"e", "a b", "x", NULL, "[\"x\"]"},
        {"e", "a b", "x y", "c", "[\"x\",\"y\",\"c\"]"},
        {"e", "a b", "[]", NULL, "[\"a\",\"b\"]"},
        {"e", "a b", "", "c", "[\"c\"]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        list(&f->image.entrypoint, cases[i].image_entry);
        list(&f->image.cmd, cases[i].image_cmd);
        list(&f->spec.command, cases[i].command);
        f->spec.entrypoint_set = cases[i].entry != NULL;
        bool none = cases[i].entry && strcmp(cases[i].entry, "[]") == 0;
        list(&f->spec.entrypoint, none ? NULL : cases[i].entry);
        expect_json(generate(f), "process.args", cases[i].want);
    }
    char *text = NULL;
    list(&f->spec.entrypoint, "");
    list(&f->spec.command, NULL);
    expect_invalid(oci_generate(&f->spec, &f->image, &f->facts, &f->notices, &text), "nothing",
                   "no command or entrypoint provided, and no CMD or ENTRYPOINT from image");
}

static void plain_process(void **state)
{
    struct fixture *f = *state;
    json_t *c = generate(f);
    expect_json(c, "process.terminal", "false");
    expect_json(c, "process.user", "{\"uid\":0,\"gid\":0,\"umask\":18}");
    expect_json(c, "process.cwd", "\"/\"");
    expect_json(
        c, "process.env",
        "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"TERM=xterm\",\"container=coracle\","
        "\"HOME=/root\",\"HOSTNAME=0123456789ab\"]");
    expect_json(c, "process.rlimits",
                "[{\"type\":\"RLIMIT_NOFILE\",\"hard\":20000,\"soft\":20000},"
                "{\"type\":\"RLIMIT_NPROC\",\"hard\":1048576,\"soft\":1048576}]");
    expect_json(c, "process.capabilities.inheritable", NULL);
    expect_json(c, "process.capabilities.ambient", NULL);
    expect_json(c, "process.noNewPrivileges", NULL);
    expect_json(c, "root", "{\"path\":\"/rootfs\"}");
    expect_json(c, "hostname", "\"0123456789ab\"");
    expect_json(c, "annotations.io.container.manager", NULL); /* one key with dots */
    assert_string_equal(json_string_value(json_object_get(at(c, "annotations"), "org.opencontainers.image.stopSignal")),
                        "15");
    expect_json(c, "linux.resources", "{}");
    assert_int_equal(f->notices.count, 0);
}

static void environment_in_its_order(void **state)
{
    struct fixture *f = *state;
    list(&f->spec.env_base, "BASE=host BOTH=host http_proxy=p");
    list(&f->image.env, "PATH=/image BOTH=image GONE=1 NOVALUE");
    list(&f->spec.unsetenv, "GONE TERM");
    list(&f->spec.env, "MINE=1 container=z");
    expect_json(
        generate(f), "process.env",
        "[\"PATH=/image\",\"container=z\",\"BASE=host\",\"BOTH=image\",\"http_proxy=p\",\"MINE=1\",\"HOME=/root\","
        "\"HOSTNAME=0123456789ab\"]");
    f->spec.unsetenv_all = true;
    list(&f->spec.env, "HOME=/h HOSTNAME=me");
    expect_json(generate(f), "process.env", "[\"HOME=/h\",\"HOSTNAME=me\"]");
}

static void users_and_limits(void **state)
{
    struct fixture *f = *state;
    uint32_t groups[] = {1000, 77, 70000};
    f->user.ct_uid = f->user.ct_gid = 1000;
    f->user.groups = groups;
    f->user.n_groups = ARRAY_LEN(groups);
    AUTO_IDMAP struct idmap map = {0}, single = {0};
    expect_ok(idmap_add(&map, 0, 1001, 1), "map");
    expect_ok(idmap_add(&map, 1, 100000, 65536), "map");
    expect_ok(idmap_add(&single, 0, 1001, 1), "map");
    f->facts.session_gids = &map;
    expect_ok(mem_strdup("0077", &f->spec.umask), "umask");
    expect_ok(mem_strdup("/w", &f->spec.workdir), "workdir");
    expect_ok(spec_add_ulimit(&f->spec, "nofile=5:6"), "ulimit");
    f->spec.tty = true;
    json_t *c = generate(f);
    expect_json(c, "process.user", "{\"uid\":1000,\"gid\":1000,\"umask\":63,\"additionalGids\":[1000,77]}");
    expect_json(c, "process.cwd", "\"/w\"");
    expect_json(c, "process.terminal", "true");
    assert_true(lists(c, "process.env", "HOME=/root"));
    expect_json(c, "process.capabilities.effective", "[]");
    assert_true(strstr(json_string_value(at(c, "process.rlimits.1.type")), "NOFILE") != NULL);
    expect_json(c, "process.rlimits.1", "{\"type\":\"RLIMIT_NOFILE\",\"hard\":6,\"soft\":5}");
    /* With one id, setgroups(2) is denied. */
    f->facts.session_gids = &single;
    expect_json(generate(f), "process.user.additionalGids", NULL);
    expect_ok(spec_add_ulimit(&f->spec, "host"), "ulimit");
    assert_int_equal(json_array_size(at(generate(f), "process.rlimits")), 1);
    /* Unlimited is a number that jansson cannot read. */
    AUTO_FREE char *text = NULL;
    expect_ok(spec_add_ulimit(&f->spec, "core=-1"), "ulimit");
    expect_ok(oci_generate(&f->spec, &f->image, &f->facts, &f->notices, &text), "text");
    assert_non_null(
        strstr(text, "{\"type\":\"RLIMIT_CORE\",\"hard\":18446744073709551615,\"soft\":18446744073709551615}"));
}

static void oom_score(void **state)
{
    struct fixture *f = *state;
    f->spec.res.oom_score_adj_set = true;
    f->spec.res.oom_score_adj = 500;
    expect_json(generate(f), "process.oomScoreAdj", "500");
    f->spec.res.oom_score_adj = -5;
    expect_json(generate(f), "process.oomScoreAdj", NULL);
    assert_int_equal(f->notices.count, 1);
}

static void namespaces(void **state)
{
    struct fixture *f = *state;
    expect_json(generate(f), "linux.namespaces",
                "[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},"
                "{\"type\":\"cgroup\"}]");
    f->spec.pid.mode = f->spec.ipc.mode = f->spec.uts.mode = f->spec.network.mode = f->spec.cgroupns.mode = NS_HOST;
    json_t *c = generate(f);
    expect_json(c, "linux.namespaces", "[{\"type\":\"mount\"}]");
    expect_json(c, "hostname", NULL);
    expect_json(c, "linux.sysctl", NULL);
    AUTO_IDMAP struct idmap map = {0};
    expect_ok(idmap_add(&map, 0, 1, 1000), "map");
    f->facts.ct_uids = f->facts.ct_gids = &map;
    f->facts.network_ns = "/net";
    f->facts.pid_ns = "/pid";
    c = generate(f);
    expect_json(c, "linux.namespaces",
                "[{\"type\":\"pid\",\"path\":\"/pid\"},{\"type\":\"network\",\"path\":\"/net\"},{\"type\":\"mount\"},"
                "{\"type\":\"user\"}]");
    expect_json(c, "linux.uidMappings", "[{\"containerID\":0,\"hostID\":1,\"size\":1000}]");
}

static void paths_are_masked(void **state)
{
    struct fixture *f = *state;
    json_t *c = generate(f);
    assert_int_equal(json_array_size(at(c, "linux.maskedPaths")), 11);
    assert_true(lists(c, "linux.maskedPaths", "/proc/kcore") && lists(c, "linux.readonlyPaths", "/proc/sys"));
    list(&f->spec.security_opt, "mask=/a:/b unmask=/proc/*");
    expect_json(generate(f), "linux.maskedPaths",
                "[\"/sys/firmware\",\"/sys/fs/selinux\",\"/sys/dev/block\",\"/a\",\"/b\"]");
    expect_json(generate(f), "linux.readonlyPaths", "[]");
    list(&f->spec.security_opt, "unmask=/proc/k*");
    c = generate(f);
    assert_false(lists(c, "linux.maskedPaths", "/proc/kcore"));
    assert_true(lists(c, "linux.maskedPaths", "/proc/scsi"));
    list(&f->spec.security_opt, "unmask=ALL mask=/x");
    c = generate(f);
    expect_json(c, "linux.maskedPaths", "[\"/x\"]");
    f->spec.privileged = true;
    list(&f->spec.security_opt, NULL);
    c = generate(f);
    expect_json(c, "linux.maskedPaths", NULL);
    expect_json(c, "linux.readonlyPaths", NULL);
    expect_json(c, "linux.seccomp", NULL);
}

static const char *annotation(json_t *c, const char *key)
{
    return json_string_value(json_object_get(at(c, "annotations"), key));
}

static void seccomp_profiles(void **state)
{
    struct fixture *f = *state;
    json_t *c = generate(f);
    expect_json(c, "linux.seccomp.defaultAction", "\"SCMP_ACT_ERRNO\"");
    assert_non_null(annotation(c, "run.oci.seccomp_bpf_data"));
    list(&f->spec.security_opt, "seccomp=unconfined no-new-privileges");
    c = generate(f);
    expect_json(c, "linux.seccomp", NULL);
    assert_null(annotation(c, "run.oci.seccomp_bpf_data"));
    expect_json(c, "process.noNewPrivileges", "true");
    /* A profile of the user's: no program of ours beside it, which crun would prefer. */
    list(&f->spec.security_opt, "seccomp=/p.json");
    f->facts.seccomp_profile = "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}";
    f->spec.privileged = true;
    c = generate(f);
    expect_json(c, "linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[]}");
    assert_null(annotation(c, "run.oci.seccomp_bpf_data"));
    f->facts.seccomp_profile = "{";
    char *text = NULL;
    expect_invalid(oci_generate(&f->spec, &f->image, &f->facts, &f->notices, &text), "bad profile", NULL);
    list(&f->spec.security_opt, "apparmor=foo");
    expect_err(oci_generate(&f->spec, &f->image, &f->facts, &f->notices, &text), "apparmor", ERR_UNSUPPORTED,
               "apparmor profile \"foo\" specified, but Apparmor is not enabled on this system");
    f->facts.apparmor_profile = "foo";
    expect_json(generate(f), "process.apparmorProfile", "\"foo\"");
}

static void annotations_and_sysctls(void **state)
{
    struct fixture *f = *state;
    list(&f->spec.annotations, "a=b io.container.manager=mine run.oci.x=1=2");
    list(&f->spec.group_add, "keep-groups");
    list(&f->spec.sysctl, "net.ipv4.ip_forward=1");
    f->facts.hooks_json = "{\"poststop\":[]}";
    f->facts.cgroup_path = "/user.slice/x";
    json_t *c = generate(f);
    assert_string_equal(annotation(c, "a"), "b");
    assert_string_equal(annotation(c, "io.container.manager"), "mine");
    assert_string_equal(annotation(c, "run.oci.x"), "1=2");
    assert_string_equal(annotation(c, "run.oci.keep_original_groups"), "1");
    expect_json(c, "hooks", "{\"poststop\":[]}");
    expect_json(c, "linux.cgroupsPath", "\"/user.slice/x\"");
    char *sysctl = json_dumps(at(c, "linux.sysctl"), JSON_COMPACT);
    assert_string_equal(sysctl, "{\"net.ipv4.ping_group_range\":\"0 0\",\"net.ipv4.ip_forward\":\"1\"}");
    free(sysctl);
}

static void systemd_mode(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *command;
        bool is;
    } cases[] = {{"/sbin/init", true},
                 {"/usr/lib/systemd/systemd --x", true},
                 {"/bin/sh -c /sbin/init", true},
                 {"/sbin/init2", false},
                 {"sh", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        list(&f->spec.command, cases[i].command);
        assert_int_equal(oci_is_systemd(&f->spec, &f->image), cases[i].is);
    }
    int sig = 0;
    list(&f->spec.command, "/sbin/init");
    expect_ok(oci_stop_signal(&f->spec, &f->image, &sig), "signal");
    assert_int_equal(sig, SIGRTMIN + 3);
    json_t *c = generate(f);
    assert_true(lists(c, "process.env", "container_uuid=0123456789abcdef0123456789abcdef"));
    expect_mount_on(c, "/sys/fs/cgroup", "cgroup cgroup private,rw");
    expect_mount_on(c, "/run/lock", "tmpfs tmpfs rw,rprivate,nosuid,nodev,tmpcopyup");
    f->spec.systemd = SYSTEMD_FALSE;
    assert_false(oci_is_systemd(&f->spec, &f->image));
    f->image.stop_signal = (char[]){"SIGINT"};
    expect_ok(oci_stop_signal(&f->spec, &f->image, &sig), "signal");
    assert_int_equal(sig, SIGINT);
}

static json_t *exec_process(struct fixture *f, const struct oci_exec *x)
{
    AUTO_FREE char *text = NULL;
    expect_ok(oci_generate_process(&f->spec, &f->image, &f->facts, x, &text), "exec");
    json_decref(f->config);
    f->config = NULL;
    expect_ok(json_parse(text, strlen(text), "process", &f->config), text);
    return f->config;
}

static void exec_joins(void **state)
{
    struct fixture *f = *state;
    static char home[] = "/home/u";
    const struct oci_user other = {.ct_uid = 5, .ct_gid = 5, .home = home};
    struct oci_exec x = {.tty = true};
    list(&x.command, "id -u");
    list(&x.env, "A=2 B=3");
    list(&f->spec.env, "A=1");
    list(&f->spec.security_opt, "no-new-privileges");
    expect_ok(mem_strdup("/w", &f->spec.workdir), "workdir");
    json_t *p = exec_process(f, &x);
    expect_json(p, "args", "[\"id\",\"-u\"]");
    expect_json(p, "cwd", "\"/w\"");
    expect_json(p, "terminal", "true");
    expect_json(p, "noNewPrivileges", "true");
    assert_true(lists(p, "env", "A=2") && lists(p, "env", "B=3") && lists(p, "env", "HOME=/root"));
    assert_true(lists(p, "capabilities.effective", "CAP_CHOWN"));

    x.user = &other;
    x.workdir = "/x";
    list(&f->spec.cap_add, "net_raw");
    p = exec_process(f, &x);
    expect_json(p, "user.uid", "5");
    expect_json(p, "cwd", "\"/x\"");
    assert_true(lists(p, "env", "HOME=/home/u"));
    expect_json(p, "capabilities.effective", "[]"); /* what --cap-add gave was for another user */
    assert_true(lists(p, "capabilities.bounding", "CAP_NET_RAW"));
    x.privileged = true;
    p = exec_process(f, &x);
    assert_int_equal(json_array_size(at(p, "capabilities.bounding")), 41);
    strv_done(&x.command);
    char *text = NULL;
    expect_invalid(oci_generate_process(&f->spec, &f->image, &f->facts, &x, &text), "no command",
                   "must provide a non-empty command to start an exec session");
    strv_done(&x.env);
}

/* inspect asks for what is never run: nothing that only a host or a file could answer may fail it. */
static void description_for_inspect(void **state)
{
    struct fixture *f = *state;
    list(&f->spec.security_opt, "seccomp=/gone.json apparmor=foo proc-opts=hidepid=2");
    expect_ok(spec_add_ulimit(&f->spec, "core=5:-1"), "ulimit");
    f->facts.describe = true;
    f->facts.proc_mountable = false;
    json_t *c = generate(f);
    expect_json(c, "process.rlimits.2", "{\"type\":\"RLIMIT_CORE\",\"hard\":-1,\"soft\":5}");
    expect_json(c, "linux.seccomp", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(entrypoint_and_command), FIXTURE_TEST(plain_process),    FIXTURE_TEST(environment_in_its_order),
        FIXTURE_TEST(users_and_limits),       FIXTURE_TEST(oom_score),        FIXTURE_TEST(namespaces),
        FIXTURE_TEST(paths_are_masked),       FIXTURE_TEST(seccomp_profiles), FIXTURE_TEST(annotations_and_sysctls),
        FIXTURE_TEST(systemd_mode),           FIXTURE_TEST(exec_joins),       FIXTURE_TEST(description_for_inspect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
