/* Output to pipes, sockets and files, without blocking and without changing what others share. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/monitor/outlet.h"

#define BIG ((size_t)1 << 20)

static void ok(struct err *e)
{
    if (e)
        print_error("%s\n", err_text(e));
    assert_null(e);
}

static struct err *on_writable(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct outlet *o = arg;
    (void)src;
    (void)fd;
    (void)events;
    return outlet_flush(o);
}

static char *big(void)
{
    char *data = mem_alloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        data[i] = (char)(i * 7 + (i >> 8));
    return data;
}

/* More than fits: it waits, and goes out as the other side reads. */
static void whole(int from, int to)
{
    AUTO_LOOP struct loop *l = NULL;
    struct outlet o;
    int flags = fcntl(to, F_GETFL);
    size_t got = 0;
    AUTO_FREE char *want = big(), *buf = mem_alloc(BIG);
    ok(loop_new(&l));
    outlet_open(&o, to);
    ok(outlet_write(&o, l, big(), BIG, on_writable, &o));
    assert_true(outlet_waits(&o));
    while (got < BIG) {
        ssize_t n = read(from, buf + got, BIG - got);
        assert_true(n > 0);
        got += (size_t)n;
        ok(outlet_flush(&o));
    }
    assert_false(outlet_waits(&o));
    assert_memory_equal(buf, want, BIG);
    assert_int_equal(fcntl(to, F_GETFL), flags); /* what our shell shares is as it was */
    outlet_close(&o);
}

static void test_pipe(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    whole(fds[0], fds[1]);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_socket(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    whole(fds[0], fds[1]);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_careful_pipe(void **state)
{
    (void)state;
    AUTO_LOOP struct loop *l = NULL;
    struct outlet o;
    int fds[2];
    char byte[4096];
    assert_int_equal(pipe(fds), 0);
    ok(loop_new(&l));
    outlet_open(&o, fds[1]);
    (void)close(o.fd);
    o.fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 3); /* as if opening anew had been refused */
    o.careful = true;
    (void)alarm(10);
    ok(outlet_write(&o, l, big(), BIG, on_writable, &o));
    assert_true(outlet_waits(&o));
    assert_int_equal(read(fds[0], byte, sizeof(byte)), sizeof(byte));
    ok(outlet_flush(&o));
    (void)alarm(0);
    assert_true(outlet_waits(&o));
    outlet_close(&o);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_reader_gone(void **state)
{
    (void)state;
    AUTO_LOOP struct loop *l = NULL;
    struct outlet o;
    int fds[2];
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(fds), 0);
    ok(loop_new(&l));
    outlet_open(&o, fds[1]);
    (void)close(fds[0]);
    ok(outlet_write(&o, l, big(), BIG, on_writable, &o));
    assert_false(outlet_waits(&o));
    ok(outlet_write(&o, l, big(), BIG, on_writable, &o)); /* dropped */
    outlet_close(&o);
    (void)close(fds[1]);
}

static void test_full_disk_is_an_error(void **state)
{
    (void)state;
    AUTO_LOOP struct loop *l = NULL;
    struct outlet o;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0)
        skip();
    ok(loop_new(&l));
    outlet_open(&o, full);
    struct err *e = outlet_write(&o, l, big(), BIG, on_writable, &o);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_NO_SPACE);
    err_drop(e);
    outlet_close(&o);
    (void)close(full);
}

static void test_none(void **state)
{
    (void)state;
    AUTO_LOOP struct loop *l = NULL;
    struct outlet o;
    ok(loop_new(&l));
    outlet_open(&o, -1);
    ok(outlet_write(&o, l, big(), BIG, on_writable, &o));
    outlet_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_socket),
        cmocka_unit_test(test_careful_pipe),
        cmocka_unit_test(test_reader_gone),
        cmocka_unit_test(test_full_disk_is_an_error),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
