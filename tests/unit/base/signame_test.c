/* Signal names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>

#include "base/signame.h"

static void names_and_numbers_are_parsed(void **state)
{
    static const struct {
        const char *text;
        int sig;
    } good[] = {{"TERM", SIGTERM}, {"SIGTERM", SIGTERM}, {"term", SIGTERM}, {"sigKill", SIGKILL},
                {"9", 9},          {"HUP", SIGHUP},      {"USR1", SIGUSR1}, {"WINCH", SIGWINCH}};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int sig = 0;
        assert_null(signame_parse(good[i].text, &sig));
        assert_int_equal(sig, good[i].sig);
    }
}

static void realtime_signals_have_offsets(void **state)
{
    int sig = 0;
    (void)state;
    assert_null(signame_parse("SIGRTMIN+3", &sig));
    assert_int_equal(sig, SIGRTMIN + 3);
    assert_null(signame_parse("RTMAX-1", &sig));
    assert_int_equal(sig, SIGRTMAX - 1);
    assert_null(signame_parse("RTMIN", &sig));
    assert_int_equal(sig, SIGRTMIN);
}

static void nonsense_is_refused(void **state)
{
    static const char *const bad[] = {"", "0", "-1", "65", "SIG", "NOPE", "TERM ", "RTMIN+99", "RTMIN+", "9x"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int sig = 42;
        struct err *e = signame_parse(bad[i], &sig);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_INVALID);
        assert_int_equal(sig, 42);
        err_free(e);
    }
}

static void numbers_have_names(void **state)
{
    (void)state;
    assert_string_equal(signame_of(SIGTERM).s, "SIGTERM");
    assert_string_equal(signame_of(SIGRTMIN + 2).s, "SIGRTMIN+2");
    assert_string_equal(signame_of(0).s, "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers_are_parsed),
        cmocka_unit_test(realtime_signals_have_offsets),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(numbers_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
