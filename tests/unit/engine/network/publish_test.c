/* Published ports: what is accepted, what order and joining make of it, and what they look like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/network/publish.h"

static void assert_ok(struct err *e)
{
    if (e)
        fail_msg("%s", err_text(e));
}

/* The settled list of values that are separated by blanks, as text. */
static char *settled(const char *values)
{
    AUTO_PUBLISH struct publish_list l = {0};
    AUTO_STRV struct strv v = STRV_INIT;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    char *text = NULL;
    assert_ok(strv_split(values, ' ', &v));
    assert_ok(publish_parse_all(&v, &l));
    assert_ok(publish_settle(&l));
    for (size_t i = 0; i < l.count; i++)
        assert_ok(strbuf_printf(&sb, "%s%s", i ? " " : "", publish_text(&l.items[i]).s));
    assert_ok(strbuf_take(&sb, &text));
    return text;
}

static void test_settle(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"8080:80", "8080:80/tcp"},
        {"8080:80/TCP,udp", "8080:80/tcp 8080:80/udp"},
        {"127.0.0.1:8080:80 9000:90/udp", "9000:90/udp 127.0.0.1:8080:80/tcp"},
        {"[::1]:8080:80", "[::1]:8080:80/tcp"},
        {"[0:0::1]:8080:80 [::1]:8080:80", "[::1]:8080:80/tcp"}, /* one address, written twice */
        {"8081:81 8080:80", "8080-8081:80-81/tcp"},
        {"8080:80 8080:80", "8080:80/tcp"},
        {"8080-8082:80-82 8081-8084:81-84", "8080-8084:80-84/tcp"},
        {"8080:80 8081:80", "8080:80/tcp 8081:80/tcp"},
        {"1.2.3.4:8080:80 8080:81", "8080:81/tcp 1.2.3.4:8080:80/tcp"},
        {"80", "80/tcp"},
        {"80-82/udp", "80/udp 81/udp 82/udp"},
        {"1.2.3.4::80", "1.2.3.4::80/tcp"},
        {"1-65535:1-65535", "1-65535:1-65535/tcp"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *once = settled(cases[i].in);
        assert_string_equal(once, cases[i].out);
        AUTO_FREE char *twice = settled(once); /* what the specification keeps means the same */
        assert_string_equal(twice, cases[i].out);
    }
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",         ":",           "80:",        "0:80",        "65536:80",     "80:0",      "a:80",    "80:80/xyz",
        "80-79:80", "80-82:80-81", "1.2.3:8:80", ":::80",       "[::1:8080:80", "[x]:80:80", "1:2:3:4", "80:80:80:80/",
        "-1:80",    "80-:80",      "80:80/",     "1-2-3:1-2-3", "8080:80-",     "8080: 80",  "::80",    "80/tcp/udp",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_PUBLISH struct publish_list l = {0};
        struct err *e = publish_parse(bad[i], &l);
        if (!e)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(err_kind(e), ERR_INVALID);
        err_drop(e);
    }
}

static void test_conflict(void **state)
{
    static const char *const bad[][2] = {
        {"8080:80", "8080:81"}, {"8080-8090:80-90", "8085:80"}, {"127.0.0.1:1:1", "127.0.0.1:1:2"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_PUBLISH struct publish_list l = {0};
        assert_ok(publish_parse(bad[i][0], &l));
        assert_ok(publish_parse(bad[i][1], &l));
        struct err *e = publish_settle(&l);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_INVALID);
        err_drop(e);
    }
}

static void test_arrow(void **state)
{
    AUTO_PUBLISH struct publish_list l = {0};
    (void)state;
    assert_ok(publish_parse("8080:80", &l));
    assert_ok(publish_parse("[::1]:9000-9002:90-92/udp", &l));
    assert_string_equal(publish_arrow(&l.items[0]).s, "0.0.0.0:8080->80/tcp");
    assert_string_equal(publish_arrow(&l.items[1]).s, "::1:9000-9002->90-92/udp");
}

static void test_address(void **state)
{
    AUTO_PUBLISH struct publish_list l = {0};
    struct slirp_port p;
    (void)state;
    assert_ok(publish_parse("8080:80", &l));
    assert_ok(publish_parse("127.0.0.1:1:2/udp", &l));
    assert_ok(publish_parse("1:2/sctp", &l));
    assert_ok(publish_address(&l.items[0], &p));
    assert_int_equal(p.host.sa.sa_family, AF_INET6);
    assert_true(IN6_IS_ADDR_UNSPECIFIED(&p.host.in6.sin6_addr));
    assert_int_equal(ntohs(p.host.in6.sin6_port), 8080);
    assert_int_equal(ntohs(p.guest.in.sin_port), 80);
    assert_ok(publish_address(&l.items[1], &p));
    assert_int_equal(p.proto, SLIRP_UDP);
    assert_int_equal(ntohl(p.host.in.sin_addr.s_addr), 0x7f000001);
    struct err *e = publish_address(&l.items[2], &p);
    assert_int_equal(err_kind(e), ERR_UNSUPPORTED);
    err_drop(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settle), cmocka_unit_test(test_refused), cmocka_unit_test(test_conflict),
        cmocka_unit_test(test_arrow),  cmocka_unit_test(test_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
