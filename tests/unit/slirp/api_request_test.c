#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "slirp/api_request.h"

static struct err *parse(const char *text, struct api_request *ret)
{
    return api_request_parse(text, strlen(text), ret);
}

static void test_good(void **state)
{
    struct api_request r;
    char *text = NULL;
    (void)state;
    assert_null(parse("{\"execute\": \"add_hostfwd\", \"arguments\": {\"proto\": \"tcp\", \"host_addr\": \"0.0.0.0\", "
                      "\"host_port\": 8080, \"guest_addr\": \"10.0.2.100\", \"guest_port\": 80}}",
                      &r));
    assert_int_equal(r.verb, API_ADD);
    assert_int_equal(r.port.host.in.sin_port, htons(8080));
    assert_int_equal(r.port.guest.in.sin_addr.s_addr, inet_addr("10.0.2.100"));
    r.port.id = 42;
    assert_null(api_answer_list(&r.port, 1, &text));
    assert_string_equal(text, "{\"return\":{\"entries\":[{\"id\":42,\"proto\":\"tcp\",\"host_addr\":\"0.0.0.0\","
                              "\"host_port\":8080,\"guest_addr\":\"10.0.2.100\",\"guest_port\":80}]}}");
    free(text);
    assert_null(parse(
        "{\"execute\":\"add_hostfwd\",\"arguments\":{\"proto\":\"udp6\",\"host_port\":53,\"guest_port\":53}}", &r));
    assert_int_equal(r.port.proto, SLIRP_UDP);
    assert_int_equal(r.port.host.sa.sa_family, AF_INET6);
    assert_int_equal(r.port.guest.sa.sa_family, AF_INET6);
    assert_null(parse("{\"execute\": \"remove_hostfwd\", \"arguments\": {\"id\": 42}}", &r));
    assert_int_equal(r.verb, API_REMOVE);
    assert_int_equal(r.port.id, 42);
    assert_null(parse("{\"execute\": \"list_hostfwd\"}", &r));
    assert_int_equal(r.verb, API_LIST);
}

static void test_bad(void **state)
{
#define ADD(args) "{\"execute\":\"add_hostfwd\",\"arguments\":{" args "}}"
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "7",
        "{}",
        "{\"execute\":7}",
        "{\"execute\":\"x\",\"arguments\":{}}",
        "{\"execute\":\"add_hostfwd\"}",
        "{\"execute\":\"add_hostfwd\",\"arguments\":[]}",
        ADD(""),
        ADD("\"proto\":\"sctp\",\"host_port\":1,\"guest_port\":1"),
        ADD("\"proto\":\"tcp\",\"host_port\":0,\"guest_port\":1"),
        ADD("\"proto\":\"tcp\",\"host_port\":65536,\"guest_port\":1"),
        ADD("\"proto\":\"tcp\",\"host_port\":\"80\",\"guest_port\":1"),
        ADD("\"proto\":\"tcp\",\"host_port\":80"),
        ADD("\"proto\":\"tcp\",\"host_port\":-1,\"guest_port\":1"),
        ADD("\"proto\":\"tcp\",\"host_addr\":\"localhost\",\"host_port\":80,\"guest_port\":1"),
        ADD("\"proto\":\"tcp4\",\"host_addr\":\"::1\",\"host_port\":80,\"guest_port\":1"),
        ADD("\"proto\":\"tcp\",\"host_addr\":\"::1\",\"guest_addr\":\"10.0.2.100\",\"host_port\":80,\"guest_port\":1"),
        "{\"execute\":\"remove_hostfwd\",\"arguments\":{}}",
        "{\"execute\":\"remove_hostfwd\",\"arguments\":{\"id\":4294967296}}",
        "{\"execute\":\"list_hostfwd\"} x"};
    struct api_request r;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err *e = parse(bad[i], &r);
        if (!e)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(err_kind(e), ERR_INVALID);
        err_drop(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
