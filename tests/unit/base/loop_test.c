#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"

#define MSEC UINT64_C(1000000)

/* What callbacks share with their test. */
struct world {
    struct loop *loop;
    struct loop_source *sources[8];
    int fds[8][2];
    int calls;
    uint32_t events;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    assert_null(loop_new(&w->loop));
    for (size_t i = 0; i < ARRAY_LEN(w->fds); i++)
        assert_int_equal(pipe2(w->fds[i], O_CLOEXEC), 0);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    loop_free(w->loop);
    for (size_t i = 0; i < ARRAY_LEN(w->fds); i++) {
        fd_close(w->fds[i][0]);
        fd_close(w->fds[i][1]);
    }
    free(w);
    return 0;
}

static void poke(struct world *w, size_t i)
{
    assert_int_equal(write(w->fds[i][1], "x", 1), 1);
}

/* End a test that hangs otherwise. */
static struct err *give_up(struct loop_source *src, void *arg)
{
    (void)src;
    (void)arg;
    return ERR_NEW(ERR_TIMEOUT, "the test took too long");
}

static void run_at_most_a_second(struct world *w)
{
    assert_null(loop_add_timer(w->loop, 1000 * MSEC, 0, give_up, NULL, NULL));
    assert_null(loop_run(w->loop));
}

static struct err *count_and_quit(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    (void)src;
    (void)fd;
    struct world *w = arg;
    w->calls++;
    w->events |= events;
    loop_quit(w->loop);
    return NULL;
}

static void readable_descriptor_is_served(void **state)
{
    struct world *w = *state;
    assert_null(loop_add_fd(w->loop, w->fds[0][0], EPOLLIN, count_and_quit, w, &w->sources[0]));
    poke(w, 0);
    run_at_most_a_second(w);
    assert_int_equal(w->calls, 1);
    assert_int_equal(w->events, EPOLLIN);
}

static void events_can_be_changed(void **state)
{
    struct world *w = *state;
    assert_null(loop_add_fd(w->loop, w->fds[0][1], 0, count_and_quit, w, &w->sources[0]));
    assert_null(loop_set_events(w->sources[0], EPOLLOUT));
    run_at_most_a_second(w);
    assert_int_equal(w->events, EPOLLOUT);
}

static struct err *fail_it(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    (void)src;
    (void)fd;
    (void)events;
    (void)arg;
    return ERR_NEW(ERR_STATE, "on purpose");
}

static void error_of_a_callback_ends_the_run(void **state)
{
    struct world *w = *state;
    assert_null(loop_add_fd(w->loop, w->fds[0][0], EPOLLIN, fail_it, w, NULL));
    poke(w, 0);
    for (int i = 0; i < 2; i++) { /* and the loop can go on afterwards */
        AUTO_ERR struct err *e = loop_run(w->loop);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_STATE);
    }
}

static struct err *remove_all(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    (void)src;
    (void)fd;
    (void)events;
    struct world *w = arg;
    w->calls++;
    for (size_t i = 0; i < ARRAY_LEN(w->sources); i++)
        loop_remove(w->sources[i]);
    loop_quit(w->loop);
    return NULL;
}

/* All of them are in one batch; whichever runs first removes all, itself included. */
static void sources_removed_while_pending_never_run(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(w->sources); i++) {
        assert_null(loop_add_fd(w->loop, w->fds[i][0], EPOLLIN, remove_all, w, &w->sources[i]));
        poke(w, i);
    }
    run_at_most_a_second(w);
    assert_int_equal(w->calls, 1);
}

static struct err *quit_later(struct loop_source *src, void *arg)
{
    (void)src;
    struct world *w = arg;
    loop_quit(w->loop);
    return NULL;
}

static struct err *pause_all(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    (void)src;
    (void)fd;
    (void)events;
    struct world *w = arg;
    w->calls++;
    for (size_t i = 0; i < ARRAY_LEN(w->sources); i++)
        TRY(loop_set_events(w->sources[i], 0));
    loop_remove(w->sources[0]);
    return loop_add_timer(w->loop, 5 * MSEC, 0, quit_later, w, NULL);
}

/* Back-pressure: whoever pauses a source must not be called for it once more. */
static void sources_paused_while_pending_do_not_run(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(w->sources); i++) {
        assert_null(loop_add_fd(w->loop, w->fds[i][0], EPOLLIN, pause_all, w, &w->sources[i]));
        poke(w, i);
    }
    run_at_most_a_second(w);
    assert_int_equal(w->calls, 1);
}

static struct err *new_life(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    (void)src;
    (void)fd;
    assert_int_equal(events & (EPOLLIN | EPOLLOUT), EPOLLOUT);
    struct world *w = arg;
    w->calls += 100;
    loop_quit(w->loop);
    return NULL;
}

/* Replaces all others by sources on descriptors of the same numbers, which must not inherit pending events. */
static struct err *recycle(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    (void)fd;
    (void)events;
    struct world *w = arg;
    w->calls++;
    for (size_t i = 0; i < ARRAY_LEN(w->sources); i++) {
        loop_remove(w->sources[i]);
        if (w->sources[i] == src)
            continue;
        assert_int_equal(dup3(w->fds[i][1], w->fds[i][0], O_CLOEXEC), w->fds[i][0]);
        assert_null(loop_add_fd(w->loop, w->fds[i][0], EPOLLOUT, new_life, w, NULL));
    }
    return NULL;
}

static void reused_descriptor_numbers_get_no_old_events(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(w->sources); i++) {
        assert_null(loop_add_fd(w->loop, w->fds[i][0], EPOLLIN, recycle, w, &w->sources[i]));
        poke(w, i);
    }
    run_at_most_a_second(w);
    assert_int_equal(w->calls, 101);
}

static struct err *count_timer(struct loop_source *src, void *arg)
{
    struct world *w = arg;
    if (++w->calls == 3) {
        loop_remove(src);
        loop_remove(src); /* twice is harmless until the callback returns */
        loop_quit(w->loop);
    }
    return NULL;
}

static void timer_repeats(void **state)
{
    struct world *w = *state;
    assert_null(loop_add_timer(w->loop, 0, MSEC, count_timer, w, NULL));
    run_at_most_a_second(w);
    assert_int_equal(w->calls, 3);
}

static struct err *rearm_until_three(struct loop_source *src, void *arg)
{
    struct world *w = arg;
    if (++w->calls == 3)
        loop_quit(w->loop);
    return loop_rearm(src, MSEC, 0);
}

static void timer_can_be_rearmed(void **state)
{
    struct world *w = *state;
    assert_null(loop_add_timer(w->loop, LOOP_NEVER, 0, rearm_until_three, w, &w->sources[0]));
    assert_null(loop_rearm(w->sources[0], MSEC, 0));
    run_at_most_a_second(w);
    assert_int_equal(w->calls, 3);
}

static struct err *stop_timer(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    (void)fd;
    (void)events;
    struct world *w = arg;
    loop_remove(src);
    struct timespec ts = {.tv_nsec = 2000000};
    nanosleep(&ts, NULL); /* the timer fires while we are here */
    TRY(loop_rearm(w->sources[0], LOOP_NEVER, 0));
    return loop_add_timer(w->loop, 5 * MSEC, 0, rearm_until_three, w, NULL);
}

static void disarmed_timer_does_not_run(void **state)
{
    struct world *w = *state;
    assert_null(loop_add_timer(w->loop, MSEC, 0, give_up, w, &w->sources[0]));
    assert_null(loop_add_fd(w->loop, w->fds[0][0], EPOLLIN, stop_timer, w, NULL));
    poke(w, 0);
    run_at_most_a_second(w);
    assert_int_equal(w->calls, 3);
}

static struct err *count_signal(struct loop_source *src, const struct signalfd_siginfo *info, void *arg)
{
    (void)src;
    struct world *w = arg;
    assert_true(info->ssi_signo == SIGUSR1 || info->ssi_signo == SIGUSR2);
    if (++w->calls == 2)
        loop_quit(w->loop);
    return NULL;
}

static void signals_are_delivered(void **state)
{
    struct world *w = *state;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    assert_null(loop_add_signals(w->loop, &set, count_signal, w, NULL));
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    run_at_most_a_second(w);
    assert_int_equal(w->calls, 2);
}

static void process_end_is_seen_by_pidfd(void **state)
{
    struct world *w = *state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    AUTO_FD int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        skip();
    assert_null(loop_add_fd(w->loop, pidfd, EPOLLIN, count_and_quit, w, &w->sources[0]));
    run_at_most_a_second(w);
    loop_remove(w->sources[0]);
    assert_int_equal(w->calls, 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static struct err *read_file(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct world *w = arg;
    char c;
    assert_int_equal(events, EPOLLIN);
    ssize_t n = read(fd, &c, 1);
    if (n == 1) {
        w->calls++;
        return NULL;
    }
    loop_remove(src);
    poke(w, 0);
    return NULL;
}

/* What stdin is in "coracle run -i … < file". */
static void regular_files_count_as_ready(void **state)
{
    struct world *w = *state;
    char path[] = "/tmp/loop_test.XXXXXX";
    AUTO_FD int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(pwrite(fd, "abc", 3, 0), 3);
    assert_null(loop_add_fd(w->loop, fd, EPOLLIN, read_file, w, &w->sources[0]));
    assert_null(loop_add_fd(w->loop, w->fds[0][0], EPOLLIN, count_and_quit, w, &w->sources[1]));
    run_at_most_a_second(w);
    assert_int_equal(w->calls, 4);
}

static void paused_files_are_not_served(void **state)
{
    struct world *w = *state;
    AUTO_FD int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_null(loop_add_fd(w->loop, fd, EPOLLIN, fail_it, w, &w->sources[0]));
    assert_null(loop_set_events(w->sources[0], 0));
    assert_null(loop_add_timer(w->loop, MSEC, MSEC, rearm_until_three, w, NULL));
    run_at_most_a_second(w);
    assert_int_equal(w->calls, 3);
}

static void quit_before_run_is_kept_once(void **state)
{
    struct world *w = *state;
    loop_quit(w->loop);
    assert_null(loop_run(w->loop));
    AUTO_ERR struct err *e = loop_run(w->loop);
    assert_non_null(e); /* nothing to wait for */
    assert_int_equal(err_kind(e), ERR_INTERNAL);
}

static struct err *run_inside(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    (void)fd;
    (void)events;
    struct world *w = arg;
    loop_remove(src);
    if (++w->calls < 4) {
        poke(w, (size_t)w->calls);
        TRY(loop_run(w->loop));
    }
    loop_quit(w->loop);
    return NULL;
}

static void runs_may_nest(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < 4; i++)
        assert_null(loop_add_fd(w->loop, w->fds[i][0], EPOLLIN, run_inside, w, NULL));
    poke(w, 0);
    run_at_most_a_second(w);
    assert_int_equal(w->calls, 4);
}

static struct err *add_some(struct world *w)
{
    struct loop *l = NULL;
    TRY(loop_new(&l));
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    struct err *e = loop_add_fd(l, w->fds[0][0], EPOLLIN, count_and_quit, w, NULL);
    if (!e)
        e = loop_add_signals(l, &set, count_signal, w, NULL);
    if (!e)
        e = loop_add_timer(l, MSEC, 0, give_up, NULL, NULL);
    loop_free(l);
    return e;
}

/* Every allocation and system call in turn; the sanitizers watch for what is left behind. */
static void failures_leak_nothing(void **state)
{
    for (int point = 0; point < FAULT_POINT_MAX; point++) {
        for (unsigned nth = 1; nth < 100; nth++) {
            fault_arm((enum fault_point)point, nth);
            struct err *e = add_some(*state);
            fault_arm((enum fault_point)point, 0);
            if (!e) {
                assert_true(nth > 3);
                break;
            }
            err_free(e);
        }
    }
    AUTO_FD int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd < 30); /* no descriptor was left behind either */
}

static void adding_a_bad_descriptor_fails(void **state)
{
    struct world *w = *state;
    AUTO_ERR struct err *e = loop_add_fd(w->loop, -1, EPOLLIN, fail_it, w, NULL);
    assert_non_null(e);
    assert_int_equal(err_errno(e), EBADF);
    loop_remove(NULL);
    loop_free(NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(readable_descriptor_is_served),
        TEST(events_can_be_changed),
        TEST(error_of_a_callback_ends_the_run),
        TEST(sources_removed_while_pending_never_run),
        TEST(sources_paused_while_pending_do_not_run),
        TEST(reused_descriptor_numbers_get_no_old_events),
        TEST(timer_repeats),
        TEST(timer_can_be_rearmed),
        TEST(disarmed_timer_does_not_run),
        TEST(signals_are_delivered),
        TEST(process_end_is_seen_by_pidfd),
        TEST(regular_files_count_as_ready),
        TEST(paused_files_are_not_served),
        TEST(quit_before_run_is_kept_once),
        TEST(runs_may_nest),
        TEST(failures_leak_nothing),
        TEST(adding_a_bad_descriptor_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
