/* What a container may say of a service, and what stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/monitor/notify.h"

static void expect(const char *text, size_t len, const char *want)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    AUTO_ERR struct err *e = notify_filter(text, len, &out);
    assert_null(e);
    assert_string_equal(strbuf_str(&out), want);
}

static void known_lines_pass(void **state)
{
    (void)state;
    expect("READY=1", 7, "READY=1\n");
    expect("READY=1\nSTATUS=a b=c\n\n", 22, "READY=1\nSTATUS=a b=c\n");
    expect("WATCHDOG=1\nEXTEND_TIMEOUT_USEC=5\nWATCHDOG_USEC=7", 48,
           "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=5\nWATCHDOG_USEC=7\n");
}

static void what_is_about_the_outside_stays(void **state)
{
    (void)state;
    static const char pids[] = "MAINPID=1\nFDSTORE=1\nFDNAME=x\nNOTIFYACCESS=all\nXREADY=1\nREADY\n READY=1\nready=1";
    static const char nul[] = "READY=1\0\nSTATUS=x\0y\nERRNO=2";
    expect("", 0, "");
    expect("\n\n\n", 3, "");
    expect(pids, sizeof(pids) - 1, "");
    expect(nul, sizeof(nul) - 1, "ERRNO=2\n");
}

static void places_that_are_none(void **state)
{
    (void)state;
    char longer[200];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[0] = '/';
    longer[sizeof(longer) - 1] = '\0';
    const char *const bad[] = {"", "x", "@", "/", "vsock:2:1", longer};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        AUTO_ERR struct err *e = notify_send(bad[i], "READY=1", 7);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_lines_pass),
        cmocka_unit_test(what_is_about_the_outside_stays),
        cmocka_unit_test(places_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
