#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/msg.h"
#include "tests/unit/base/tempdir.h"

static void close_pair(const int s[2])
{
    (void)fd_close(s[0]);
    (void)fd_close(s[1]);
}

static void test_payload_and_type(void **state)
{
    (void)state;
    int s[2];
    bool eof = true;
    expect_success(msg_pair(s));
    assert_true(fcntl(s[0], F_GETFD) & FD_CLOEXEC);
    expect_success(msg_send(s[0], 7, "hello", 5, NULL, 0));
    expect_success(msg_send(s[0], 8, NULL, 0, NULL, 0));
    AUTO_MSG struct msg m = MSG_INIT;
    expect_success(msg_recv(s[1], &m, &eof));
    assert_false(eof);
    assert_int_equal(m.type, 7);
    assert_int_equal(m.len, 5);
    assert_string_equal(m.data, "hello");
    msg_done(&m);
    expect_success(msg_recv(s[1], &m, &eof));
    assert_int_equal(m.type, 8);
    assert_int_equal(m.len, 0);
    assert_null(m.data);
    (void)fd_close(s[0]);
    expect_success(msg_recv(s[1], &m, &eof));
    assert_true(eof);
    (void)fd_close(s[1]);
}

static void test_largest_payload(void **state)
{
    (void)state;
    int s[2];
    bool eof = false;
    char *big = malloc(MSG_PAYLOAD_MAX + 1);
    assert_non_null(big);
    memset(big, 'z', MSG_PAYLOAD_MAX + 1);
    expect_success(msg_pair(s));
    expect_kind(msg_send(s[0], 1, big, MSG_PAYLOAD_MAX + 1, NULL, 0), ERR_INVALID);
    expect_success(msg_send(s[0], 1, big, MSG_PAYLOAD_MAX, NULL, 0));
    AUTO_MSG struct msg m = MSG_INIT;
    expect_success(msg_recv(s[1], &m, &eof));
    assert_int_equal(m.len, MSG_PAYLOAD_MAX);
    assert_memory_equal(m.data, big, MSG_PAYLOAD_MAX);
    free(big);
    close_pair(s);
}

static void test_descriptors(void **state)
{
    (void)state;
    int s[2], fds[MSG_FDS_MAX + 1];
    bool eof = false;
    expect_success(msg_pair(s));
    for (size_t i = 0; i <= MSG_FDS_MAX; i++)
        fds[i] = s[0];
    expect_kind(msg_send(s[0], 1, "x", 1, fds, MSG_FDS_MAX + 1), ERR_INVALID);
    expect_success(msg_send(s[0], 1, "x", 1, fds, MSG_FDS_MAX));
    expect_success(msg_send(s[0], 2, NULL, 0, fds, 1));
    AUTO_MSG struct msg m = MSG_INIT;
    expect_success(msg_recv(s[1], &m, &eof));
    assert_int_equal(m.n_fds, MSG_FDS_MAX);
    for (size_t i = 0; i < m.n_fds; i++)
        assert_true(fcntl(m.fds[i], F_GETFD) & FD_CLOEXEC);
    int first = m.fds[0];
    msg_done(&m);
    assert_int_equal(fcntl(first, F_GETFD), -1);
    expect_success(msg_recv(s[1], &m, &eof));
    assert_int_equal(m.n_fds, 1);
    assert_int_equal(m.fds[1], -1);
    close_pair(s);
}

/* A peer that does not use msg_send: too short, too long, too many descriptors. The stream survives each. */
static void test_hostile_messages(void **state)
{
    (void)state;
    int s[2], fds[12], before, after;
    bool eof = false;
    expect_success(msg_pair(s));
    before = dup2(s[0], 400);
    assert_int_equal(before, 400);
    (void)fd_close(400);
    AUTO_MSG struct msg m = MSG_INIT;
    assert_int_equal(send(s[0], "abc", 3, 0), 3);
    expect_kind(msg_recv(s[1], &m, &eof), ERR_CORRUPT);
    char *big = calloc(1, MSG_PAYLOAD_MAX + 5);
    assert_int_equal(send(s[0], big, MSG_PAYLOAD_MAX + 5, 0), (ssize_t)MSG_PAYLOAD_MAX + 5);
    free(big);
    expect_kind(msg_recv(s[1], &m, &eof), ERR_CORRUPT);
    union {
        char buf[CMSG_SPACE(sizeof(fds))];
        struct cmsghdr align;
    } control = {{0}};
    for (size_t i = 0; i < 12; i++)
        fds[i] = s[0];
    char text[8] = "typedata";
    struct iovec iov = {.iov_base = text, .iov_len = sizeof(text)};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(fds));
    memcpy(CMSG_DATA(c), fds, sizeof(fds));
    assert_int_equal(sendmsg(s[0], &h, 0), 8);
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)fd_close(next);
    expect_kind(msg_recv(s[1], &m, &eof), ERR_CORRUPT);
    after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(after, next); /* none leaked */
    (void)fd_close(after);
    expect_success(msg_send(s[0], 5, "ok", 2, NULL, 0));
    expect_success(msg_recv(s[1], &m, &eof));
    assert_int_equal(m.type, 5);
    close_pair(s);
}

static void test_gone_peer_and_full_socket(void **state)
{
    (void)state;
    int s[2];
    bool eof = false;
    char chunk[4096] = "";
    struct err *e = NULL;
    expect_success(msg_pair(s));
    expect_success(fd_set_nonblock(s[0], true));
    AUTO_MSG struct msg m = MSG_INIT;
    e = msg_recv(s[0], &m, &eof);
    assert_int_equal(err_errno(e), EAGAIN);
    expect_kind(e, ERR_TIMEOUT);
    for (e = NULL; !e;)
        e = msg_send(s[0], 1, chunk, sizeof(chunk), NULL, 0);
    assert_int_equal(err_errno(e), EAGAIN);
    expect_kind(e, ERR_TIMEOUT);
    (void)fd_close(s[1]);
    e = msg_send(s[0], 1, "x", 1, NULL, 0); /* no SIGPIPE */
    expect_kind(e, ERR_NETWORK);
    (void)fd_close(s[0]);
}

static void test_listen_and_connect(void **state)
{
    const struct tempdir *t = *state;
    struct stat st;
    AUTO_FD int listener = -1;
    AUTO_FD int client = -1;
    expect_kind(msg_connect(t->fd, "sock", &client), ERR_NOT_FOUND);
    expect_success(msg_listen(t->fd, "sock", &listener));
    assert_int_equal(fstatat(t->fd, "sock", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    expect_success(msg_connect(t->fd, "sock", &client));
    AUTO_FD int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    unsigned uid = 12345;
    expect_success(msg_peer_uid(server, &uid));
    assert_int_equal(uid, getuid());
    AUTO_FD int second = -1;
    expect_kind(msg_listen(t->fd, "sock", &second), ERR_IN_USE);
    listener = fd_close(listener);
    AUTO_FD int late = -1;
    expect_kind(msg_connect(t->fd, "sock", &late), ERR_NOT_FOUND);
    expect_success(msg_listen(t->fd, "sock", &listener)); /* replaces the stale one */
    expect_success(msg_connect(t->fd, "sock", &late));
}

static void test_listen_refuses(void **state)
{
    const struct tempdir *t = *state;
    int fd = -1;
    char name[200];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    tempdir_write(t, "file", "precious");
    expect_kind(msg_listen(t->fd, "file", &fd), ERR_EXISTS);
    expect_kind(msg_listen(t->fd, "../sock", &fd), ERR_INVALID);
    expect_kind(msg_listen(t->fd, "", &fd), ERR_INVALID);
    expect_kind(msg_listen(t->fd, name, &fd), ERR_INVALID);
    assert_int_equal(faccessat(t->fd, "file", F_OK, 0), 0);
}

/* The path of the directory is longer than sun_path. */
static void test_long_directory(void **state)
{
    const struct tempdir *t = *state;
    char name[151];
    memset(name, 'd', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    tempdir_mkdir(t, name);
    AUTO_FD int dir = -1;
    AUTO_FD int listener = -1;
    AUTO_FD int client = -1;
    expect_success(file_open_dir(t->fd, name, &dir));
    expect_success(msg_listen(dir, "sock", &listener));
    expect_success(msg_connect(dir, "sock", &client));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payload_and_type),
        cmocka_unit_test(test_largest_payload),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_hostile_messages),
        cmocka_unit_test(test_gone_peer_and_full_socket),
        TEMPDIR_TEST(test_listen_and_connect),
        TEMPDIR_TEST(test_listen_refuses),
        TEMPDIR_TEST(test_long_directory),
    };
    return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
