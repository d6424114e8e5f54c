/* Lines of /proc/PID/stat, and who descends from whom. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/proclist.h"

#define REST " 34817 77 4194560 1 2 3 4 11 12 13 14 20 -5 3 0 5555 8192 2 18446744073709551615 1 1"

static void a_name_may_hold_anything(void **state)
{
    struct proclist_item p;
    (void)state;
    assert_null(proclist_parse("42 (a) S 1 (b) T 7 8 9" REST, &p));
    assert_int_equal(p.pid, 42);
    assert_string_equal(p.comm, "a) S 1 (b");
    assert_int_equal(p.state, 'T');
    assert_int_equal(p.ppid, 7);
    assert_int_equal(p.pgrp, 8);
    assert_int_equal(p.tty, 34817);
    assert_int_equal(p.user_ticks, 11);
    assert_int_equal(p.system_ticks, 12);
    assert_int_equal(p.waited_ticks, 27);
    assert_int_equal(p.nice, -5);
    assert_int_equal(p.threads, 3);
    assert_int_equal(p.start_ticks, 5555);
    assert_int_equal(p.virtual_bytes, 8192);
    assert_int_equal(p.resident_bytes, 2 * sysconf(_SC_PAGESIZE));
}

static void what_is_no_status_is_refused(void **state)
{
    static const char *const bad[] = {"", "42", "42 (", "42 )x(", "x (a) S 1", "42 (a) S", "42 (a) S 1 2 3 4"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct proclist_item p;
        struct err *e = proclist_parse(bad[i], &p);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_CORRUPT);
        err_drop(e);
    }
}

static void descendants_in_any_order(void **state)
{
    struct proclist_item items[] = {
        {.pid = 2, .ppid = 9}, {.pid = 5, .ppid = 1}, {.pid = 7, .ppid = 2}, {.pid = 9, .ppid = 1, .marked = true}};
    struct proclist l = {.items = items, .count = ARRAY_LEN(items)};
    (void)state;
    proclist_mark_descendants(&l);
    assert_true(items[0].marked);
    assert_false(items[1].marked);
    assert_true(items[2].marked);
    assert_ptr_equal(proclist_find(&l, 7), &items[2]);
    assert_null(proclist_find(&l, 3));
}

/* A number that was given to another process since is left alone. */
static void signals_reach_the_same_process_alone(void **state)
{
    AUTO_PROCLIST struct proclist l = {0};
    bool sent = false;
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        for (;;)
            pause();
    }
    assert_null(proclist_read(&l));
    struct proclist_item *p = proclist_find(&l, child);
    assert_non_null(p);
    assert_int_equal(p->ppid, getpid());
    struct proclist_item older = *p;
    older.start_ticks--;
    assert_null(proclist_signal(&older, SIGKILL, &sent));
    assert_false(sent);
    assert_null(proclist_signal(p, SIGTERM, &sent));
    assert_true(sent);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WTERMSIG(status), SIGTERM);
    assert_null(proclist_signal(p, SIGTERM, &sent));
    assert_false(sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_may_hold_anything),
        cmocka_unit_test(what_is_no_status_is_refused),
        cmocka_unit_test(descendants_in_any_order),
        cmocka_unit_test(signals_reach_the_same_process_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
