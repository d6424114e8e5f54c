#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "slirp/device.h"
#include "slirp/frame.h"
#include "slirp/frame_reass.h"
#include "slirp/frame_udp.h"

static struct slirp_config config;
static uint8_t buf[DEVICE_HDR + DEVICE_FRAME_MAX];
static uint8_t *const frame = buf + DEVICE_HDR;
static uint8_t *const ip = buf + DEVICE_HDR + ETH_HLEN;

static int setup(void **state)
{
    (void)state;
    slirp_config_default(&config);
    config.ipv6 = 1;
    memset(buf, 0, sizeof(buf));
    return 0;
}

/* The sum as RFC 1071 writes it, for comparison. */
static uint16_t slow_sum(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += (uint32_t)(i % 2 ? p[i] : p[i] << 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static uint16_t tcp_sum(bool v4, size_t len)
{
    const uint8_t *tcp = ip + (v4 ? 20 : 40);
    uint32_t pseudo = (uint32_t)(6 + len);
    for (size_t i = 0; i < (v4 ? 8u : 32u); i += 2)
        pseudo += (uint32_t)(ip[(v4 ? 12 : 8) + i] << 8 | ip[(v4 ? 12 : 8) + i + 1]);
    return slow_sum(tcp, len, pseudo);
}

/* A frame with `payload` bytes behind the IP header; its whole length with the virtio header. */
static size_t make4(uint8_t protocol, const char *dst, uint16_t port, size_t payload)
{
    memset(buf, 0, sizeof(buf));
    frame[12] = 0x08;
    ip[0] = 0x45;
    ip[2] = (uint8_t)((20 + payload) >> 8);
    ip[3] = (uint8_t)(20 + payload);
    ip[9] = protocol;
    assert_int_equal(inet_pton(AF_INET, "10.0.2.100", ip + 12), 1);
    assert_int_equal(inet_pton(AF_INET, dst, ip + 16), 1);
    ip[20] = 0x30;
    ip[22] = (uint8_t)(port >> 8);
    ip[23] = (uint8_t)port;
    if (protocol == IPPROTO_TCP)
        ip[32] = 0x50;
    ip[24] = protocol == IPPROTO_UDP ? (uint8_t)(payload >> 8) : 0;
    ip[25] = protocol == IPPROTO_UDP ? (uint8_t)payload : 0;
    return DEVICE_HDR + ETH_HLEN + 20 + payload;
}

static size_t make6(uint8_t protocol, const char *dst, uint16_t port, size_t payload)
{
    memset(buf, 0, sizeof(buf));
    frame[12] = 0x86;
    frame[13] = 0xdd;
    ip[0] = 0x60;
    ip[4] = (uint8_t)(payload >> 8);
    ip[5] = (uint8_t)payload;
    ip[6] = protocol;
    assert_int_equal(inet_pton(AF_INET6, "fd00::100", ip + 8), 1);
    assert_int_equal(inet_pton(AF_INET6, dst, ip + 24), 1);
    ip[40] = 0x30;
    ip[42] = (uint8_t)(port >> 8);
    ip[43] = (uint8_t)port;
    if (protocol == IPPROTO_TCP)
        ip[52] = 0x50;
    return DEVICE_HDR + ETH_HLEN + 40 + payload;
}

static enum frame_verdict check4(const char *dst, uint8_t protocol, uint16_t port)
{
    return frame_check(&config, buf, make4(protocol, dst, port, 64));
}

static enum frame_verdict check6(const char *dst, uint8_t protocol, uint16_t port)
{
    return frame_check(&config, buf, make6(protocol, dst, port, 64));
}

static void test_destinations(void **state)
{
    (void)state;
    assert_int_equal(check4("192.0.2.1", IPPROTO_TCP, 80), FRAME_PASS);
    assert_int_equal(check4("10.0.2.2", IPPROTO_TCP, 80), FRAME_PASS); /* libslirp decides */
    assert_int_equal(check4("127.0.0.1", IPPROTO_TCP, 80), FRAME_DROP);
    assert_int_equal(check4("127.1.2.3", IPPROTO_UDP, 80), FRAME_DROP);
    assert_int_equal(check4("0.0.0.0", IPPROTO_TCP, 80), FRAME_DROP);
    assert_int_equal(check6("2001:db8::1", IPPROTO_TCP, 80), FRAME_PASS);
    assert_int_equal(check6("::1", IPPROTO_TCP, 80), FRAME_DROP);
    assert_int_equal(check6("::", IPPROTO_TCP, 80), FRAME_DROP);
    assert_int_equal(check6("::ffff:127.0.0.1", IPPROTO_TCP, 80), FRAME_DROP);
    assert_int_equal(check6("::127.0.0.1", IPPROTO_UDP, 80), FRAME_DROP);
    config.ipv6 = 0;
    assert_int_equal(check6("2001:db8::1", IPPROTO_TCP, 80), FRAME_DROP);
}

static void test_dns(void **state)
{
    (void)state;
    assert_int_equal(check4("10.0.2.3", IPPROTO_UDP, 53), FRAME_DNS);
    assert_int_equal(check4("10.0.2.3", IPPROTO_TCP, 53), FRAME_DNS_TCP);
    assert_int_equal(check4("10.0.2.3", IPPROTO_TCP, 80), FRAME_DROP);
    assert_int_equal(check4("10.0.2.3", IPPROTO_UDP, 54), FRAME_DROP);
    assert_int_equal(check4("10.0.2.3", IPPROTO_ICMP, 0), FRAME_PASS);
    assert_int_equal(check6("fd00::3", IPPROTO_UDP, 53), FRAME_DNS);
    assert_int_equal(check6("fd00::3", IPPROTO_TCP, 53), FRAME_DNS_TCP);
    size_t n = make4(IPPROTO_UDP, "10.0.2.3", 53, 64);
    ip[7] = 1; /* not the first fragment */
    assert_int_equal(frame_check(&config, buf, n), FRAME_FRAGMENT);
    config.no_dns = 1;
    assert_int_equal(check4("10.0.2.3", IPPROTO_UDP, 53), FRAME_PASS);
}

static void test_malformed(void **state)
{
    (void)state;
    size_t n = make4(IPPROTO_TCP, "192.0.2.1", 80, 64);
    for (size_t len = 0; len < n; len++)
        assert_int_equal(frame_check(&config, buf, len), FRAME_DROP);
    assert_int_equal(frame_check(&config, buf, n), FRAME_PASS);
    ip[0] = 0x44;
    assert_int_equal(frame_check(&config, buf, n), FRAME_DROP);
    ip[0] = 0x65;
    assert_int_equal(frame_check(&config, buf, n), FRAME_DROP);
    n = make4(IPPROTO_TCP, "192.0.2.1", 80, 64);
    ip[2] = 0xff; /* longer than the frame */
    assert_int_equal(frame_check(&config, buf, n), FRAME_DROP);
    n = make6(IPPROTO_TCP, "2001:db8::1", 80, 64);
    ip[4] = 1;
    assert_int_equal(frame_check(&config, buf, n), FRAME_DROP);
    n = make4(IPPROTO_TCP, "192.0.2.1", 80, 64);
    frame[12] = 0x81; /* VLAN */
    assert_int_equal(frame_check(&config, buf, n), FRAME_DROP);
}

static void test_completes_checksum(void **state)
{
    (void)state;
    for (size_t payload = 20; payload < 1500; payload += 7) {
        size_t n = make4(IPPROTO_TCP, "192.0.2.1", 80, payload);
        for (size_t i = 0; i < payload - 20; i++)
            ip[40 + i] = (uint8_t)(i * 37 + payload);
        /* As the kernel leaves it: the sum of the pseudo header, not inverted (skb_checksum_help()). */
        uint32_t pseudo = (uint32_t)(6 + payload);
        for (size_t i = 12; i < 20; i += 2)
            pseudo += (uint32_t)(ip[i] << 8 | ip[i + 1]);
        pseudo = (pseudo & 0xffff) + (pseudo >> 16);
        ip[36] = (uint8_t)(pseudo >> 8);
        ip[37] = (uint8_t)pseudo;
        struct virtio_net_hdr h = {
            .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = ETH_HLEN + 20, .csum_offset = 16};
        memcpy(buf, &h, sizeof(h));
        assert_int_equal(frame_check(&config, buf, n), FRAME_PASS);
        assert_int_equal(tcp_sum(true, payload), 0);
    }
}

static void test_checksum_outside(void **state)
{
    static const uint16_t places[][2] = {{54, 100}, {200, 0}, {0xffff, 0xffff}, {97, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        size_t n = make4(IPPROTO_TCP, "192.0.2.1", 80, 64);
        struct virtio_net_hdr h = {
            .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = places[i][0], .csum_offset = places[i][1]};
        memcpy(buf, &h, sizeof(h));
        assert_int_equal(frame_check(&config, buf, n), FRAME_DROP);
    }
}

static void put_tcp_sum(bool v4, size_t len)
{
    uint8_t *tcp = ip + (v4 ? 20 : 40);
    tcp[16] = tcp[17] = 0;
    uint16_t sum = tcp_sum(v4, len);
    tcp[16] = (uint8_t)(sum >> 8);
    tcp[17] = (uint8_t)sum;
}

static void test_mss(void **state)
{
    static const uint8_t options[] = {1, 1, 2, 4, 0xff, 0xc8, 0, 0};
    (void)state;
    for (int v4 = 0; v4 < 2; v4++) {
        size_t n =
            (v4 ? make4(IPPROTO_TCP, "192.0.2.1", 80, 28) : make6(IPPROTO_TCP, "2001:db8::1", 80, 28)) - DEVICE_HDR;
        uint8_t *tcp = ip + (v4 ? 20 : 40);
        tcp[12] = 0x70;
        tcp[13] = 0x12; /* SYN, ACK */
        memcpy(tcp + 20, options, sizeof(options));
        put_tcp_sum(v4, 28);
        frame_limit_mss(frame, n);
        assert_int_equal(tcp[24] << 8 | tcp[25], FRAME_MSS_MAX);
        assert_int_equal(tcp_sum(v4, 28), 0);
        tcp[24] = 0x05; /* smaller ones stay */
        frame_limit_mss(frame, n);
        assert_int_equal(tcp[24], 0x05);
        tcp[24] = 0xff;
        tcp[13] = 0x10; /* no SYN */
        frame_limit_mss(frame, n);
        assert_int_equal(tcp[24], 0xff);
        /* Options that lie about their length. */
        tcp[13] = 0x02;
        for (unsigned len = 0; len < 256; len++) {
            tcp[21] = 9;
            tcp[22] = (uint8_t)len;
            frame_limit_mss(frame, n);
        }
    }
}

static void test_redirect_and_back(void **state)
{
    static const uint16_t ports[2] = {40000, 40001};
    (void)state;
    for (int v4 = 0; v4 < 2; v4++) {
        size_t n = (v4 ? make4(IPPROTO_TCP, "10.0.2.3", 53, 41) : make6(IPPROTO_TCP, "fd00::3", 53, 41)) - DEVICE_HDR;
        size_t at = v4 ? 12 : 8, len = v4 ? 4 : 16;
        uint8_t *tcp = ip + (v4 ? 20 : 40), addr[16];
        put_tcp_sum(v4, 41);
        frame_redirect(frame, n, ports[!v4]);
        assert_int_equal(inet_pton(v4 ? AF_INET : AF_INET6, v4 ? "127.0.0.1" : "::1", addr), 1);
        assert_memory_equal(ip + at + len, addr, len);
        assert_int_equal(tcp[2] << 8 | tcp[3], ports[!v4]);
        assert_int_equal(tcp_sum(v4, 41), 0);
        /* The answer: both ends change places. */
        memcpy(addr, ip + at, len);
        memcpy(ip + at, ip + at + len, len);
        memcpy(ip + at + len, addr, len);
        memcpy(addr, tcp, 2);
        memcpy(tcp, tcp + 2, 2);
        memcpy(tcp + 2, addr, 2);
        frame_unredirect(&config, ports, frame, n);
        assert_memory_equal(ip + at, v4 ? (void *)&config.dns : (void *)&config.dns6, len);
        assert_int_equal(tcp[0] << 8 | tcp[1], 53);
        assert_int_equal(tcp_sum(v4, 41), 0);
        uint8_t before[128];
        memcpy(before, frame, n);
        frame_unredirect(&config, ports, frame, n); /* nothing of ours any more */
        assert_memory_equal(before, frame, n);
    }
}

static void test_udp_answer(void **state)
{
    uint8_t out[256];
    struct frame_udp u;
    const uint8_t *payload;
    size_t len;
    (void)state;
    for (int v4 = 0; v4 < 2; v4++) {
        size_t n = (v4 ? make4(IPPROTO_UDP, "10.0.2.3", 53, 20) : make6(IPPROTO_UDP, "fd00::3", 53, 20)) - DEVICE_HDR;
        uint8_t *udp = ip + (v4 ? 20 : 40);
        udp[5] = 20;
        memset(frame + 6, 0x22, 6);
        assert_true(frame_udp_parse(frame, n, &u, &payload, &len));
        assert_int_equal(len, 12);
        assert_ptr_equal(payload, udp + 8);
        size_t m = frame_udp_answer(&u, "hello", 5, out, sizeof(out));
        assert_int_equal(m, ETH_HLEN + (v4 ? 20u : 40u) + 8 + 5);
        assert_memory_equal(out, frame + 6, 6);
        struct frame_udp back;
        assert_true(frame_udp_parse(out, m, &back, &payload, &len));
        assert_memory_equal(payload, "hello", 5);
        assert_memory_equal(&back.to, &u.from, sizeof(u.from));
        if (v4)
            assert_int_equal(slow_sum(out + ETH_HLEN, 20, 0), 0);
        assert_int_equal(frame_udp_answer(&u, "hello", 5, out, m - 1), 0);
        udp[5] = 21; /* longer than the packet */
        assert_false(frame_udp_parse(frame, n, &u, &payload, &len));
        udp[5] = 7;
        assert_false(frame_udp_parse(frame, n, &u, &payload, &len));
    }
}

/* A fragment of a datagram of `pattern`; as frame_reass_add() returns. */
static uint8_t *add(struct frame_reass **r, size_t start, size_t n, bool more, size_t *ret_len)
{
    uint8_t *whole = NULL;
    size_t len = make4(IPPROTO_UDP, "192.0.2.1", 80, n);
    for (size_t i = 0; i < n; i++)
        ip[20 + i] = (uint8_t)((start + i) * 7);
    ip[6] = (uint8_t)((more ? 0x20 : 0) | start >> 11);
    ip[7] = (uint8_t)(start >> 3);
    assert_int_equal(frame_check(&config, buf, len), FRAME_FRAGMENT);
    assert_null(frame_reass_add(r, buf, len, 1, &whole, ret_len));
    return whole;
}

static void test_fragments(void **state)
{
    struct frame_reass *r = NULL;
    size_t n = 0;
    (void)state;
    /* Out of order. */
    assert_null(add(&r, 2000, 101, false, &n));
    assert_null(add(&r, 0, 1000, true, &n));
    uint8_t *whole = add(&r, 1000, 1000, true, &n);
    assert_non_null(whole);
    assert_int_equal(n, DEVICE_HDR + ETH_HLEN + 20 + 2101);
    assert_int_equal(slow_sum(whole + DEVICE_HDR + ETH_HLEN, 20, 0), 0);
    for (size_t i = 0; i < 2101; i++)
        assert_int_equal(whole[DEVICE_HDR + ETH_HLEN + 20 + i], (uint8_t)(i * 7));
    /* The largest datagram. */
    for (size_t at = 0; at < 64000; at += 8000)
        assert_null(add(&r, at, 8000, true, &n));
    assert_non_null(add(&r, 64000, 1515, false, &n));
    /* Overlapping, twice the end, past the end, longer than a datagram can be, not whole units: never complete. */
    assert_null(add(&r, 0, 800, true, &n));
    assert_null(add(&r, 792, 800, true, &n));
    assert_null(add(&r, 800, 800, false, &n));
    assert_null(add(&r, 1600, 800, false, &n));
    assert_null(add(&r, 0, 800, true, &n));
    assert_null(add(&r, 65528, 80, false, &n));
    assert_null(add(&r, 0, 801, true, &n));
    assert_null(add(&r, 800, 8, false, &n));
    frame_reass_free(r);
}

/* A network of several guests, 10.0.2.0/24 and fd00::/64, the gateway at .2. */
static void make_bridge(void)
{
    slirp_config_set_bridge(&config, config.network, 24, config.gateway);
    config.dns6 = config.gateway6;
}

/* As a guest sends it to libslirp. */
static enum frame_verdict bridge4(const char *dst, uint8_t protocol, uint16_t port)
{
    size_t n = make4(protocol, dst, port, 64);
    frame[0] = 0x52;
    frame[1] = 0x55;
    return frame_check(&config, buf, n);
}

static enum frame_verdict bridge6(const char *dst, uint8_t protocol, uint16_t port)
{
    size_t n = make6(protocol, dst, port, 64);
    frame[0] = 0x33;
    return frame_check(&config, buf, n);
}

static void test_bridge(void **state)
{
    (void)state;
    make_bridge();
    assert_int_equal(bridge4("192.0.2.1", IPPROTO_TCP, 80), FRAME_PASS);
    assert_int_equal(bridge4("10.0.2.2", IPPROTO_UDP, 53), FRAME_DNS);
    assert_int_equal(bridge4("10.0.2.2", IPPROTO_TCP, 53), FRAME_DNS_TCP);
    assert_int_equal(bridge4("10.0.2.2", IPPROTO_TCP, 80), FRAME_PASS); /* libslirp refuses */
    assert_int_equal(bridge4("10.0.2.7", IPPROTO_TCP, 80), FRAME_DROP); /* another guest's */
    assert_int_equal(bridge4("10.0.2.255", IPPROTO_UDP, 80), FRAME_DROP);
    assert_int_equal(bridge4("255.255.255.255", IPPROTO_UDP, 67), FRAME_DROP);
    assert_int_equal(bridge4("127.0.0.1", IPPROTO_TCP, 80), FRAME_DROP);
    assert_int_equal(bridge6("2001:db8::1", IPPROTO_TCP, 80), FRAME_PASS);
    assert_int_equal(bridge6("fd00::2", IPPROTO_UDP, 53), FRAME_DNS);
    assert_int_equal(bridge6("fd00::7", IPPROTO_TCP, 80), FRAME_DROP);
    assert_int_equal(bridge6("ff02::1:ff00:2", IPPROTO_ICMPV6, 0), FRAME_PASS);
    /* Flooded by the bridge, meant for another guest. */
    size_t n = make4(IPPROTO_TCP, "192.0.2.1", 80, 64);
    frame[0] = 0x02;
    assert_int_equal(frame_check(&config, buf, n), FRAME_DROP);
}

static void test_internal(void **state)
{
    (void)state;
    make_bridge();
    config.internal = 1;
    assert_int_equal(bridge4("192.0.2.1", IPPROTO_TCP, 80), FRAME_DROP);
    assert_int_equal(bridge4("224.0.0.251", IPPROTO_UDP, 5353), FRAME_DROP);
    assert_int_equal(bridge4("10.0.2.2", IPPROTO_UDP, 53), FRAME_DNS);
    assert_int_equal(bridge6("2001:db8::1", IPPROTO_TCP, 80), FRAME_DROP);
    assert_int_equal(bridge6("ff02::fb", IPPROTO_UDP, 5353), FRAME_DROP);
    assert_int_equal(bridge6("fe80::1", IPPROTO_TCP, 80), FRAME_DROP);
    assert_int_equal(bridge6("ff02::1:ff00:2", IPPROTO_ICMPV6, 0), FRAME_PASS);
}

static void test_advertisement(void **state)
{
    (void)state;
    size_t n = make6(IPPROTO_ICMPV6, "ff02::1", 0, 16) - DEVICE_HDR;
    ip[40] = 134;
    assert_true(frame_is_advertisement(frame, n));
    assert_false(frame_is_advertisement(frame, ETH_HLEN + 40));
    ip[40] = 136;
    assert_false(frame_is_advertisement(frame, n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_destinations, setup),      cmocka_unit_test_setup(test_dns, setup),
        cmocka_unit_test_setup(test_malformed, setup),         cmocka_unit_test_setup(test_completes_checksum, setup),
        cmocka_unit_test_setup(test_checksum_outside, setup),  cmocka_unit_test_setup(test_mss, setup),
        cmocka_unit_test_setup(test_redirect_and_back, setup), cmocka_unit_test_setup(test_udp_answer, setup),
        cmocka_unit_test_setup(test_fragments, setup),         cmocka_unit_test_setup(test_bridge, setup),
        cmocka_unit_test_setup(test_internal, setup),          cmocka_unit_test_setup(test_advertisement, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
