#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "slirp/dns_names.h"

static uint8_t msg[DNS_QUERY_MAX], out[DNS_MESSAGE_MAX];
static struct dns_names *table;

static int setup(void **state)
{
    (void)state;
    assert_null(dns_names_new(&table));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dns_names_free(table);
    return 0;
}

static void add(uint32_t id, const char *ip, const char *ip6, const char *names)
{
    struct dns_names_entry e = {.id = id, .has4 = ip != NULL, .has6 = ip6 != NULL};
    assert_true(!ip || inet_pton(AF_INET, ip, &e.ip) == 1);
    assert_true(!ip6 || inet_pton(AF_INET6, ip6, &e.ip6) == 1);
    assert_null(dns_names_set(table, &e, names, strlen(names)));
}

static enum dns_names_verdict verdict;

/* The reply's length; 0: the table has none, and *verdict says why. */
static size_t ask(const char *name, uint16_t type)
{
    struct dns_query q;
    enum dns_rcode rcode;
    memset(msg, 0, DNS_HEADER);
    msg[2] = 0x01;
    msg[5] = 1;
    size_t n = DNS_HEADER + dns_name_encode(name, msg + DNS_HEADER, sizeof(msg) - DNS_HEADER);
    assert_true(n > DNS_HEADER);
    memcpy(msg + n, (uint8_t[]){0, (uint8_t)type, 0, 1}, 4);
    assert_int_equal(dns_parse(msg, n + 4, &q, &rcode), DNS_QUERY);
    size_t len = 0;
    verdict = dns_names_ask(table, msg, n + 4, &q, out, sizeof(out), &len);
    if (verdict != DNS_NAMES_ANSWER)
        return 0;
    assert_true(dns_reply_fits(out, len, msg, n + 4, q.id));
    return len;
}

static unsigned answers(void)
{
    return (unsigned)(out[6] << 8 | out[7]);
}

static unsigned rcode(void)
{
    return out[3] & 15;
}

/* The last answer is this address. */
static void last_is(size_t len, int family, const char *address)
{
    uint8_t raw[16];
    size_t size = family == AF_INET ? 4 : 16;
    assert_int_equal(inet_pton(family, address, raw), 1);
    assert_memory_equal(out + len - size, raw, size);
}

static void test_name_alias_and_domain(void **state)
{
    static const char *const known[] = {"web", "WEB", "db", "0123456789ab", "web.dns.podman", "Db.DNS.podman"};
    (void)state;
    add(1, "10.89.0.2", NULL, "Web\n0123456789ab\ndb\n");
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        size_t n = ask(known[i], DNS_A);
        assert_int_equal(answers(), 1);
        assert_int_equal(rcode(), DNS_OK);
        last_is(n, AF_INET, "10.89.0.2");
    }
}

static void test_family_that_it_lacks(void **state)
{
    (void)state;
    add(1, "10.89.0.2", NULL, "web");
    add(2, "10.89.0.3", "fd42::3", "both");
    assert_true(ask("web", DNS_AAAA) > 0);
    assert_int_equal(answers(), 0);
    assert_int_equal(rcode(), DNS_OK); /* the name exists: no search in other domains */
    size_t n = ask("both", DNS_AAAA);
    assert_int_equal(answers(), 1);
    last_is(n, AF_INET6, "fd42::3");
    assert_true(ask("both", 15) > 0); /* MX */
    assert_int_equal(answers(), 0);
}

static void test_several_with_one_alias(void **state)
{
    (void)state;
    add(1, "10.89.0.2", NULL, "a\npool");
    add(2, "10.89.0.3", NULL, "b\npool");
    add(3, "10.89.0.4", NULL, "c\npool\npool");
    size_t n = ask("pool", DNS_A);
    assert_int_equal(answers(), 3);
    last_is(n, AF_INET, "10.89.0.4");
    dns_names_remove(table, 3);
    dns_names_remove(table, 77); /* which nobody has */
    n = ask("pool", DNS_A);
    assert_int_equal(answers(), 2);
    last_is(n, AF_INET, "10.89.0.3");
    assert_int_equal(ask("c", DNS_A), 0);
}

static void test_replaced_names(void **state)
{
    (void)state;
    add(1, "10.89.0.2", NULL, "old");
    add(1, "10.89.0.2", NULL, "new");
    assert_int_equal(ask("old", DNS_A), 0);
    assert_true(ask("new", DNS_A) > 0);
}

static void test_unknown_is_somebody_elses_but_in_our_domain(void **state)
{
    (void)state;
    add(1, "10.89.0.2", NULL, "web");
    assert_int_equal(ask("example.org", DNS_A), 0);
    assert_int_equal(ask("webb", DNS_A), 0);
    assert_int_equal(ask("web.example.org", DNS_A), 0);
    assert_int_equal(verdict, DNS_NAMES_NOTHING);
    assert_int_equal(ask("nobody.dns.podman", DNS_A), 0);
    assert_int_equal(verdict, DNS_NAMES_NOBODY);
    assert_int_equal(ask("dns.podman", DNS_A), 0);
    assert_int_equal(verdict, DNS_NAMES_NOTHING);
}

static void test_who_has_more_resolvers(void **state)
{
    struct dns_names_entry e = {.id = 1, .has4 = true, .has6 = true, .more = true};
    union slirp_addr from = {.in.sin_family = AF_INET};
    (void)state;
    assert_int_equal(inet_pton(AF_INET, "10.89.0.2", &e.ip), 1);
    assert_int_equal(inet_pton(AF_INET6, "fd42::2", &e.ip6), 1);
    assert_null(dns_names_set(table, &e, "web", 3));
    add(2, "10.89.0.3", NULL, "other");
    from.in.sin_addr = e.ip;
    assert_true(dns_names_has_more(table, &from));
    assert_int_equal(inet_pton(AF_INET, "10.89.0.3", &from.in.sin_addr), 1);
    assert_false(dns_names_has_more(table, &from));
    assert_int_equal(inet_pton(AF_INET, "10.89.0.4", &from.in.sin_addr), 1); /* a stranger */
    assert_false(dns_names_has_more(table, &from));
    from = (union slirp_addr){.in6 = {.sin6_family = AF_INET6, .sin6_addr = e.ip6}};
    assert_true(dns_names_has_more(table, &from));
    e.more = false;
    assert_null(dns_names_set(table, &e, "web", 3));
    assert_false(dns_names_has_more(table, &from));
}

static void test_pointer(void **state)
{
    static const uint8_t name[] = "\3web\3dns\6podman";
    static const char six[] = "3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.4.d.f.ip6.arpa";
    (void)state;
    add(1, "10.89.0.2", "fd42::3", "web\nalias");
    size_t n = ask("2.0.89.10.in-addr.arpa", DNS_PTR);
    assert_int_equal(answers(), 1);
    assert_memory_equal(out + n - sizeof(name), name, sizeof(name));
    n = ask(six, DNS_PTR);
    assert_int_equal(answers(), 1);
    assert_memory_equal(out + n - sizeof(name), name, sizeof(name));
    assert_true(ask("2.0.89.10.in-addr.arpa", DNS_A) > 0);
    assert_int_equal(answers(), 0);
    static const char *const others[] = {"3.0.89.10.in-addr.arpa",
                                         "2.0.89.256.in-addr.arpa",
                                         "0.89.10.in-addr.arpa",
                                         "2.0.89.10.10.in-addr.arpa",
                                         "in-addr.arpa",
                                         "x.0.89.10.in-addr.arpa",
                                         "2.0.89.10-in-addr.arpa",
                                         "ip6.arpa",
                                         six + 2};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_int_equal(ask(others[i], DNS_PTR), 0);
}

/* Names come from the engine, but a resolver that falls over them is everybody's loss. */
static void test_odd_names(void **state)
{
    char long_name[400];
    (void)state;
    memset(long_name, 'x', sizeof(long_name));
    memcpy(long_name + sizeof(long_name) - 6, "\ngood", 6);
    add(1, "10.89.0.2", NULL, long_name);
    assert_true(ask("good", DNS_A) > 0);
    add(2, "10.89.0.3", NULL, "\n\n.\nw\x01rd\nfine.\n");
    assert_true(ask("fine", DNS_A) > 0);
    add(3, "10.89.0.4", NULL, "");
    assert_int_equal(ask("4.0.89.10.in-addr.arpa", DNS_PTR), 0); /* nameless */
    add(4, "10.89.0.5", NULL, "0123456789012345678901234567890123456789012345678901234567890123456789");
    assert_true(ask("5.0.89.10.in-addr.arpa", DNS_PTR) > 0); /* a label that DNS has no room for */
    assert_int_equal(answers(), 0);
}

static void test_more_than_a_message_holds(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 5000; i++) {
        char ip[16];
        (void)snprintf(ip, sizeof(ip), "10.1.%u.%u", i / 256, i % 256);
        add(i + 1, ip, NULL, "pool");
    }
    assert_true(ask("pool", DNS_A) > 0);
    assert_int_equal(rcode(), DNS_SERVFAIL);
    assert_int_equal(answers(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_name_alias_and_domain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_family_that_it_lacks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_several_with_one_alias, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replaced_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_is_somebody_elses_but_in_our_domain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_has_more_resolvers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pointer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_odd_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_than_a_message_holds, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
