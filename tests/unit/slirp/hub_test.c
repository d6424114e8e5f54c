/* A network's hub as monitors drive it, with namespaces for containers. Needs user namespaces. */
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
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/msg.h"
#include "slirp/hub_client.h"
#include "slirp/netns_visit.h"
#include "tests/unit/slirp/userns.h"

#define PATIENCE_MSEC 60000

static char run_dir[] = "/tmp/hub-test.XXXXXX";
static int mntns = -1;

static void assert_ok(struct err *e)
{
    if (e)
        fail_msg("%s", err_text(e));
}

static bool raise_loopback(void)
{
    struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool good = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;
    (void)close(fd);
    return good;
}

static int enter(void **state)
{
    (void)state;
    if (!userns_enter(CLONE_NEWNS | CLONE_NEWNET) || !raise_loopback())
        return 1;
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    mntns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    assert_true(mntns >= 0);
    assert_non_null(mkdtemp(run_dir));
    return 0;
}

static int leave(void **state)
{
    (void)state;
    assert_ok(file_remove_tree(AT_FDCWD, run_dir));
    return 0;
}

/* --- a container */

struct container {
    struct hub_join join;
    const char *names;
    int sock, netns, hub_netns;
    pid_t started;
};

/* 10.77.<net>.<host>, in network "a<net>". */
static void make(struct container *c, uint8_t net, uint8_t host, const char *names)
{
    struct slirp_config *n = &c->join.network;
    struct in_addr network = {htonl(0x0a4d0000u | (uint32_t)net << 8)};
    struct in_addr gateway = {network.s_addr | htonl(1)};
    *c = (struct container){.names = names, .sock = -1, .netns = -1, .hub_netns = -1};
    slirp_config_default(n);
    slirp_config_set_bridge(n, network, 24, gateway);
    (void)snprintf(c->join.container, sizeof(c->join.container), "%064x", host);
    (void)snprintf(c->join.container, 13, "%04x%08x", net, host);
    c->join.container[12] = '0';
    (void)snprintf(c->join.ifname, sizeof(c->join.ifname), "eth0");
    c->join.ip.s_addr = network.s_addr | htonl(host);
    memcpy(c->join.mac, (uint8_t[]){2, 0x42, 10, 77, net, host}, 6);
    c->join.names_len = (uint32_t)strlen(names);
}

static void ask(struct container *c)
{
    int route = -1, again = -1;
    assert_ok(netns_visit_route(-1, c->netns, &again, &route));
    if (c->netns < 0)
        c->netns = again;
    else
        (void)close(again);
    struct err *e = hub_client_join(c->sock, &c->join, c->names, "", c->netns, route);
    if (e && err_errno(e) != EPIPE) /* then there is no answer either */
        assert_ok(e);
    err_drop(e);
    (void)close(route);
}

static void knock(struct container *c)
{
    char network[16];
    (void)snprintf(network, sizeof(network), "a%u", (unsigned)ntohl(c->join.network.network.s_addr) >> 8 & 255);
    const struct hub_connect o = {
        .run_dir = run_dir,
        .network = network,
        .config = &c->join.network,
        .resolv = "",
        .mntns_fd = mntns,
        .netns_fd = c->hub_netns,
    };
    assert_ok(hub_connect(&o, &c->sock, &c->started));
}

static struct err *answer(struct container *c)
{
    (void)fd_close(c->hub_netns);
    c->hub_netns = -1;
    return hub_client_answer(c->sock, PATIENCE_MSEC, &c->hub_netns);
}

/* As monitors do: of a hub that was killed the other half may still be ending, with the socket that one can connect to.
 */
static void join(struct container *c)
{
    for (int tries = 0;; tries++) {
        knock(c);
        ask(c);
        struct err *e = answer(c);
        bool again = e && err_errno(e) == ECONNRESET && tries < 100;
        if (!again) {
            assert_ok(e);
            return;
        }
        err_drop(e);
        c->sock = fd_close(c->sock);
    }
}

static void end(struct container *c)
{
    c->sock = fd_close(c->sock);
    c->netns = fd_close(c->netns);
    c->hub_netns = fd_close(c->hub_netns);
}

/* Within the time that a slow machine may take. */
static void await_end(pid_t pid)
{
    for (int i = 0; i < PATIENCE_MSEC / 10; i++) {
        pid_t r = waitpid(pid, NULL, WNOHANG);
        if (r == pid || (r < 0 && errno == ECHILD))
            return;
        (void)usleep(10000);
    }
    fail_msg("the hub did not end");
}

/* What a child of ours finds out inside a container's namespace. */
static bool inside(const struct container *c, bool (*look)(const void *arg), const void *arg)
{
    int status = 0;
    pid_t pid = fork();
    if (!pid)
        _exit(setns(c->netns, CLONE_NEWNET) == 0 && look(arg) ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status == 0;
}

static bool has_eth0(const void *arg)
{
    struct ifreq ifr = {.ifr_name = "eth0"};
    const struct in_addr *wanted = arg;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (ioctl(fd, SIOCGIFADDR, &ifr) < 0)
        return false;
    struct sockaddr_in got;
    memcpy(&got, &ifr.ifr_addr, sizeof(got));
    return got.sin_addr.s_addr == wanted->s_addr;
}

/* In the main table, to the network 16 bits long that the address is in. */
static bool has_route(const void *arg)
{
    char line[256], wanted[32];
    struct in_addr to;
    memcpy(&to, arg, sizeof(to));
    to.s_addr &= htonl(0xffff0000u);
    (void)snprintf(wanted, sizeof(wanted), "eth0\t%08X\t", to.s_addr);
    FILE *f = fopen("/proc/thread-self/net/route", "re");
    bool found = false;
    while (f && fgets(line, sizeof(line), f))
        found |= strncmp(line, wanted, strlen(wanted)) == 0;
    if (f)
        (void)fclose(f);
    return found;
}

/* Datagrams go there: answered by ECONNREFUSED from a neighbour that is alive and listens nowhere. */
static bool reaches(const void *arg)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(9)};
    memcpy(&a.sin_addr, arg, sizeof(a.sin_addr));
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
        return false;
    for (int i = 0; i < 100; i++) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (send(fd, "x", 1, 0) < 0 && errno == ECONNREFUSED)
            return true;
        if (poll(&p, 1, 100) > 0 && recv(fd, &a, sizeof(a), 0) < 0 && errno == ECONNREFUSED)
            return true;
    }
    return false;
}

/* One question to the gateway; the address in the answer is `wanted`, 0: there is none. */
struct question {
    const char *name; /* with lengths as in a message */
    struct in_addr gateway, wanted;
};
static bool resolves(const void *arg)
{
    const struct question *q = arg;
    uint8_t msg[512] = {0x12, 0x34, 1, 0, 0, 1}, reply[512];
    size_t n = strlen(q->name) + 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr = q->gateway};
    memcpy(msg + 12, q->name, n);
    memcpy(msg + 12 + n, "\0\1\0\1", 4);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
        return false;
    for (int i = 0; i < 100; i++) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        (void)!send(fd, msg, 12 + n + 4, 0);
        if (poll(&p, 1, 200) <= 0)
            continue;
        ssize_t len = recv(fd, reply, sizeof(reply), 0);
        if (len < 12)
            continue;
        /* What has just come or gone may not be known yet. */
        if (q->wanted.s_addr ? reply[7] == 1 && memcmp(reply + len - 4, &q->wanted, 4) == 0 : (reply[3] & 15) == 3)
            return true;
        (void)usleep(20000);
    }
    return false;
}

/* A resolver of the outside at 127.0.0.`host` that knows everybody by its own address. */
static pid_t start_server(uint8_t host)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x7f000000u | host)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
    pid_t pid = fork();
    while (!pid) {
        uint8_t msg[512];
        struct sockaddr_in from;
        socklen_t from_len = sizeof(from);
        ssize_t n = recvfrom(fd, msg, sizeof(msg) - 16, 0, (struct sockaddr *)&from, &from_len);
        if (n < 12)
            continue;
        msg[2] |= 0x80;
        msg[7] = 1;
        memcpy(msg + n, "\xc0\x0c\0\1\0\1\0\0\0\0\0\4", 12);
        memcpy(msg + n + 12, &a.sin_addr, 4);
        (void)!sendto(fd, msg, (size_t)n + 16, 0, (const struct sockaddr *)&from, from_len);
    }
    (void)close(fd);
    return pid;
}

static void stop_server(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* --- tests */

static void test_two_share_a_hub_that_ends_with_them(void **state)
{
    struct container one, two;
    (void)state;
    make(&one, 1, 2, "one\nalias");
    make(&two, 1, 3, "two");
    knock(&one); /* both at once: the second finds a hub that is not set up yet */
    knock(&two);
    ask(&one);
    ask(&two);
    assert_ok(answer(&one));
    assert_ok(answer(&two));
    assert_true(one.started > 0);
    assert_int_equal(two.started, 0);
    assert_true(inside(&one, has_eth0, &one.join.ip));
    assert_true(inside(&two, has_eth0, &two.join.ip));
    assert_true(inside(&one, reaches, &two.join.ip));
    const struct question q = {"\5ALIAS", one.join.network.gateway, one.join.ip};
    assert_true(inside(&two, resolves, &q));
    end(&one); /* its name goes with it; the hub that it has started stays */
    const struct question gone = {"\3one\3dns\6podman", two.join.network.gateway, {0}};
    assert_true(inside(&two, resolves, &gone));
    assert_int_equal(waitpid(one.started, NULL, WNOHANG), 0);
    end(&two);
    await_end(one.started);
}

static void test_networks_know_nothing_of_each_other(void **state)
{
    struct container one, two;
    (void)state;
    make(&one, 2, 2, "one");
    make(&two, 3, 2, "two");
    join(&one);
    join(&two);
    assert_true(one.started > 0 && two.started > 0);
    const struct question q = {"\3two\3dns\6podman", one.join.network.gateway, {0}};
    assert_true(inside(&one, resolves, &q));
    struct stat a, b;
    assert_int_equal(fstat(one.hub_netns, &a), 0);
    assert_int_equal(fstat(two.hub_netns, &b), 0);
    assert_true(a.st_ino != b.st_ino);
    end(&one);
    end(&two);
    await_end(one.started);
    await_end(two.started);
}

/* Killed: whoever comes first starts the next, in the same namespace, and finds the interfaces as they were. */
static void test_killed_and_started_again(void **state)
{
    struct container one, two;
    struct stat before, after;
    (void)state;
    make(&one, 4, 2, "one");
    make(&two, 4, 3, "two");
    join(&one);
    join(&two);
    assert_int_equal(fstat(one.hub_netns, &before), 0);
    pid_t first = one.started;
    assert_int_equal(kill(first, SIGKILL), 0);
    await_end(first);
    assert_true(inside(&two, reaches, &one.join.ip)); /* without any hub */
    struct err *e = answer(&one);
    assert_non_null(e);
    assert_int_equal(err_errno(e), ECONNRESET);
    err_drop(e);
    /* answer() has let go of the namespace; the other one has it still. */
    one.sock = fd_close(one.sock);
    two.sock = fd_close(two.sock);
    join(&two);
    assert_true(two.started > 0);
    join(&one);
    assert_int_equal(one.started, 0);
    assert_int_equal(fstat(two.hub_netns, &after), 0);
    assert_true(before.st_ino == after.st_ino);
    const struct question q = {"\3one", one.join.network.gateway, one.join.ip};
    assert_true(inside(&two, resolves, &q));
    assert_true(inside(&one, reaches, &two.join.ip));
    end(&one);
    end(&two);
    await_end(two.started);
}

/* Its namespace was known to nobody any more: interfaces are made anew, addresses are the same. */
static void test_another_namespace(void **state)
{
    struct container one;
    (void)state;
    make(&one, 5, 2, "one");
    join(&one);
    pid_t first = one.started;
    assert_int_equal(kill(first, SIGKILL), 0);
    await_end(first);
    one.sock = fd_close(one.sock);
    one.hub_netns = fd_close(one.hub_netns);
    join(&one);
    assert_true(inside(&one, has_eth0, &one.join.ip));
    const struct question q = {"\3one", one.join.network.gateway, one.join.ip};
    assert_true(inside(&one, resolves, &q));
    end(&one);
    await_end(one.started);
}

/* What is nobody's name in the network is asked of the container's own servers. */
static void test_servers_of_a_container(void **state)
{
    struct container one, two;
    pid_t servers[] = {start_server(5), start_server(6)};
    (void)state;
    make(&one, 8, 2, "one");
    make(&two, 8, 3, "two");
    one.join.n_servers = two.join.n_servers = 1;
    memcpy(&one.join.servers[0], "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\5", 16);
    memcpy(&two.join.servers[0], "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\6", 16);
    join(&one);
    join(&two);
    const struct question a = {"\3foo\7example", one.join.network.gateway, {htonl(0x7f000005u)}};
    const struct question b = {"\3foo\7example", one.join.network.gateway, {htonl(0x7f000006u)}};
    const struct question own = {"\3one", one.join.network.gateway, one.join.ip};
    assert_true(inside(&one, resolves, &a));
    assert_true(inside(&two, resolves, &b));
    assert_true(inside(&two, resolves, &own));
    end(&one);
    end(&two);
    await_end(one.started);
    stop_server(servers[0]);
    stop_server(servers[1]);
}

/* Through a neighbour that routes nothing: it says so. */
static void test_routes(void **state)
{
    struct container one, two;
    struct in_addr there = {htonl(0x0a630001u)}; /* 10.99.0.1 */
    (void)state;
    make(&one, 9, 2, "one");
    make(&two, 9, 3, "two");
    one.join.n_routes = 1;
    one.join.routes[0] = (struct hub_route){.family = AF_INET, .prefix_len = 16, .metric = 100, .to = {10, 99}};
    memcpy(one.join.routes[0].gateway, &two.join.ip, 4);
    join(&two);
    join(&one);
    assert_true(inside(&one, has_route, &there));
    assert_false(inside(&two, has_route, &there));
    end(&one);
    /* One that leads through nobody's neighbour cannot be made, and nothing is left of the attempt. */
    one.join.routes[0].gateway[0] = 11;
    knock(&one);
    ask(&one);
    struct err *e = answer(&one);
    assert_non_null(e);
    err_drop(e);
    assert_false(inside(&one, has_eth0, &one.join.ip));
    end(&one);
    end(&two);
    await_end(two.started);
}

static void test_leaves_and_comes_back(void **state)
{
    struct container one, two;
    int none = -1;
    (void)state;
    make(&one, 6, 2, "one");
    make(&two, 6, 3, "two");
    join(&one);
    join(&two);
    assert_ok(msg_send(one.sock, HUB_LEAVE, NULL, 0, NULL, 0));
    assert_ok(hub_client_answer(one.sock, PATIENCE_MSEC, &none));
    assert_false(inside(&one, has_eth0, &one.join.ip));
    const struct question gone = {"\3one\3dns\6podman", one.join.network.gateway, {0}};
    assert_true(inside(&two, resolves, &gone));
    one.names = "uno"; /* as long */
    ask(&one);
    assert_ok(answer(&one));
    const struct question q = {"\3uno", one.join.network.gateway, one.join.ip};
    assert_true(inside(&two, resolves, &q));
    end(&one);
    end(&two);
    await_end(one.started);
}

static void refused(struct container *c, enum err_kind kind)
{
    ask(c);
    struct err *e = answer(c);
    assert_non_null(e);
    assert_int_equal(err_kind(e), kind);
    err_drop(e);
}

static void test_nonsense_is_refused(void **state)
{
    struct container good, bad;
    (void)state;
    make(&good, 7, 2, "one");
    join(&good);
    make(&bad, 7, 3, "");
    knock(&bad);
    bad.join.ip.s_addr = htonl(0x0a4d0801);
    refused(&bad, ERR_INVALID); /* an address of another network */
    bad.join.ip = bad.join.network.gateway;
    refused(&bad, ERR_INVALID);
    bad.join.ip.s_addr = htonl(0x0a4d0703);
    bad.join.network.mtu = 1500;
    refused(&bad, ERR_STATE); /* not as the others know the network */
    bad.join.network.mtu = SLIRP_MTU_DEFAULT;
    bad.join.ifname[0] = '/';
    refused(&bad, ERR_INVALID);
    bad.join.ifname[0] = 'e';
    bad.join.mac[0] = 1;
    refused(&bad, ERR_INVALID);
    bad.join.mac[0] = 2;
    memset(bad.join.container, 'x', sizeof(bad.join.container));
    refused(&bad, ERR_INVALID);
    end(&bad);
    /* A message of an unknown kind ends that connection alone. */
    make(&bad, 7, 4, "");
    knock(&bad);
    assert_ok(msg_send(bad.sock, 99, NULL, 0, NULL, 0));
    struct err *e = answer(&bad);
    assert_int_equal(err_errno(e), ECONNRESET);
    err_drop(e);
    end(&bad);
    assert_true(inside(&good, has_eth0, &good.join.ip));
    end(&good);
    await_end(good.started);
}

/* It cannot be set up: everybody who waits hears why, and the next one tries anew. */
static void test_failed_setup_is_told(void **state)
{
    struct container one;
    (void)state;
    make(&one, 8, 2, "");
    one.join.network.mtu = 3;
    knock(&one);
    struct err *e = answer(&one);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_INVALID);
    err_drop(e);
    await_end(one.started);
    end(&one);
    make(&one, 8, 2, "");
    join(&one);
    end(&one);
    await_end(one.started);
}

/* A session whose directory was removed: nobody can find the hub, and nobody has to. */
static void test_directory_is_gone(void **state)
{
    struct container one;
    (void)state;
    make(&one, 11, 2, "");
    join(&one);
    AUTO_FREE char *dir = NULL;
    assert_ok(mem_asprintf(&dir, "%s/" HUB_DIR "/a11", run_dir));
    assert_ok(file_remove_tree(AT_FDCWD, dir));
    end(&one);
    await_end(one.started);
}

/* An interface of that name that is none of ours stays, and is the reason. */
static void test_name_taken_inside(void **state)
{
    struct container one, two;
    (void)state;
    make(&one, 9, 2, "");
    make(&two, 10, 2, "");
    join(&one);
    two.netns = one.netns;
    knock(&two);
    refused(&two, ERR_EXISTS);
    assert_true(inside(&one, has_eth0, &one.join.ip));
    two.netns = -1;
    end(&one);
    end(&two);
    await_end(one.started);
    await_end(two.started);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_share_a_hub_that_ends_with_them),
        cmocka_unit_test(test_networks_know_nothing_of_each_other),
        cmocka_unit_test(test_killed_and_started_again),
        cmocka_unit_test(test_another_namespace),
        cmocka_unit_test(test_servers_of_a_container),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_leaves_and_comes_back),
        cmocka_unit_test(test_nonsense_is_refused),
        cmocka_unit_test(test_failed_setup_is_told),
        cmocka_unit_test(test_name_taken_inside),
        cmocka_unit_test(test_directory_is_gone),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
