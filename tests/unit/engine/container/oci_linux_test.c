/* What oci_generate writes, given to the real runtimes: each must start a container from it, as an ordinary user, in a
 * user namespace. Skipped where there is no runtime, no static busybox, or no user namespace. */
#include "tests/unit/engine/container/expect.h"
#include "tests/unit/engine/container/oci_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/container/user.h"

static const char *const runtimes[] = {"crun", "runc"};
static char dir[] = "/tmp/coracle-oci-XXXXXX";
static char rootfs[64];

/* Words that put a shell into a user namespace, with a range of ids or with one. */
static struct way {
    const char *words;
    bool many_ids, works;
} ways[] = {
    {"unshare -U --map-auto --map-root-user -m -C --propagation private", true, false},
    {"unshare -U --map-root-user -m -C --propagation private", false, false},
};

/* Runs a shell command; its output, and its exit code in *ret_code. */
static char *shell(const char *command, int *ret_code)
{
    static char out[65536];
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], 1);
        dup2(fds[1], 2);
        close(fds[0]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    size_t n = 0;
    for (ssize_t r; n < sizeof(out) - 1 && (r = read(fds[0], out + n, sizeof(out) - 1 - n)) > 0;)
        n += (size_t)r;
    out[n] = '\0';
    close(fds[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    *ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return out;
}

/* cgroup2 is mounted in the namespace: crun 1.8 refuses hosts that have both versions. */
#define CGROUP2 "mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null; "

static bool works(const char *words)
{
    char command[512];
    int code = 1;
    snprintf(command, sizeof(command), "%s sh -c '%s mount -t tmpfs none /mnt' 2>&1", words, CGROUP2);
    shell(command, &code);
    return code == 0;
}

static int group_setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        ways[i].works = works(ways[i].words);
    char command[1024];
    int code = 0;
    if (!mkdtemp(dir))
        return -1;
    snprintf(rootfs, sizeof(rootfs), "%s/rootfs", dir);
    snprintf(
        command, sizeof(command),
        "chmod 755 %s; cd %s && mkdir -p rootfs/bin rootfs/etc rootfs/tmp rootfs/home st && cp /bin/busybox "
        "rootfs/bin/ && "
        "ldd rootfs/bin/busybox 2>&1 | grep -q 'not a dynamic' && "
        "for a in sh cat id mount grep touch test hostname ls true; do ln -s busybox rootfs/bin/$a || exit 1; done && "
        "printf 'root:x:0:0::/root:/bin/sh\\nu:x:1000:1000::/home/u:/bin/sh\\n' > rootfs/etc/passwd && "
        "printf 'root:x:0:\\nu:x:1000:\\n' > rootfs/etc/group && printf '#!/bin/sh\\nshift; exec \"$@\"\\n' > init.sh "
        "&& chmod 755 init.sh",
        dir, dir);
    shell(command, &code);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        ways[i].works = ways[i].works && code == 0;
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    char command[128];
    int code = 0;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    shell(command, &code);
    return 0;
}

static bool has(const char *runtime)
{
    char command[64];
    int code = 1;
    snprintf(command, sizeof(command), "command -v %s", runtime);
    shell(command, &code);
    return code == 0;
}

/* config.json for `script`, run by `runtime`. */
static const char *run_script(struct fixture *f, const struct way *way, const char *runtime, const char *script,
                              int *ret_code)
{
    char path[96], command[1024];
    AUTO_FREE char *text = NULL;
    strv_done(&f->spec.command);
    expect_ok(strv_add(&f->spec.command, "/bin/sh"), "sh");
    expect_ok(strv_add(&f->spec.command, "-c"), "-c");
    expect_ok(strv_add(&f->spec.command, script), script);
    f->facts.rootfs = rootfs;
    f->facts.rlimit_nofile_hard = f->facts.rlimit_nproc_hard = 256;
    AUTO_IDMAP struct idmap single = {0};
    expect_ok(idmap_add(&single, 0, 1, 1), "map");
    f->facts.session_gids = way->many_ids ? NULL : &single;
    expect_ok(oci_generate(&f->spec, &f->image, &f->facts, &f->notices, &text), "generate");
    snprintf(path, sizeof(path), "%s/config.json", dir);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof(command), "cd %s && %s sh -c '%s exec %s --root %s/st run coracle-test-%d' </dev/null",
             dir, way->words, CGROUP2, runtime, dir, (int)getpid());
    return shell(command, ret_code);
}

/* Run in each runtime, in each kind of namespace; the output must contain `want`, and the exit code be 0. */
static void expect_run_ids(struct fixture *f, bool many_ids, const char *script, const char *want)
{
    size_t ran = 0;
    for (size_t i = 0; i < ARRAY_LEN(runtimes) * ARRAY_LEN(ways); i++) {
        const struct way *way = &ways[i / ARRAY_LEN(runtimes)];
        const char *runtime = runtimes[i % ARRAY_LEN(runtimes)];
        if (!way->works || (many_ids && !way->many_ids) || !has(runtime))
            continue;
        int code = 0;
        const char *out = run_script(f, way, runtime, script, &code);
        if (code != 0 || !strstr(out, want))
            fail_msg("%s: '%s' ended with %d: %s", runtime, script, code, out);
        ran++;
    }
    if (!ran)
        skip();
}

static void expect_run(struct fixture *f, const char *script, const char *want)
{
    expect_run_ids(f, false, script, want);
}

/* Before a test allocates anything: skip() jumps. */
static void need_many_ids(void)
{
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        if (ways[i].works && ways[i].many_ids && (has(runtimes[0]) || has(runtimes[1])))
            return;
    skip();
}

static void plain(void **state)
{
    expect_run(*state,
               "id -u; hostname; grep -E 'Seccomp:|CapInh|CapBnd' /proc/self/status; test -c /dev/null && test -e "
               "/dev/pts/ptmx",
               "0\n0123456789ab\nCapInh:\t0000000000000000\nCapBnd:\t00000000800405fb\nSeccomp:\t2\n");
    expect_run(*state, "test ! -s /proc/kcore; touch /proc/sys/x 2>&1; touch /sys/x 2>&1; echo end",
               "Read-only file system\n");
}

static void read_only_with_init(void **state)
{
    struct fixture *f = *state;
    char init[96];
    snprintf(init, sizeof(init), "%s/init.sh", dir);
    f->facts.init_path = init;
    f->spec.init = true;
    f->spec.read_only = true;
    expect_run(f, "touch /x 2>&1; touch /tmp/a /run/b /var/tmp/c && echo written", "Read-only file system\nwritten");
}

static void another_user(void **state)
{
    need_many_ids();
    struct fixture *f = *state;
    AUTO_FD int fd = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct oci_user u = {0};
    assert_true(fd >= 0);
    expect_ok(user_lookup(fd, "u", NULL, &u), "u");
    f->facts.user = &u;
    expect_ok(strv_add(&f->spec.cap_add, "net_raw"), "cap");
    expect_run_ids(f, true, "id -u; grep -E 'CapEff|CapAmb' /proc/self/status; echo $HOME",
                   "1000\nCapEff:\t0000000000002000\nCapAmb:\t0000000000002000\n/home/u\n");
    f->facts.user = &f->user;
    oci_user_done(&u);
}

static void namespaces_of_the_host(void **state)
{
    struct fixture *f = *state;
    f->spec.network.mode = f->spec.pid.mode = f->spec.uts.mode = NS_HOST;
    f->facts.hostname = NULL;
    expect_run(f, "test -d /proc/1 && test -d /sys/kernel && grep Seccomp: /proc/self/status", "Seccomp:\t2");
    f->spec.network.mode = NS_NONE;
    f->spec.pid.mode = NS_DEFAULT;
    f->facts.proc_mountable = f->facts.sys_mountable = false;
    f->facts.hostname = "h";
    expect_run(f, "test -d /proc/1 && echo ok", "ok");
}

static void its_own_user_namespace(void **state)
{
    need_many_ids();
    struct fixture *f = *state;
    AUTO_IDMAP struct idmap map = {0};
    expect_ok(idmap_add(&map, 0, 1, 1000), "map");
    f->facts.ct_uids = f->facts.ct_gids = &map;
    expect_run_ids(f, true, "cat /proc/self/uid_map; id -u", "1000\n0\n");
}

static void privileged(void **state)
{
    struct fixture *f = *state;
    f->spec.privileged = true;
    expect_run(f, "grep -E 'CapEff|Seccomp:' /proc/self/status", "CapEff:\t000001ffffffffff\nSeccomp:\t0\n");
}

static void in_systemd_mode(void **state)
{
    struct fixture *f = *state;
    f->spec.systemd = SYSTEMD_ALWAYS;
    expect_run(f, "mount | grep -c -E ' /run | /run/lock | /tmp | /var/log/journal '", "4\n");
}

/* Sockets of the families that the profile refuses, asked of the kernel and not of an interpreter. */
static void the_filter_is_in_force(void **state)
{
    struct fixture *f = *state;
    char program[96], copy[512];
    int code = 0;
    snprintf(program, sizeof(program), "%s/rootfs/bin/socket-probe", dir);
    snprintf(
        copy, sizeof(copy),
        "printf '%%s' '#include <sys/socket.h>\n#include <stdio.h>\n#include <errno.h>\nint main(void){int "
        "i=socket(2,1,0);"
        "int a=socket(38,5,0);int e=errno;int v=socket(40,1,0);printf(\"%%d %%d %%d %%d\",i>=0,a,e,v);}' > %s/p.c && "
        "cc -static -o %s %s/p.c",
        dir, program, dir);
    shell(copy, &code);
    if (code != 0)
        skip();
    expect_run(f, "/bin/socket-probe", "1 -1 97 -1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(plain),
        FIXTURE_TEST(read_only_with_init),
        FIXTURE_TEST(another_user),
        FIXTURE_TEST(namespaces_of_the_host),
        FIXTURE_TEST(its_own_user_namespace),
        FIXTURE_TEST(privileged),
        FIXTURE_TEST(in_systemd_mode),
        FIXTURE_TEST(the_filter_is_in_force),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
