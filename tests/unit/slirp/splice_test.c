/* Joined pairs of sockets: bytes, ends, resets, slow readers, many at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "slirp/splice.h"

#define CHUNK 65536

struct scene {
    struct loop *loop;
    struct splice_set *set;
    int listener;
    struct sockaddr_in at;
    unsigned ended;
};

static void assert_ok(struct err *e)
{
    if (e)
        fail_msg("%s", err_text(e));
}

static void count_end(void *arg)
{
    struct scene *s = arg;
    s->ended++;
}

static int set_up(void **state)
{
    static struct scene s;
    socklen_t len = sizeof(s.at);
    s = (struct scene){.at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    (void)signal(SIGPIPE, SIG_IGN);
    s.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s.listener, (struct sockaddr *)&s.at, sizeof(s.at)), 0);
    assert_int_equal(listen(s.listener, 1024), 0);
    assert_int_equal(getsockname(s.listener, (struct sockaddr *)&s.at, &len), 0);
    assert_ok(loop_new(&s.loop));
    assert_ok(splice_set_new(s.loop, count_end, &s, &s.set));
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    splice_set_free(s->set);
    loop_free(s->loop);
    (void)close(s->listener);
    return 0;
}

/* A TCP connection; both ends non-blocking. */
static void connection(struct scene *s, int *ret_a, int *ret_b)
{
    *ret_a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*ret_a, (struct sockaddr *)&s->at, sizeof(s->at)), 0);
    *ret_b = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(*ret_b >= 0);
    assert_ok(fd_set_nonblock(*ret_a, true));
}

/* left -- joined -- right */
static void join(struct scene *s, int *ret_left, int *ret_right)
{
    int a, b;
    connection(s, ret_left, &a);
    connection(s, ret_right, &b);
    assert_ok(splice_join(s->set, a, b));
}

/* Let the loop work until `fd` reports one of `events`; 0 after a second without. */
static short wait_for(struct scene *s, int fd, short events)
{
    for (int i = 0; i < 1000; i++) {
        struct pollfd p = {.fd = fd, .events = events};
        assert_ok(loop_serve(s->loop));
        if (poll(&p, 1, 1) == 1)
            return p.revents;
    }
    return 0;
}

static void test_both_ways(void **state)
{
    struct scene *s = *state;
    int left, right;
    char buf[16];
    join(s, &left, &right);
    assert_int_equal(write(left, "ping", 4), 4);
    assert_true(wait_for(s, right, POLLIN) & POLLIN);
    assert_int_equal(read(right, buf, sizeof(buf)), 4);
    assert_int_equal(write(right, "pong!", 5), 5);
    assert_true(wait_for(s, left, POLLIN) & POLLIN);
    assert_int_equal(read(left, buf, sizeof(buf)), 5);
    assert_memory_equal(buf, "pong!", 5);
    (void)close(left);
    assert_true(wait_for(s, right, POLLIN) & POLLIN);
    assert_int_equal(read(right, buf, sizeof(buf)), 0);
    (void)close(right);
    for (int i = 0; i < 1000 && !s->ended; i++) {
        assert_ok(loop_serve(s->loop));
        (void)usleep(1000);
    }
    assert_int_equal(s->ended, 1);
    assert_int_equal(splice_count(s->set), 0);
}

static void test_half_close(void **state)
{
    struct scene *s = *state;
    int left, right;
    char buf[16];
    join(s, &left, &right);
    assert_int_equal(write(left, "all", 3), 3);
    assert_int_equal(shutdown(left, SHUT_WR), 0);
    assert_true(wait_for(s, right, POLLIN) & POLLIN);
    assert_int_equal(read(right, buf, sizeof(buf)), 3);
    assert_true(wait_for(s, right, POLLIN | POLLRDHUP) & POLLRDHUP);
    assert_int_equal(read(right, buf, sizeof(buf)), 0);
    assert_int_equal(write(right, "late answer", 11), 11); /* the other way is still open */
    assert_true(wait_for(s, left, POLLIN) & POLLIN);
    assert_int_equal(read(left, buf, sizeof(buf)), 11);
    (void)close(left);
    (void)close(right);
}

static void test_reset(void **state)
{
    struct scene *s = *state;
    const struct linger now = {.l_onoff = 1};
    int left, right;
    char buf[16];
    join(s, &left, &right);
    (void)wait_for(s, right, 0);
    assert_int_equal(setsockopt(left, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    (void)close(left);
    assert_true(wait_for(s, right, POLLIN) & (POLLERR | POLLHUP));
    assert_int_equal(read(right, buf, sizeof(buf)), -1);
    assert_int_equal(errno, ECONNRESET);
    (void)close(right);
    assert_int_equal(s->ended, 1);
}

/* Bytes that tell where they belong. */
static char byte_at(size_t i)
{
    return (char)(i * 2654435761u >> 24);
}

static void test_bulk_is_whole(void **state)
{
    struct scene *s = *state;
    static char out[CHUNK], in[CHUNK];
    size_t sent = 0, got = 0, total = (size_t)24 << 20;
    int left, right;
    join(s, &left, &right);
    while (got < total) {
        size_t want = total - sent < CHUNK ? total - sent : CHUNK;
        for (size_t i = 0; i < want; i++)
            out[i] = byte_at(sent + i);
        ssize_t n = want ? write(left, out, want) : 0;
        if (n > 0)
            sent += (size_t)n;
        if (sent == total && want)
            assert_int_equal(shutdown(left, SHUT_WR), 0);
        assert_ok(loop_serve(s->loop));
        while ((n = read(right, in, sizeof(in))) > 0) {
            for (ssize_t i = 0; i < n; i++)
                if (in[i] != byte_at(got + (size_t)i))
                    fail_msg("byte %zu is wrong", got + (size_t)i);
            got += (size_t)n;
        }
    }
    assert_true(wait_for(s, right, POLLRDHUP) & POLLRDHUP);
    assert_int_equal(read(right, in, sizeof(in)), 0);
    (void)close(left);
    (void)close(right);
}

/* What a reader leaves stops its writer after a while, and nobody else. */
static void test_slow_reader(void **state)
{
    struct scene *s = *state;
    static char data[CHUNK];
    int left, right, other_left, other_right, idle = 0;
    size_t sent = 0;
    char byte;
    join(s, &left, &right);
    while (idle < 20) {
        ssize_t n = write(left, data, sizeof(data));
        idle = n > 0 ? 0 : idle + 1;
        sent += n > 0 ? (size_t)n : 0;
        assert_ok(loop_serve(s->loop));
        assert_true(sent < (size_t)64 << 20); /* kernel buffers and one pipe, not without end */
        if (n <= 0)
            (void)usleep(1000);
    }
    join(s, &other_left, &other_right);
    assert_int_equal(write(other_left, "x", 1), 1);
    assert_true(wait_for(s, other_right, POLLIN) & POLLIN);
    assert_int_equal(read(other_right, &byte, 1), 1);
    /* Now it reads after all: everything comes. */
    size_t got = 0;
    while (got < sent) {
        ssize_t n = read(right, data, sizeof(data));
        got += n > 0 ? (size_t)n : 0;
        assert_ok(loop_serve(s->loop));
    }
    assert_int_equal(got, sent);
    (void)close(left);
    (void)close(right);
    (void)close(other_left);
    (void)close(other_right);
}

static size_t open_files(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static void test_many(void **state)
{
    enum { N = 150 };
    struct scene *s = *state;
    int left[N], right[N];
    char buf[8];
    size_t before = open_files();
    for (int i = 0; i < N; i++)
        join(s, &left[i], &right[i]);
    assert_int_equal(open_files(), before + 4 * N); /* no pipes for connections that are quiet */
    for (int i = 0; i < N; i++)
        assert_int_equal(write(left[i], "hello", 5), 5);
    for (int i = 0; i < N; i++) {
        assert_true(wait_for(s, right[i], POLLIN) & POLLIN);
        assert_int_equal(read(right[i], buf, sizeof(buf)), 5);
        (void)close(left[i]);
        (void)close(right[i]);
    }
    for (int i = 0; i < 1000 && splice_count(s->set); i++) {
        assert_ok(loop_serve(s->loop));
        (void)usleep(1000);
    }
    assert_int_equal(splice_count(s->set), 0);
    assert_int_equal(open_files(), before);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_both_ways),     TEST(test_half_close),  TEST(test_reset),
        TEST(test_bulk_is_whole), TEST(test_slow_reader), TEST(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
