/* Giving memory back: code is there again when it is needed, and the wait is poll(2)'s. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/trim.h"

static void ready(bool libraries)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct pollfd fds[2] = {{.fd = -1, .events = POLLIN}, {.fd = ends[0], .events = POLLIN}};
    assert_int_equal(trim_poll(fds, 2, 0, libraries), 0);
    assert_int_equal(trim_poll(fds, 2, 20, libraries), 0);
    assert_int_equal(fds[1].revents, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(trim_poll(fds, 2, -1, libraries), 1);
    assert_int_equal(fds[1].revents, POLLIN);
    (void)fd_close(ends[0]);
    (void)fd_close(ends[1]);
}

static void it_waits_as_poll_does(void **state)
{
    (void)state;
    ready(false);
    ready(true);
    struct pollfd none = {.fd = -1};
    errno = 0;
    assert_int_equal(trim_poll(&none, UINT32_MAX, 0, false), -1); /* more than may be open */
    assert_int_equal(errno, EINVAL);
}

/* What was written to is kept: variables, relocated tables, the heap. */
static const char *const relocated[] = {"one", "two"};
static int written = 1;

static void data_stays(void **state)
{
    AUTO_FREE char *text = NULL;
    struct pollfd none = {.fd = -1};
    (void)state;
    assert_null(mem_strdup("kept", &text));
    written = 2;
    assert_int_equal(trim_poll(&none, 1, 0, true), 0);
    trim_stack();
    assert_string_equal(text, "kept");
    assert_string_equal(relocated[1], "two");
    assert_int_equal(written, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_waits_as_poll_does),
        cmocka_unit_test(data_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
