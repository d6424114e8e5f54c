/* "mounts". */
#include "tests/unit/engine/container/expect.h"
#include "tests/unit/engine/container/oci_fixture.h"

static void what_every_container_has(void **state)
{
    struct fixture *f = *state;
    json_t *c = generate(f);
    expect_mount_on(c, "/proc", "proc proc nosuid,noexec,nodev");
    expect_mount_on(c, "/dev", "tmpfs tmpfs nosuid,noexec,strictatime,mode=755,size=65536k");
    expect_mount_on(c, "/dev/pts", "devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
    expect_mount_on(c, "/dev/mqueue", "mqueue mqueue nosuid,noexec,nodev");
    expect_mount_on(c, "/dev/shm", "tmpfs shm rprivate,nosuid,noexec,nodev,mode=1777,size=67108864");
    expect_mount_on(c, "/sys", "sysfs sysfs nosuid,noexec,nodev,ro");
    expect_mount_on(c, "/sys/fs/cgroup", "cgroup cgroup rprivate,nosuid,noexec,nodev,relatime,ro");
    assert_int_equal(json_array_size(at(c, "mounts")), 7);
    f->facts.cgroup_v2 = false;
    expect_mount_on(generate(f), "/sys/fs/cgroup", NULL);
}

static void group_of_terminals_only_where_mapped(void **state)
{
    struct fixture *f = *state;
    AUTO_IDMAP struct idmap single = {0}, many = {0};
    expect_ok(idmap_add(&single, 0, 1001, 1), "map");
    expect_ok(idmap_add(&many, 0, 1, 100), "map");
    f->facts.session_gids = &single;
    expect_mount_on(generate(f), "/dev/pts", "devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
    f->facts.ct_gids = f->facts.ct_uids = &many;
    expect_mount_on(generate(f), "/dev/pts", "devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
}

static void what_cannot_be_mounted_is_bound(void **state)
{
    struct fixture *f = *state;
    f->facts.proc_mountable = f->facts.sys_mountable = false;
    json_t *c = generate(f);
    expect_mount_on(c, "/proc", "bind /proc rbind,rprivate,nosuid,noexec,nodev");
    expect_mount_on(c, "/sys", "bind /sys rprivate,nosuid,noexec,nodev,ro,rbind");
    assert_true(lists(c, "linux.maskedPaths", "/sys/kernel"));
    /* An option for /proc that can't be had is no notice. */
    expect_ok(strv_add(&f->spec.security_opt, "proc-opts=hidepid=2"), "proc-opts");
    char *text = NULL;
    expect_err(oci_generate(&f->spec, &f->image, &f->facts, &f->notices, &text), "proc-opts", ERR_UNSUPPORTED,
               "--security-opt proc-opts=hidepid=2: a new /proc cannot be mounted here");
    f->facts.proc_mountable = true;
    expect_mount_on(generate(f), "/proc", "proc proc hidepid=2");
    f->facts.sys_mountable = true;
    f->spec.network.mode = NS_HOST;
    expect_mount_on(generate(f), "/sys", "bind /sys rprivate,nosuid,noexec,nodev,ro,rbind");
}

/* Namespaces that the host refuses: the host's, and what belongs to them. */
static void what_the_host_refuses_is_left_out(void **state)
{
    struct fixture *f = *state;
    f->facts.no_pid_ns = f->facts.no_ipc_ns = f->facts.no_uts_ns = f->facts.no_cgroup_ns = true;
    f->facts.mqueue_mountable = false;
    f->facts.sysctl_read_only = true;
    f->facts.hostname = "h";
    json_t *c = generate(f);
    expect_mount_on(c, "/proc", "bind /proc rbind,rprivate,nosuid,noexec,nodev");
    expect_mount_on(c, "/dev/mqueue", NULL);
    expect_json(c, "hostname", NULL);
    expect_json(c, "linux.sysctl", NULL);
    expect_json(c, "linux.namespaces", "[{\"type\":\"network\"},{\"type\":\"mount\"}]");
}

static void shared_memory(void **state)
{
    struct fixture *f = *state;
    f->spec.shm_bytes = 1000;
    expect_mount_on(generate(f), "/dev/shm", "tmpfs shm rprivate,nosuid,noexec,nodev,mode=1777,size=1000");
    f->facts.shm_path = "/proc/7/root/dev/shm";
    expect_mount_on(generate(f), "/dev/shm", "bind /proc/7/root/dev/shm bind,rprivate,nosuid,noexec,nodev");
    f->facts.shm_path = NULL;
    f->spec.ipc.mode = NS_HOST;
    json_t *c = generate(f);
    expect_mount_on(c, "/dev/shm", "bind /dev/shm bind,rprivate,nosuid,noexec,nodev");
    expect_mount_on(c, "/dev/mqueue", NULL);
    f->spec.ipc.mode = NS_NONE;
    expect_mount_on(generate(f), "/dev/shm", NULL);
}

static void files_and_read_only_roots(void **state)
{
    struct fixture *f = *state;
    f->facts.hosts_path = "/h";
    f->facts.resolv_path = "/r";
    f->facts.containerenv_path = "/c";
    f->facts.secrets_dir = "/s";
    f->facts.passwd_path = "/p";
    f->facts.localtime_path = "/l";
    f->spec.init = true;
    json_t *c = generate(f);
    expect_mount_on(c, "/etc/hosts", "bind /h bind,rprivate");
    expect_mount_on(c, "/etc/resolv.conf", "bind /r bind,rprivate");
    expect_mount_on(c, "/etc/passwd", "bind /p bind,rprivate");
    expect_mount_on(c, "/etc/localtime", "bind /l bind,rprivate");
    expect_mount_on(c, "/run/.containerenv", "bind /c bind,rprivate");
    expect_mount_on(c, "/run/secrets", "bind /s bind,rprivate");
    expect_mount_on(c, "/etc/hostname", NULL);
    expect_mount_on(c, "/run/coracle-init", "bind /usr/libexec/coracle-init bind,ro,rprivate");
    expect_json(c, "process.args", "[\"/run/coracle-init\",\"--\",\"sleep\",\"100\"]");
    f->spec.read_only = true;
    c = generate(f);
    expect_json(c, "root.readonly", "true");
    expect_mount_on(c, "/etc/hosts", "bind /h bind,rprivate,ro,nosuid,noexec,nodev");
    expect_mount_on(c, "/run", "tmpfs tmpfs rw,rprivate,nosuid,nodev,tmpcopyup");
    expect_mount_on(c, "/var/tmp", "tmpfs tmpfs rw,rprivate,nosuid,nodev,tmpcopyup");
    assert_true(mount_index(c, "/run") < mount_index(c, "/run/.containerenv"));
    f->spec.no_read_only_tmpfs = true;
    expect_mount_on(generate(f), "/run", NULL);
    f->facts.init_path = NULL;
    char *text = NULL;
    expect_err(oci_generate(&f->spec, &f->image, &f->facts, &f->notices, &text), "init", ERR_NOT_FOUND,
               "container-init binary not found on the host");
}

static struct oci_mount mount_of(const char *source, const char *target, const char *options)
{
    struct oci_mount m = {0};
    expect_ok(mem_strdup(source, &m.source), source);
    expect_ok(mem_strdup(target, &m.target), target);
    expect_ok(mem_strdup("bind", &m.type), "bind");
    expect_ok(strv_split(options, ',', &m.options), options);
    return m;
}

static void free_mounts(struct oci_mount *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(m[i].source);
        free(m[i].target);
        free(m[i].type);
        strv_done(&m[i].options);
    }
}

static void users_mounts_win(void **state)
{
    struct fixture *f = *state;
    struct oci_mount m[] = {mount_of("/a", "/data/deep/er", "rbind,ro"), mount_of("/b", "/data", "rbind,rshared"),
                            mount_of("/c", "/etc/hosts", "bind"), mount_of("/d", "/dev/shm", "bind")};
    f->facts.mounts = m;
    f->facts.n_mounts = ARRAY_LEN(m);
    f->facts.hosts_path = "/h";
    json_t *c = generate(f);
    expect_mount_on(c, "/etc/hosts", "bind /c bind");
    expect_mount_on(c, "/dev/shm", "bind /d bind");
    expect_mount_on(c, "/data", "bind /b rbind,rshared");
    assert_true(mount_index(c, "/data") < mount_index(c, "/data/deep/er"));
    assert_true(mount_index(c, "/dev") < mount_index(c, "/dev/shm"));
    expect_json(c, "linux.rootfsPropagation", "\"shared\"");
    free_mounts(m, ARRAY_LEN(m));
}

static void a_tree_is_taken_whole(void **state)
{
    struct fixture *f = *state;
    struct oci_mount m[] = {mount_of("/x", "/dev", "rbind"), mount_of("/y", "/sys", "rbind,slave")};
    f->facts.mounts = m;
    f->facts.n_mounts = ARRAY_LEN(m);
    json_t *c = generate(f);
    expect_mount_on(c, "/dev", "bind /x rbind");
    expect_mount_on(c, "/dev/pts", NULL);
    expect_mount_on(c, "/dev/shm", NULL);
    expect_mount_on(c, "/sys/fs/cgroup", NULL);
    expect_json(c, "linux.rootfsPropagation", "\"rslave\"");
    free_mounts(m, ARRAY_LEN(m));
}

static void devices_are_bound(void **state)
{
    struct fixture *f = *state;
    expect_ok(spec_add_device(&f->spec, "/dev/fuse"), "fuse");
    expect_ok(spec_add_device(&f->spec, "/dev/null:/dev/x:r"), "null");
    expect_ok(strv_split("/dev/null,/dev/kvm,/dev/tty,/dev/fuse", ',', &f->facts.host_devices), "devices");
    json_t *c = generate(f);
    expect_mount_on(c, "/dev/fuse", "bind /dev/fuse rprivate,nosuid,noexec,rw,rbind");
    expect_mount_on(c, "/dev/x", "bind /dev/null rprivate,nosuid,noexec,ro,rbind");
    expect_mount_on(c, "/dev/kvm", NULL);
    f->spec.privileged = true;
    c = generate(f);
    expect_mount_on(c, "/dev/kvm", "bind /dev/kvm rprivate,nosuid,noexec,rw,rbind");
    expect_mount_on(c, "/dev/null", NULL); /* the runtime's */
    expect_mount_on(c, "/sys", "sysfs sysfs nosuid,noexec,nodev,rw");
    expect_mount_on(c, "/sys/fs/cgroup", "cgroup cgroup rprivate,nosuid,noexec,nodev,relatime,rw");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_every_container_has),
        FIXTURE_TEST(group_of_terminals_only_where_mapped),
        FIXTURE_TEST(what_cannot_be_mounted_is_bound),
        FIXTURE_TEST(what_the_host_refuses_is_left_out),
        FIXTURE_TEST(shared_memory),
        FIXTURE_TEST(files_and_read_only_roots),
        FIXTURE_TEST(users_mounts_win),
        FIXTURE_TEST(a_tree_is_taken_whole),
        FIXTURE_TEST(devices_are_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
