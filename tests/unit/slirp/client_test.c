/* coracle-slirp as coracle-monitor drives it: --engine, through the client. Needs user namespaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/msg.h"
#include "slirp/client.h"
#include "tests/unit/slirp/userns.h"

static struct slirp_config config;

static void assert_ok(struct err *e)
{
    if (e)
        fail_msg("%s", err_text(e));
}

static int enter_userns(void **state)
{
    (void)state;
    return userns_enter(0) ? 0 : 1;
}

static int fresh(void **state)
{
    (void)state;
    slirp_config_default(&config);
    return 0;
}

/* Address of tap0 in that namespace, as a child of ours sees it; its exit code tells. */
static bool has_address(int netns, const char *address)
{
    pid_t pid = fork();
    if (!pid) {
        struct ifreq ifr = {.ifr_name = "tap0"};
        int fd, ok = setns(netns, CLONE_NEWNET) == 0 && (fd = socket(AF_INET, SOCK_DGRAM, 0)) >= 0 &&
                     ioctl(fd, SIOCGIFADDR, &ifr) == 0;
        struct in_addr got = ((struct sockaddr_in *)(void *)&ifr.ifr_addr)->sin_addr;
        _exit(ok && !strcmp(inet_ntoa(got), address) ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status == 0;
}

static void start(struct slirp_client *c, int netns_in, int *ret_netns)
{
    assert_ok(slirp_client_start(c, &config, "nameserver 127.0.0.1\n", false, netns_in, -1));
    assert_ok(slirp_client_ready(c, ret_netns));
}

static void test_makes_a_namespace(void **state)
{
    struct slirp_client c = SLIRP_CLIENT_INIT;
    int netns = -1;
    (void)state;
    start(&c, -1, &netns);
    assert_true(has_address(netns, "10.0.2.100"));
    slirp_client_done(&c);
    (void)close(netns);
}

static void test_other_network(void **state)
{
    struct slirp_client c = SLIRP_CLIENT_INIT;
    int netns = -1;
    (void)state;
    assert_ok(slirp_config_set_cidr(&config, "192.168.77.0/24"));
    config.mtu = 1400;
    config.ipv6 = 1;
    start(&c, -1, &netns);
    assert_true(has_address(netns, "192.168.77.100"));
    slirp_client_done(&c);
    (void)close(netns);
}

/* Killed, and started again for the same namespace: the same address again. */
static void test_again_in_the_same_namespace(void **state)
{
    int netns = -1, again = -1, status;
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct slirp_client c = SLIRP_CLIENT_INIT;
        start(&c, netns, i ? &again : &netns);
        assert_true(has_address(netns, "10.0.2.100"));
        assert_ok(proc_signal(&c.proc, SIGKILL));
        if (i < 2)
            slirp_client_done(&c);
        else
            assert_ok(proc_wait(&c.proc, &status));
        (void)fd_close(again);
        again = -1;
        c.sock = fd_close(c.sock);
    }
    (void)close(netns);
}

static void test_veth_without_tun(void **state)
{
    struct slirp_client c = SLIRP_CLIENT_INIT;
    int netns = -1;
    (void)state;
    config.no_tun = 1;
    start(&c, -1, &netns);
    assert_true(has_address(netns, "10.0.2.100"));
    slirp_client_done(&c);
    (void)close(netns);
}

static void test_ends_with_the_connection(void **state)
{
    struct slirp_client c = SLIRP_CLIENT_INIT;
    int netns = -1, status = -1;
    (void)state;
    start(&c, -1, &netns);
    c.sock = fd_close(c.sock);
    assert_ok(proc_wait_timeout(&c.proc, 30000, &status));
    assert_int_equal(status, 0);
    (void)close(netns);
}

static void make_port(struct slirp_port *p, uint16_t host)
{
    *p = (struct slirp_port){.proto = SLIRP_TCP};
    p->host.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(host)};
    p->host.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->guest.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(80)};
}

/* A port of 127.0.0.1 that was free a moment ago. */
static uint16_t free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    (void)close(fd);
    return ntohs(a.sin_port);
}

static void test_ports(void **state)
{
    struct slirp_client c = SLIRP_CLIENT_INIT;
    struct slirp_port port, *list = NULL;
    size_t n = 0;
    int netns = -1;
    (void)state;
    start(&c, -1, &netns);
    make_port(&port, free_port());
    assert_ok(slirp_client_port_add(&c, &port, -1));
    struct err *e = slirp_client_port_add(&c, &port, -1);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_IN_USE);
    err_drop(e);
    assert_ok(slirp_client_port_list(&c, &list, &n));
    assert_int_equal(n, 1);
    assert_int_equal(list[0].host.in.sin_port, port.host.in.sin_port);
    free(list);
    assert_ok(slirp_client_port_remove(&c, &port));
    e = slirp_client_port_remove(&c, &port);
    assert_int_equal(err_kind(e), ERR_NOT_FOUND);
    err_drop(e);
    slirp_client_done(&c);
    (void)close(netns);
}

/* A bad start is answered with an error, and the process ends. */
static void test_bad_start(void **state)
{
    struct slirp_client c = SLIRP_CLIENT_INIT;
    int netns = -1, status;
    (void)state;
    config.mtu = 70000;
    assert_ok(slirp_client_start(&c, &config, NULL, false, -1, -1));
    struct err *e = slirp_client_ready(&c, &netns);
    assert_int_equal(err_kind(e), ERR_INVALID);
    assert_non_null(strstr(err_text(e), "MTU"));
    err_drop(e);
    assert_ok(proc_wait_timeout(&c.proc, 30000, &status));
    assert_int_not_equal(status, 0);
    slirp_client_done(&c);
}

/* What the dynamic loader says of a library that is missing reaches whoever waits for the network. */
static void test_missing_library(void **state)
{
    static const char script[] =
        "#!/bin/sh\necho \"$0: error while loading shared libraries: libslirp.so.0: cannot open "
        "shared object file\" >&2\nexit 127\n";
    struct slirp_client c = SLIRP_CLIENT_INIT;
    char dir[] = "/tmp/coracle-client-XXXXXX", path[64];
    AUTO_FREE char *before = NULL;
    int netns = -1;
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/coracle-slirp", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_int_equal(write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
    (void)close(fd);
    assert_ok(mem_strdup(getenv("CORACLE_LIBEXECDIR"), &before));
    assert_int_equal(setenv("CORACLE_LIBEXECDIR", dir, 1), 0);
    assert_ok(slirp_client_start(&c, &config, NULL, false, -1, -1));
    struct err *e = slirp_client_ready(&c, &netns);
    assert_int_equal(setenv("CORACLE_LIBEXECDIR", before, 1), 0);
    assert_int_equal(err_kind(e), ERR_UNSUPPORTED);
    assert_non_null(strstr(err_text(e), "libslirp.so.0"));
    err_drop(e);
    slirp_client_done(&c);
    (void)unlink(path);
    (void)rmdir(dir);
}

/* Nothing that comes over the socket makes it crash; an unknown request is refused. */
static void test_unknown_message(void **state)
{
    struct slirp_client c = SLIRP_CLIENT_INIT;
    struct msg m = MSG_INIT;
    bool eof = false;
    int netns = -1;
    (void)state;
    start(&c, -1, &netns);
    assert_ok(msg_send(c.sock, 4711, "x", 1, NULL, 0));
    assert_ok(msg_recv(c.sock, &m, &eof));
    assert_int_equal(m.type, SLIRP_FAILED);
    msg_done(&m);
    assert_ok(msg_send(c.sock, SLIRP_PORT_ADD, "x", 1, &netns, 1));
    assert_ok(msg_recv(c.sock, &m, &eof));
    assert_int_equal(m.type, SLIRP_FAILED);
    msg_done(&m);
    assert_true(has_address(netns, "10.0.2.100"));
    slirp_client_done(&c);
    (void)close(netns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_makes_a_namespace, fresh),
        cmocka_unit_test_setup(test_other_network, fresh),
        cmocka_unit_test_setup(test_again_in_the_same_namespace, fresh),
        cmocka_unit_test_setup(test_veth_without_tun, fresh),
        cmocka_unit_test_setup(test_ends_with_the_connection, fresh),
        cmocka_unit_test_setup(test_ports, fresh),
        cmocka_unit_test_setup(test_bad_start, fresh),
        cmocka_unit_test_setup(test_missing_library, fresh),
        cmocka_unit_test_setup(test_unknown_message, fresh),
    };
    return cmocka_run_group_tests(tests, enter_userns, NULL);
}
