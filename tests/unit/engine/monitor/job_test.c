/* A job's streams with a server around it, but without a runtime: its process is a child of the test. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/msg.h"
#include "engine/monitor/job.h"
#include "engine/monitor/life.h"
#include "engine/monitor/peer.h"

struct world {
    struct server s;
    char dir[64];
    struct job *j;
    size_t most_frames; /* that ever waited in a peer's queue */
};

static void ok(struct err *e)
{
    if (e)
        print_error("%s\n", err_text(e));
    assert_null(e);
}

static struct err *on_child(struct loop_source *src, const struct signalfd_siginfo *info, void *arg)
{
    (void)src;
    (void)info;
    return reap_children(arg);
}

static struct err *on_tick(struct loop_source *src, void *arg)
{
    struct world *w = arg;
    (void)src;
    for (struct peer *p = w->s.peers; p; p = p->next)
        w->most_frames = p->n_frames > w->most_frames ? p->n_frames : w->most_frames;
    return NULL;
}

static int setup(void **state)
{
    struct world *w = mem_zalloc(sizeof(*w));
    struct server *s = &w->s;
    sigset_t set;
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/coracle-job-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    server_init(s);
    ok(mem_strdup("c0ffee", &s->plan.id));
    ok(mem_strdup(w->dir, &s->plan.container_dir));
    ok(loop_new(&s->loop));
    ok(ctlog_open(&s->plan, &s->log));
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    ok(loop_add_signals(s->loop, &set, on_child, s, NULL));
    ok(loop_add_timer(s->loop, 1000000, 1000000, on_tick, w, NULL));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    server_done(&w->s);
    plan_done(&w->s.plan);
    ok(file_remove_tree(AT_FDCWD, w->dir));
    mem_freep(&w);
    return 0;
}

/* The container: a shell. */
static void run(struct world *w, const char *script, bool interactive)
{
    struct job_stdio io;
    ok(job_new(&w->s, "", false, interactive, &w->j));
    w->s.container = w->j;
    ok(job_open_pipes(w->j, &io));
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        for (int i = 0; i < 3; i++) {
            if (io.fds[i] >= 0)
                (void)dup2(io.fds[i], i);
        }
        execl("/bin/sh", "sh", "-c", script, NULL);
        _exit(99);
    }
    job_stdio_done(&io);
    ok(job_started(w->j, pid, false));
    w->s.started = true;
}

/* A connection that is attached; returns the client's end. */
static int attach(struct world *w, bool no_stdin)
{
    int pair[2];
    struct peer *p = NULL;
    const struct monitor_attach a = {.no_stdin = no_stdin};
    ok(msg_pair(pair));
    ok(peer_add(&w->s, pair[0], &p));
    request_attach(p, w->j, &a);
    return pair[1];
}

/* What a client in a process of its own received: its sum goes through the pipe. */
struct seen {
    size_t out, err;
    unsigned sum;
    int exit_code;
    bool in_order;
};

static void client(int sock, int to, useconds_t pause)
{
    struct seen seen = {.exit_code = -1, .in_order = true};
    for (;;) {
        AUTO_MSG struct msg m = MSG_INIT;
        bool eof = false;
        struct err *e = msg_recv(sock, &m, &eof);
        if (e || eof)
            break;
        if (seen.exit_code >= 0)
            seen.in_order = false; /* nothing may follow the exit */
        if (m.type == MONITOR_OUTPUT)
            seen.out += m.len;
        if (m.type == MONITOR_ERROR_OUTPUT)
            seen.err += m.len;
        for (size_t i = 0; m.type == MONITOR_OUTPUT && i < m.len; i++)
            seen.sum = seen.sum * 31 + (unsigned char)m.data[i];
        if (m.type == MONITOR_EXITED) {
            struct monitor_exit x;
            memcpy(&x, m.data, sizeof(x));
            seen.exit_code = x.exit_code;
            break;
        }
        if (pause)
            (void)usleep(pause);
    }
    (void)!write(to, &seen, sizeof(seen));
    _exit(0);
}

static int start_client(int sock, useconds_t pause)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    /* A grandchild: children that are left at the end are taken for the container's, and killed. */
    pid_t pid = fork();
    if (pid == 0) {
        if (fork() != 0)
            _exit(0);
        for (int fd = 3; fd < 256; fd++) { /* the server's ends above all */
            if (fd != sock && fd != fds[1])
                (void)close(fd);
        }
        client(sock, fds[1], pause);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    (void)close(fds[1]);
    (void)close(sock);
    return fds[0];
}

static struct seen collect(int fd)
{
    struct seen seen;
    assert_int_equal(read(fd, &seen, sizeof(seen)), sizeof(seen));
    (void)close(fd);
    return seen;
}

static void test_everything_then_the_exit(void **state)
{
    struct world *w = *state;
    run(w, "echo out; echo err >&2; exit 7", false);
    int result = start_client(attach(w, true), 0);
    job_update(w->j);
    ok(loop_run(w->s.loop));
    struct seen seen = collect(result);
    assert_int_equal(seen.out, 4);
    assert_int_equal(seen.err, 4);
    assert_int_equal(seen.exit_code, 7);
    assert_true(seen.in_order);
}

static void test_slow_clients_lose_nothing(void **state)
{
    struct world *w = *state;
    run(w, "head -c 6000000 /dev/zero | tr '\\0' x; exit 3", false);
    int slow = start_client(attach(w, true), 1000), quick = start_client(attach(w, true), 0);
    job_update(w->j);
    ok(loop_run(w->s.loop));
    struct seen a = collect(slow), b = collect(quick);
    assert_int_equal(a.out, 6000000);
    assert_int_equal(b.out, 6000000);
    assert_int_equal(a.sum, b.sum);
    assert_int_equal(a.exit_code, 3);
    assert_int_equal(b.exit_code, 3);
    assert_in_range(w->most_frames, 1, 3); /* it was slow, and the queue stayed short */
}

static void test_nobody_is_there(void **state)
{
    struct world *w = *state;
    run(w, "head -c 1000000 /dev/zero | tr '\\0' '\\n'; exit 5", false);
    job_update(w->j);
    ok(loop_run(w->s.loop));
    assert_int_equal(w->s.state.last.exit_code, 5);
    assert_true(w->s.ending);
}

static void test_a_client_goes_away(void **state)
{
    struct world *w = *state;
    run(w, "head -c 3000000 /dev/zero; exit 6", false);
    int sock = attach(w, true);
    job_update(w->j);
    (void)close(sock);
    ok(loop_run(w->s.loop));
    assert_int_equal(w->s.state.last.exit_code, 6);
}

static void test_stdin_reaches_it_and_ends(void **state)
{
    struct world *w = *state;
    run(w, "cat; exit 4", true);
    int sock = attach(w, false);
    AUTO_MSG struct msg m = MSG_INIT;
    bool eof = false;
    ok(msg_recv(sock, &m, &eof));
    assert_int_equal(m.type, MONITOR_ATTACHED);
    assert_int_equal(m.n_fds, 1);
    ok(fd_write_all(m.fds[0], "typed", 5));
    (void)close(m.fds[0]);
    m.n_fds = 0;
    ok(msg_send(sock, MONITOR_END_INPUT, NULL, 0, NULL, 0));
    int result = start_client(sock, 0);
    job_update(w->j);
    ok(loop_run(w->s.loop));
    struct seen seen = collect(result);
    assert_int_equal(seen.out, 5);
    assert_int_equal(seen.exit_code, 4);
}

/* A child in the background keeps the pipe: the end is told all the same, soon. It dies with the container. */
static void test_a_pipe_that_stays_open(void **state)
{
    struct world *w = *state;
    run(w, "sleep 100 & echo main; exit 2", false);
    int result = start_client(attach(w, true), 0);
    job_update(w->j);
    (void)alarm(20);
    ok(loop_run(w->s.loop));
    (void)alarm(0);
    struct seen seen = collect(result);
    assert_int_equal(seen.out, 5);
    assert_int_equal(seen.exit_code, 2);
}

#define WITH_WORLD(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_everything_then_the_exit),  WITH_WORLD(test_slow_clients_lose_nothing),
        WITH_WORLD(test_nobody_is_there),           WITH_WORLD(test_a_client_goes_away),
        WITH_WORLD(test_stdin_reaches_it_and_ends), WITH_WORLD(test_a_pipe_that_stays_open),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
