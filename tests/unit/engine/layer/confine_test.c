/* What is impossible after confine_process(), each in a process of its own. */
#include "engine/layer/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/unit/engine/layer/fixture.h"

struct attempt {
    struct fixture *f;
    int outside; /* descriptor of the outside directory: a leak, to see what Landlock alone does */
};

/* 0: all as expected; else the line where not. */
typedef int (*attempt_fn)(struct attempt *a);
#define MUST(cond)           \
    do {                     \
        if (!(cond))         \
            return __LINE__; \
    } while (0)

static void run_confined(struct fixture *f, enum confine_for purpose, attempt_fn fn)
{
    struct attempt a = {.f = f, .outside = openat(f->top, "outside", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    int pipefd[2], line = -1;
    assert_int_equal(pipe(pipefd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int landlock = 0;
        struct err *e = confine_process(f->target, purpose, &landlock);
        line = e ? -2 : fn(&a);
        ssize_t n = write(pipefd[1], &line, sizeof(line));
        _exit(n == sizeof(line) ? 0 : 1);
    }
    int status = 0;
    (void)fd_close(pipefd[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(read(pipefd[0], &line, sizeof(line)), sizeof(line));
    (void)fd_close(pipefd[0]);
    (void)fd_close(a.outside);
    if (line)
        fail_msg("expectation in line %d does not hold", line);
}

static int try_outside(struct attempt *a)
{
    struct stat st;
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/outside/canary", a->f->path);
    MUST(open(path, O_RDONLY) < 0);
    MUST(open("/etc/passwd", O_RDONLY) < 0);
    MUST(open("/proc/self/status", O_RDONLY) < 0);
    MUST(openat(a->f->target, "../outside/canary", O_RDONLY) < 0);
    MUST(fstatat(a->f->target, "../outside", &st, 0) < 0);
    int fd = openat(a->f->target, "inside", O_RDWR | O_CREAT, 0600);
    MUST(fd >= 0 && write(fd, "x", 1) == 1);
    MUST(openat(a->f->target, "/inside", O_RDONLY) >= 0);
    return 0;
}

static void nothing_outside_has_a_name(void **state)
{
    run_confined(*state, CONFINE_UNPACK, try_outside);
}

/* Even with a descriptor outside, where there is Landlock. */
static int try_leaked(struct attempt *a)
{
    if (openat(a->outside, "canary", O_RDONLY) >= 0)
        return 0; /* no Landlock here: main.c closes descriptors, which must do */
    MUST(openat(a->outside, "new", O_WRONLY | O_CREAT, 0600) < 0);
    MUST(mkdirat(a->outside, "new", 0700) < 0);
    MUST(unlinkat(a->outside, "canary", 0) < 0);
    MUST(linkat(a->outside, "canary", a->f->target, "stolen", 0) < 0);
    MUST(mkdirat(a->f->target, "a", 0700) == 0 && mkdirat(a->f->target, "b", 0700) == 0);
    MUST(mknodat(a->f->target, "a/x", S_IFREG | 0600, 0) == 0);
    MUST(linkat(a->f->target, "a/x", a->f->target, "b/x", 0) == 0);
    return 0;
}

static void leaked_descriptors_lead_nowhere(void **state)
{
    run_confined(*state, CONFINE_UNPACK, try_leaked);
}

static int try_syscalls(struct attempt *a)
{
    char *const argv[] = {NULL};
    (void)a;
    MUST(socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == ENOSYS);
    MUST(socket(AF_INET, SOCK_STREAM, 0) < 0);
    MUST(execv("/bin/true", argv) < 0 && errno == ENOSYS);
    MUST(ptrace(PTRACE_TRACEME, 0, 0, 0) < 0);
    MUST(fork() < 0);
    MUST(unshare(CLONE_NEWUSER) < 0);
    MUST(chroot(".") < 0);
    MUST(kill(getppid(), 0) < 0);
    MUST(syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0) < 0 && errno == ENOSYS);
    MUST(syscall(SYS_bpf, 0, NULL, 0) < 0 && errno == ENOSYS);
    MUST(syscall(SYS_mount, "a", "b", "c", 0, NULL) < 0 && errno == ENOSYS);
    MUST(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0);
    return 0;
}

static void system_calls_are_few(void **state)
{
    run_confined(*state, CONFINE_UNPACK, try_syscalls);
}

static void *thread_main(void *arg)
{
    return arg;
}

static int try_threads(struct attempt *a)
{
    pthread_t t;
    void *r = NULL;
    MUST(pthread_create(&t, NULL, thread_main, a) == 0);
    MUST(pthread_join(t, &r) == 0 && r == a);
    return 0;
}

static void threads_work(void **state)
{
    run_confined(*state, CONFINE_UNPACK, try_threads);
}

static int try_capabilities(struct attempt *a)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    (void)a;
    /* capget is not on the list; what the capabilities would allow is. */
    MUST(syscall(SYS_capget, &header, data) < 0 && errno == ENOSYS);
    MUST(mknodat(a->f->target, "file", S_IFREG | 0600, 0) == 0);
    MUST(fchownat(a->f->target, "file", 0, 0, 0) == 0);
    MUST(fchmodat(a->f->target, "file", 0, 0) == 0);
    MUST(openat(a->f->target, "file", O_RDWR) >= 0); /* DAC_OVERRIDE */
    return 0;
}

static void files_can_still_be_made(void **state)
{
    run_confined(*state, CONFINE_UNPACK, try_capabilities);
}

static int try_packing(struct attempt *a)
{
    MUST(openat(a->f->target, "new", O_WRONLY | O_CREAT, 0600) < 0);
    MUST(mkdirat(a->f->target, "new", 0700) < 0);
    MUST(unlinkat(a->f->target, "d", AT_REMOVEDIR) < 0);
    MUST(fchmodat(a->f->target, "d", 0700, 0) < 0);
    MUST(openat(a->f->target, "d", O_RDONLY | O_DIRECTORY) >= 0);
    MUST(open("/etc/passwd", O_RDONLY) < 0);
    return 0;
}

static void packing_changes_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdirat(f->target, "d", 0), 0);
    run_confined(f, CONFINE_PACK, try_packing);
    assert_int_equal(at_stat(f, "d").st_mode, S_IFDIR);
}

int main(int argc, char **argv)
{
    (void)argc;
    fixture_become_root(argv);
    const struct CMUnitTest tests[] = {
        layer_test(nothing_outside_has_a_name), layer_test(leaked_descriptors_lead_nowhere),
        layer_test(system_calls_are_few),       layer_test(threads_work),
        layer_test(files_can_still_be_made),    layer_test(packing_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
