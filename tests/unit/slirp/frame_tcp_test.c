#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/if_ether.h>
#include <string.h>

#include "slirp/device.h"
#include "slirp/frame.h"
#include "slirp/frame_tcp.h"

#define SEQUENCE 0xfffffffeu

static struct slirp_config config;
static uint8_t frame[256], out[DEVICE_HDR + FRAME_REFUSAL_MAX];
static uint8_t *const answer = out + DEVICE_HDR;

static int setup(void **state)
{
    (void)state;
    slirp_config_default(&config);
    config.ipv6 = 1;
    memset(frame, 0, sizeof(frame));
    memset(out, 0, sizeof(out));
    memcpy(frame, "\x52\x55\x0a\x00\x02\x02\x02\x00\x00\x00\x00\x07", 12);
    return 0;
}

static void make_tcp(uint8_t *tcp, uint8_t flags)
{
    const uint32_t sequence = htonl(SEQUENCE);
    memcpy(tcp, "\xb0\x01\x00\x50", 4); /* from 45057 to 80 */
    memcpy(tcp + 4, &sequence, 4);
    tcp[12] = 0x50;
    tcp[13] = flags;
}

/* `options`: bytes of IP options. */
static size_t make4(uint8_t flags, size_t options)
{
    uint8_t *ip = frame + ETH_HLEN;
    memset(ip, 0, sizeof(frame) - ETH_HLEN);
    memcpy(frame + 12, "\x08\x00", 2);
    ip[0] = (uint8_t)(0x45 + options / 4);
    ip[3] = (uint8_t)(40 + options);
    ip[9] = IPPROTO_TCP;
    assert_int_equal(inet_pton(AF_INET, "10.0.2.100", ip + 12), 1);
    assert_int_equal(inet_pton(AF_INET, "192.0.2.1", ip + 16), 1);
    make_tcp(ip + 20 + options, flags);
    return ETH_HLEN + 40 + options;
}

static size_t make6(uint8_t flags)
{
    uint8_t *ip = frame + ETH_HLEN;
    memset(ip, 0, sizeof(frame) - ETH_HLEN);
    memcpy(frame + 12, "\x86\xdd", 2);
    ip[0] = 0x60;
    ip[5] = 20;
    ip[6] = IPPROTO_TCP;
    assert_int_equal(inet_pton(AF_INET6, "fd00::100", ip + 8), 1);
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", ip + 24), 1);
    make_tcp(ip + 40, flags);
    return ETH_HLEN + 60;
}

static void test_parse(void **state)
{
    struct frame_syn syn;
    char text[INET6_ADDRSTRLEN];
    (void)state;
    for (size_t options = 0; options <= 40; options += 40) {
        size_t n = make4(0x02, options);
        assert_int_equal(frame_syn_parse(frame, n, &syn), FRAME_TCP_SYN);
        assert_string_equal(inet_ntop(AF_INET, &syn.client.in.sin_addr, text, sizeof(text)), "10.0.2.100");
        assert_string_equal(inet_ntop(AF_INET, &syn.server.in.sin_addr, text, sizeof(text)), "192.0.2.1");
        assert_int_equal(ntohs(syn.client.in.sin_port), 45057);
        assert_int_equal(ntohs(syn.server.in.sin_port), 80);
        for (size_t len = ETH_HLEN; len < n; len++)
            assert_int_equal(frame_syn_parse(frame, len, &syn), FRAME_TCP_NONE);
    }
    size_t n = make6(0xc2); /* with ECN */
    assert_int_equal(frame_syn_parse(frame, n, &syn), FRAME_TCP_SYN);
    assert_int_equal(syn.client.sa.sa_family, AF_INET6);
    assert_string_equal(inet_ntop(AF_INET6, &syn.server.in6.sin6_addr, text, sizeof(text)), "2001:db8::1");
    for (size_t len = ETH_HLEN; len < n; len++)
        assert_int_equal(frame_syn_parse(frame, len, &syn), FRAME_TCP_NONE);
}

static void test_others(void **state)
{
    static const uint8_t flags[] = {0x00, 0x10, 0x12, 0x04, 0x14, 0x06, 0x03, 0x01, 0x18};
    struct frame_syn syn;
    (void)state;
    for (size_t i = 0; i < sizeof(flags); i++) {
        assert_int_equal(frame_syn_parse(frame, make4(flags[i], 0), &syn), FRAME_TCP_OTHER);
        assert_int_equal(frame_syn_parse(frame, make6(flags[i]), &syn), FRAME_TCP_OTHER);
    }
    size_t n = make6(0x02);
    frame[ETH_HLEN + 6] = IPPROTO_UDP;
    assert_int_equal(frame_syn_parse(frame, n, &syn), FRAME_TCP_NONE);
    n = make4(0x02, 0);
    frame[13] = 0x06; /* ARP */
    assert_int_equal(frame_syn_parse(frame, n, &syn), FRAME_TCP_NONE);
}

/* The sum over a region that contains its checksum comes out as zero. */
static void check_sums(size_t n, uint8_t protocol)
{
    const uint8_t *ip = answer + ETH_HLEN;
    bool v4 = answer[12] == 0x08;
    size_t head = v4 ? 20 : 40, len = n - ETH_HLEN - head;
    uint8_t rest[4] = {0, protocol, (uint8_t)(len >> 8), (uint8_t)len};
    uint32_t pseudo = protocol == IPPROTO_ICMP ? 0 : frame_sum(rest, 4, frame_sum(ip + (v4 ? 12 : 8), v4 ? 8 : 32, 0));
    assert_int_equal(frame_sum_fold(frame_sum(ip + head, len, pseudo)), 0);
    if (v4)
        assert_int_equal(frame_sum_fold(frame_sum(ip, 20, 0)), 0);
    assert_int_equal(ip[v4 ? 9 : 6], protocol);
    assert_memory_equal(answer, frame + 6, 6);
    assert_memory_equal(answer + 6, frame, 6);
    assert_memory_equal(ip + (v4 ? 16 : 24), frame + ETH_HLEN + (v4 ? 12 : 8), v4 ? 4 : 16);
}

static void test_reset(void **state)
{
    (void)state;
    for (int six = 0; six < 2; six++) {
        struct frame_syn syn;
        size_t n = six ? make6(0x02) : make4(0x02, 8), head = six ? 40 : 20;
        assert_int_equal(frame_syn_parse(frame, n, &syn), FRAME_TCP_SYN);
        n = frame_refuse(&config, &syn, FRAME_REFUSE_RESET, answer);
        assert_int_equal(n, ETH_HLEN + head + 20);
        check_sums(n, IPPROTO_TCP);
        const uint8_t *tcp = answer + ETH_HLEN + head;
        assert_memory_equal(tcp, "\x00\x50\xb0\x01\0\0\0\0\xff\xff\xff\xff\x50\x14", 14);
    }
}

static void test_unreachable(void **state)
{
    (void)state;
    for (int host = 0; host < 2; host++) {
        struct frame_syn syn;
        enum frame_refusal how = host ? FRAME_REFUSE_HOST : FRAME_REFUSE_NET;
        assert_int_equal(frame_syn_parse(frame, make4(0x02, 40), &syn), FRAME_TCP_SYN);
        size_t n = frame_refuse(&config, &syn, how, answer);
        assert_true(n <= FRAME_REFUSAL_MAX);
        check_sums(n, IPPROTO_ICMP);
        assert_memory_equal(answer + ETH_HLEN + 12, &config.gateway, 4);
        assert_int_equal(answer[ETH_HLEN + 20], 3);
        assert_int_equal(answer[ETH_HLEN + 21], host);
        assert_memory_equal(answer + ETH_HLEN + 28, frame + ETH_HLEN, 80);
        assert_int_equal(frame_syn_parse(frame, make6(0x02), &syn), FRAME_TCP_SYN);
        n = frame_refuse(&config, &syn, how, answer);
        check_sums(n, IPPROTO_ICMPV6);
        assert_memory_equal(answer + ETH_HLEN + 8, &config.gateway6, 16);
        assert_int_equal(answer[ETH_HLEN + 40], 1);
        assert_int_equal(answer[ETH_HLEN + 41], host ? 3 : 0);
        assert_memory_equal(answer + ETH_HLEN + 48, frame + ETH_HLEN, 60);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_parse, setup),
        cmocka_unit_test_setup(test_others, setup),
        cmocka_unit_test_setup(test_reset, setup),
        cmocka_unit_test_setup(test_unreachable, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
