#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "slirp/resolv.h"

static unsigned scope(const char *name)
{
    return strcmp(name, "eth0") ? 0 : 7;
}

/* "address address%scope …" */
static const char *servers(const char *text)
{
    static char out[256];
    struct resolv r;
    size_t n = 0;
    resolv_parse(text, strlen(text), scope, &r);
    out[0] = '\0';
    for (size_t i = 0; i < r.n; i++) {
        const union slirp_addr *a = &r.servers[i];
        char addr[INET6_ADDRSTRLEN];
        bool v4 = a->sa.sa_family == AF_INET;
        (void)inet_ntop(a->sa.sa_family, v4 ? (const void *)&a->in.sin_addr : (const void *)&a->in6.sin6_addr, addr,
                        sizeof(addr));
        assert_int_equal(a->in.sin_port, htons(53));
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s", i ? " " : "", addr);
        if (!v4 && a->in6.sin6_scope_id)
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%%%u", a->in6.sin6_scope_id);
    }
    return out;
}

static void test_parse(void **state)
{
    (void)state;
    assert_string_equal(servers(""), "127.0.0.1");
    assert_string_equal(servers("# nameserver 1.1.1.1\nsearch a b\n"), "127.0.0.1");
    assert_string_equal(servers("nameserver 127.0.0.53\noptions edns0\n"), "127.0.0.53");
    assert_string_equal(servers("nameserver\t192.0.2.1 \r\nnameserver 2001:db8::1"), "192.0.2.1 2001:db8::1");
    assert_string_equal(servers("nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4\n"),
                        "1.0.0.1 1.0.0.2 1.0.0.3");
    assert_string_equal(servers("nameserver fe80::1%eth0\nnameserver fe80::2%9\nnameserver fe80::3%gone\n"),
                        "fe80::1%7 fe80::2%9");
    assert_string_equal(servers("nameserver 0.0.0.0\n"), "127.0.0.1");
    assert_string_equal(servers("nameserver example.com\nnameservers 1.2.3.4\nnameserver\nnameserver 1.2.3\n"),
                        "127.0.0.1");
    assert_string_equal(servers("nameserver "
                                "1111111111111111111111111111111111111111111111111111111111111111111111111111111111\n"
                                "nameserver 192.0.2.9\n"),
                        "192.0.2.9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
