#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "slirp/dns_message.h"

static uint8_t msg[DNS_MESSAGE_MAX];

/* A query for `name` (dots separate labels); its length. */
static size_t query(const char *name, uint16_t type)
{
    size_t at = DNS_HEADER;
    memset(msg, 0, DNS_HEADER);
    msg[0] = 0x12;
    msg[1] = 0x34;
    msg[2] = 0x01;
    msg[5] = 1;
    while (*name) {
        size_t n = strcspn(name, ".");
        msg[at++] = (uint8_t)n;
        memcpy(msg + at, name, n);
        at += n;
        name += n + (name[n] == '.');
    }
    msg[at++] = 0;
    msg[at++] = 0;
    msg[at++] = (uint8_t)type;
    msg[at++] = 0;
    msg[at++] = 1;
    return at;
}

static void test_query(void **state)
{
    struct dns_query q;
    enum dns_rcode rcode;
    (void)state;
    size_t n = query("Host.Containers.INTERNAL", DNS_AAAA);
    assert_int_equal(dns_parse(msg, n, &q, &rcode), DNS_QUERY);
    assert_string_equal(q.name, "host.containers.internal");
    assert_int_equal(q.type, DNS_AAAA);
    assert_int_equal(q.id, 0x1234);
    assert_int_equal(q.udp_size, DNS_UDP_DEFAULT);
    static const uint8_t opt[] = {0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0};
    memcpy(msg + n, opt, sizeof(opt));
    msg[11] = 1;
    assert_int_equal(dns_parse(msg, n + sizeof(opt), &q, &rcode), DNS_QUERY);
    assert_int_equal(q.udp_size, 4096);
    n = query("", DNS_A); /* the root */
    assert_int_equal(dns_parse(msg, n, &q, &rcode), DNS_QUERY);
    assert_string_equal(q.name, "");
    n = query("a b.c", DNS_A); /* cannot be written: no name of ours, but may be forwarded */
    assert_int_equal(dns_parse(msg, n, &q, &rcode), DNS_QUERY);
    assert_string_equal(q.name, "");
}

static void test_broken(void **state)
{
    struct dns_query q;
    enum dns_rcode rcode;
    (void)state;
    size_t n = query("one.test", DNS_A);
    for (size_t len = 0; len < n; len++)
        assert_int_equal(dns_parse(msg, len, &q, &rcode), len < DNS_HEADER ? DNS_IGNORE : DNS_BROKEN);
    msg[2] |= 0x80; /* a response: never answered */
    assert_int_equal(dns_parse(msg, n, &q, &rcode), DNS_IGNORE);
    n = query("one.test", DNS_A);
    msg[2] = 0x28; /* UPDATE */
    assert_int_equal(dns_parse(msg, n, &q, &rcode), DNS_BROKEN);
    assert_int_equal(rcode, DNS_NOTIMP);
    n = query("one.test", DNS_A);
    msg[5] = 2; /* questions */
    assert_int_equal(dns_parse(msg, n, &q, &rcode), DNS_BROKEN);
    assert_int_equal(rcode, DNS_FORMERR);
    n = query("one.test", DNS_A);
    msg[DNS_HEADER] = 0xc0; /* a pointer, to itself */
    msg[DNS_HEADER + 1] = 0x0c;
    assert_int_equal(dns_parse(msg, n, &q, &rcode), DNS_BROKEN);
    /* Longer than a name can be. */
    memset(msg + DNS_HEADER, 1, 600);
    assert_int_equal(dns_parse(msg, 600, &q, &rcode), DNS_BROKEN);
    /* More than we take. */
    n = query("one.test", DNS_A);
    assert_int_equal(dns_parse(msg, DNS_QUERY_MAX + 1, &q, &rcode), DNS_BROKEN);
}

static void test_answers(void **state)
{
    struct dns_query q;
    enum dns_rcode rcode;
    uint8_t out[256], small[64];
    (void)state;
    size_t n = query("one.test", DNS_A);
    assert_int_equal(dns_parse(msg, n, &q, &rcode), DNS_QUERY);
    size_t m = dns_reply_address(msg, n, &q, "\xc0\0\2\1", 4, out, sizeof(out));
    assert_int_equal(m, n + 16);
    assert_memory_equal(out + m - 4, "\xc0\0\2\1", 4);
    assert_int_equal(out[7], 1);
    assert_true(dns_reply_fits(out, m, msg, n, 0x1234));
    assert_false(dns_reply_fits(out, m, msg, n, 0x1235));
    assert_false(dns_reply_fits(msg, n, msg, n, 0x1234)); /* no response */
    assert_int_equal(dns_reply_address(msg, n, &q, "\xc0\0\2\1", 4, out, m - 1), 0);
    m = dns_reply_address(msg, n, &q, NULL, 0, out, sizeof(out));
    assert_int_equal(m, n);
    assert_int_equal(out[7], 0);
    m = dns_reply_code(msg, n, DNS_SERVFAIL, out, sizeof(out));
    assert_int_equal(out[3] & 15, DNS_SERVFAIL);
    assert_true(dns_reply_fits(out, m, msg, n, 0x1234));
    m = dns_reply_truncated(out, m, small, sizeof(small));
    assert_true(dns_reply_is_truncated(small, m));
    assert_int_equal(dns_reply_code(msg, 5, DNS_FORMERR, out, sizeof(out)), 0);
    /* A header alone gets a header. */
    assert_int_equal(dns_reply_code(msg, DNS_HEADER, DNS_FORMERR, out, sizeof(out)), DNS_HEADER);
}

static void test_other_question(void **state)
{
    uint8_t ask[64], reply[64];
    (void)state;
    size_t n = query("one.test", DNS_A);
    memcpy(ask, msg, n);
    (void)query("two.test", DNS_A);
    msg[2] |= 0x80;
    memcpy(reply, msg, n);
    assert_false(dns_reply_fits(reply, n, ask, n, 0x1234));
    (void)query("ONE.test", DNS_A);
    msg[2] |= 0x80;
    assert_true(dns_reply_fits(msg, n, ask, n, 0x1234));
    (void)query("one.test", DNS_AAAA);
    msg[2] |= 0x80;
    assert_false(dns_reply_fits(msg, n, ask, n, 0x1234));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_other_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
