/* Static routes: what --route takes, and what it must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/network/route.h"

static void there_and_back(void **state)
{
    static const char *const same[] = {"10.21.0.0/24,10.19.12.250", "0.0.0.0/0,10.0.0.1,4294967295",
                                       "fd44::/32,fd33::9,7", "10.0.0.1/32,10.0.0.2,0"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        struct route r;
        char *text = NULL;
        assert_null(route_parse(same[i], &r));
        assert_null(route_text(&r, &text));
        assert_string_equal(text, same[i]);
        free(text);
    }
    struct route r;
    assert_null(route_parse("10.21.0.0/24,10.19.12.250", &r));
    assert_int_equal(r.metric, ROUTE_METRIC);
    assert_int_equal(r.to.prefix_len, 24);
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"", "invalid route:  Format: --route <destination in CIDR>,<gateway>,<metric (optional)>"},
        {"10.1.0.0/24", NULL},
        {"10.1.0.0/24,10.2.0.1,1,2", NULL},
        {"10.1.0.0,10.2.0.1", "invalid route destination 10.1.0.0"},
        {"10.1.0.0/33,10.2.0.1", "invalid route destination 10.1.0.0/33"},
        {",10.2.0.1", "invalid route destination "},
        {"10.1.0.5/24,10.2.0.1", NULL},
        {"10.1.0.0/24,", "invalid route gateway "},
        {"10.1.0.0/24,blackhole", "invalid route gateway blackhole"},
        {"10.1.0.0/24,fd00::1", NULL},
        {"10.1.0.0/24,10.2.0.1,", "invalid route metric "},
        {"10.1.0.0/24,10.2.0.1,-1", "invalid route metric -1"},
        {"10.1.0.0/24,10.2.0.1,4294967296", "invalid route metric 4294967296"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct route r;
        struct err *e = route_parse(bad[i].text, &r);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_INVALID);
        if (bad[i].message)
            assert_string_equal(err_text(e), bad[i].message);
        err_drop(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
