#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/fd.h"

static void test_text_joins_contexts(void **state)
{
    (void)state;
    AUTO_ERR struct err *e = ERR_NEW(ERR_NOT_FOUND, "no such volume");
    e = ERR_WRAP(e, "mount volume %s", "data");
    assert_string_equal(err_text(e), "mount volume data: no such volume");
    e = ERR_WRAP(e, "create %s", "web");
    assert_string_equal(err_text(e), "create web: mount volume data: no such volume");
    assert_int_equal(err_kind(e), ERR_NOT_FOUND);
    assert_int_equal(err_errno(e), 0);
}

static void test_wrap_of_success_is_success(void **state)
{
    (void)state;
    assert_null(ERR_WRAP(NULL, "anything"));
}

static void test_errno_is_appended_and_kept(void **state)
{
    (void)state;
    AUTO_ERR struct err *e = ERR_SYS(-ENOSPC, "write %s", "layer");
    e = ERR_WRAP(e, "pull");
    assert_string_equal(err_text(e), "pull: write layer: No space left on device");
    assert_int_equal(err_errno(e), ENOSPC);
    assert_int_equal(err_kind(e), ERR_NO_SPACE);
    AUTO_ERR struct err *as = ERR_SYS_AS(ERR_CANNOT_EXEC, EACCES, "run");
    assert_int_equal(err_kind(as), ERR_CANNOT_EXEC);
    assert_int_equal(err_errno(as), EACCES);
}

static void test_control_characters_are_replaced(void **state)
{
    (void)state;
    AUTO_ERR struct err *e = ERR_NEW(ERR_INVALID, "name \"a\x1b[31m\nb\tc\x7f\xc2\x9b\"");
    assert_string_equal(err_text(e), "name \"a?[31m b c???\"");
    AUTO_ERR struct err *utf8 = ERR_NEW(ERR_INVALID, "größe \xc2\xa0 漢字");
    assert_string_equal(err_text(utf8), "größe \xc2\xa0 漢字");
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    char big[20000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    AUTO_ERR struct err *e = ERR_SYS(ENOENT, "%s", big);
    assert_true(strlen(err_text(e)) < 9000);
    assert_non_null(strstr(err_text(e), "x: No such file or directory"));
}

static void test_trace_names_places(void **state)
{
    (void)state;
    AUTO_ERR struct err *e = ERR_NEW(ERR_INTERNAL, "a");
    e = ERR_WRAP(e, "b");
    const char *trace = err_trace(e);
    assert_non_null(strstr(trace, "err_test.c:"));
    assert_non_null(strstr(trace, " < "));
}

static void test_kinds_map_to_codes(void **state)
{
    (void)state;
    static const struct {
        enum err_kind kind;
        int exit_code, http;
    } cases[] = {
        {ERR_INTERNAL, 125, 500}, {ERR_NOT_FOUND, 125, 404},   {ERR_EXISTS, 125, 409},     {ERR_STATE, 125, 409},
        {ERR_INVALID, 125, 400},  {ERR_CANNOT_EXEC, 126, 400}, {ERR_NO_COMMAND, 127, 400}, {ERR_DENIED, 125, 403},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO_ERR struct err *e = ERR_NEW(cases[i].kind, "x");
        assert_int_equal(err_exit_code(e), cases[i].exit_code);
        assert_int_equal(err_http_status(e), cases[i].http);
    }
    for (unsigned k = 0; k < ERR_KIND_MAX; k++)
        assert_true(strlen(err_kind_name((enum err_kind)k)) > 0);
    assert_int_equal(err_kind_of_errno(-EACCES), ERR_DENIED);
    assert_int_equal(err_kind_of_errno(EXDEV), ERR_INTERNAL);
}

/* Without memory, an error is the static object and a context is lost; nothing crashes, nothing leaks. */
static void test_out_of_memory(void **state)
{
    (void)state;
    fault_arm(FAULT_MEM, 1);
    struct err *e = ERR_NEW(ERR_NOT_FOUND, "lost");
    assert_ptr_equal(e, err_oom());
    assert_int_equal(err_kind(e), ERR_NO_MEMORY);
    assert_string_equal(err_text(e), "out of memory");
    assert_string_equal(err_trace(e), "memory");
    e = ERR_WRAP(e, "create web");
    assert_string_equal(err_text(e), "create web: out of memory");
    assert_int_equal(err_errno(e), ENOMEM);
    fault_arm(FAULT_MEM, 1);
    e = ERR_WRAP(e, "not added");
    assert_string_equal(err_text(e), "create web: out of memory");
    fault_arm(FAULT_MEM, 0);
    err_free(e);
    err_free(err_oom());
    err_drop(NULL);
}

static void test_crosses_a_pipe(void **state)
{
    (void)state;
    int p[2];
    assert_int_equal(pipe(p), 0);
    AUTO_ERR struct err *sent = ERR_WRAP(ERR_SYS(EPERM, "mount"), "start");
    assert_null(err_send(p[1], sent));
    assert_null(err_send(p[1], NULL));
    AUTO_ERR struct err *got = NULL;
    assert_null(err_recv(p[0], &got));
    assert_string_equal(err_text(got), "start: mount: Operation not permitted");
    assert_int_equal(err_kind(got), ERR_DENIED);
    assert_int_equal(err_errno(got), EPERM);
    got = ERR_WRAP(got, "run");
    assert_non_null(strstr(err_trace(got), "err_test.c"));
    AUTO_ERR struct err *success = got;
    got = NULL;
    struct err *none = success;
    assert_null(err_recv(p[0], &none));
    assert_null(none);
    close(p[1]);
    AUTO_ERR struct err *eof = err_recv(p[0], &none);
    assert_int_equal(err_kind(eof), ERR_CORRUPT);
    close(p[0]);
}

static void test_decode_refuses_garbage(void **state)
{
    (void)state;
    char buf[ERR_WIRE_MAX];
    AUTO_ERR struct err *e = ERR_NEW(ERR_INVALID, "x");
    size_t len = err_encode(e, buf, sizeof(buf));
    assert_true(len > 20);
    struct err *got = NULL;
    for (size_t cut = 0; cut < len; cut++) {
        AUTO_ERR struct err *bad = err_decode(buf, cut, &got);
        assert_int_equal(err_kind(bad), ERR_CORRUPT);
    }
    for (size_t i = 0; i < 20; i++) { /* each byte of the header set to 0xff */
        char copy[ERR_WIRE_MAX];
        memcpy(copy, buf, len);
        copy[i] = (char)0xff;
        AUTO_ERR struct err *bad = err_decode(copy, len, &got);
        AUTO_ERR struct err *fine = bad ? NULL : got; /* errno is free to change */
        assert_true(bad || (i >= 8 && i < 11 && err_errno(fine) > 0));
    }
}

static void test_encode_is_bounded(void **state)
{
    (void)state;
    char text[9000];
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    char buf[ERR_WIRE_MAX + 1];
    buf[ERR_WIRE_MAX] = 'E';
    AUTO_ERR struct err *e = ERR_NEW(ERR_INVALID, "%s", text);
    assert_int_equal(err_encode(e, buf, sizeof(buf)), ERR_WIRE_MAX);
    assert_int_equal(buf[ERR_WIRE_MAX], 'E');
    AUTO_ERR struct err *got = NULL;
    assert_null(err_decode(buf, ERR_WIRE_MAX, &got));
    assert_int_equal(err_kind(got), ERR_INVALID);
    assert_int_equal(err_encode(e, buf, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_joins_contexts),
        cmocka_unit_test(test_wrap_of_success_is_success),
        cmocka_unit_test(test_errno_is_appended_and_kept),
        cmocka_unit_test(test_control_characters_are_replaced),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_trace_names_places),
        cmocka_unit_test(test_kinds_map_to_codes),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_crosses_a_pipe),
        cmocka_unit_test(test_decode_refuses_garbage),
        cmocka_unit_test(test_encode_is_bounded),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
