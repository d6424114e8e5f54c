/* Frames of a container: 2 bytes of length (big-endian) before each, struct virtio_net_hdr in front, as the tap gives
 * them. What passes our checks goes to the resolver and to libslirp, in a network namespace of our own where nothing
 * can be reached; where there is none, the checks are all. */
#include <fcntl.h>
#include <linux/if_ether.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/loop.h"
#include "slirp/device.h"
#include "slirp/dns.h"
#include "slirp/frame.h"
#include "slirp/frame_reass.h"
#include "slirp/frame_tcp.h"
#include "slirp/frame_udp.h"
#include "slirp/stack.h"
#include "tests/fuzz/fuzz.h"

static bool isolated;
static struct slirp_config config, own, bridge; /* of one container, of several */
static struct device device;

static bool is_ours(void *arg, const struct sockaddr *addr, socklen_t len)
{
    return arg && addr && len;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    isolated = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    slirp_config_default(&own);
    device = DEVICE_INIT;
    own.ipv6 = 1;
    bridge = own;
    slirp_config_set_bridge(&bridge, own.network, own.prefix_len, own.gateway);
    bridge.dns6 = bridge.gateway6;
    device.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return 0;
}

/* Answers are frames that would pass as well. */
static void one_syn(const uint8_t *frame, size_t len)
{
    struct frame_syn syn;
    uint8_t out[DEVICE_HDR + FRAME_REFUSAL_MAX] = {0};
    if (frame_syn_parse(frame, len, &syn) != FRAME_TCP_SYN)
        return;
    FUZZ_CHECK(syn.tcp_at + 20 <= sizeof(syn.head) && syn.client.sa.sa_family == syn.server.sa.sa_family);
    for (int how = FRAME_REFUSE_RESET; how <= FRAME_REFUSE_HOST; how++) {
        size_t n = frame_refuse(&config, &syn, (enum frame_refusal)how, out + DEVICE_HDR);
        FUZZ_CHECK(n <= FRAME_REFUSAL_MAX);
        FUZZ_CHECK(frame_check(&config, out, DEVICE_HDR + n) != FRAME_FRAGMENT);
    }
}

static void one_frame(struct stack *st, struct dns *d, struct frame_reass **reass, uint8_t *buf, size_t len)
{
    uint8_t *whole = NULL;
    static const uint16_t ports[2] = {40000, 40001};
    uint8_t *frame = buf + DEVICE_HDR;
    uint8_t out[2048];
    struct frame_udp u;
    const uint8_t *payload;
    size_t n, rest = len - DEVICE_HDR;
    switch (frame_check(&config, buf, len)) {
    case FRAME_DNS:
        if (frame_udp_parse(frame, rest, &u, &payload, &n)) {
            FUZZ_CHECK(payload >= frame && payload + n <= frame + rest);
            (void)frame_udp_answer(&u, payload, n, out, sizeof(out));
        }
        if (d)
            dns_input(d, frame, rest);
        break;
    case FRAME_DNS_TCP:
        frame_redirect(frame, rest, ports[0]);
        if (st)
            stack_input(st, frame, rest);
        break;
    case FRAME_PASS:
        one_syn(frame, rest);
        if (st)
            stack_input(st, frame, rest);
        (void)frame_is_advertisement(frame, rest);
        frame_limit_mss(frame, rest);
        frame_unredirect(&config, ports, frame, rest);
        break;
    case FRAME_FRAGMENT:
        err_drop(frame_reass_add(reass, buf, len, 1, &whole, &n));
        if (whole) {
            FUZZ_CHECK(frame_check(&config, whole, n) != FRAME_FRAGMENT);
            one_frame(st, d, reass, whole, n);
        }
        break;
    case FRAME_DROP:
    default:
        break;
    }
}

/* Answers of libslirp's sockets, as the main loop would collect them. */
static void one_turn(struct stack *st)
{
    struct pollfd *fds;
    size_t n;
    int timeout;
    err_drop(stack_prepare(st, 0, &fds, &n, &timeout));
    (void)poll(fds, n, 0);
    stack_serve(st);
}

static void as_configured(const uint8_t *data, size_t size)
{
    struct loop *loop = NULL;
    struct stack *st = NULL;
    struct dns *d = NULL;
    struct frame_reass *reass = NULL;
    FUZZ_CHECK(!loop_new(&loop));
    const struct dns_opts opts = {.loop = loop, .config = &config, .device = &device, .is_ours = is_ours};
    if (isolated)
        FUZZ_CHECK(!stack_new(&config, &device, &st) && !dns_new(&opts, &d));
    while (size > 2) {
        size_t len = (size_t)(data[0] << 8 | data[1]);
        data += 2;
        size -= 2;
        len = len > size ? size : len;
        /* An allocation of its exact size, so that reading past it shows. */
        uint8_t *buf = malloc(len ? len : 1);
        FUZZ_CHECK(buf);
        memcpy(buf, data, len);
        if (len >= DEVICE_HDR)
            one_frame(st, d, &reass, buf, len);
        free(buf);
        data += len;
        size -= len;
    }
    if (st)
        one_turn(st);
    frame_reass_free(reass);
    dns_free(d);
    stack_free(st);
    loop_free(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    config = own;
    as_configured(data, size);
    config = bridge;
    as_configured(data, size);
    return 0;
}
