/* Log files, byte by byte, and journald's datagrams (with a socket of our own in its place is not possible: the path is
 * fixed; so only its absence is tested here, the rest in a virtual machine). */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/monitor/ctlog.h"

#define STAMP 35 /* "2024-05-01T10:00:00.123456789+00:00" */

struct world {
    struct monitor_plan plan;
    char dir[64];
    struct ctlog *log;
};

static void ok(struct err *e)
{
    if (e)
        print_error("%s\n", err_text(e));
    assert_null(e);
}

static int setup(void **state)
{
    struct world *w = mem_zalloc(sizeof(*w));
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/coracle-log-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    ok(mem_strdup("c0ffee", &w->plan.id));
    ok(mem_strdup(w->dir, &w->plan.container_dir));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    ctlog_close(w->log);
    plan_done(&w->plan);
    ok(file_remove_tree(AT_FDCWD, w->dir));
    mem_freep(&w);
    return 0;
}

static char *contents(const struct world *w, const char *name)
{
    char path[128], *text = NULL;
    (void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
    ok(file_read(AT_FDCWD, path, 16 << 20, &text, NULL));
    return text;
}

/* What is in the log, without times, lines joined by '|'. */
static char *plain(const struct world *w)
{
    AUTO_FREE char *text = contents(w, "ctr.log");
    char *out = mem_zalloc(strlen(text) + 1);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        assert_true(strlen(line) > STAMP);
        assert_memory_equal(line + STAMP - 6, "+00:00 ", 7);
        strncat(out, line + STAMP + 1, strlen(line));
        strncat(out, "|", 2);
    }
    return out;
}

static void write_text(struct world *w, enum ctlog_stream stream, const char *text)
{
    ctlog_write(w->log, stream, text, strlen(text));
}

static void test_lines(void **state)
{
    struct world *w = *state;
    ok(ctlog_open(&w->plan, &w->log));
    write_text(w, CTLOG_STDOUT, "one\ntwo\npart");
    write_text(w, CTLOG_STDERR, "err\n");
    write_text(w, CTLOG_STDOUT, "ial\n\n");
    AUTO_FREE char *text = plain(w);
    assert_string_equal(text, "stdout F one|stdout F two|stdout P part|stderr F err|stdout F ial|stdout F |");
    assert_int_equal(ctlog_lost(w->log), 0);
}

static void test_time(void **state)
{
    struct world *w = *state;
    int64_t before = timefmt_now(), at = 0;
    ok(ctlog_open(&w->plan, &w->log));
    write_text(w, CTLOG_STDOUT, "x\n");
    AUTO_FREE char *text = contents(w, "ctr.log");
    text[STAMP] = '\0';
    ok(timefmt_parse_rfc3339(text, &at));
    assert_in_range(at - before, 0, 5000000000);
}

struct number {
    char s[16];
};

static struct number number_of(int i)
{
    struct number n;
    (void)snprintf(n.s, sizeof(n.s), "%d", i);
    return n;
}

static void test_many_lines_in_one_read(void **state)
{
    struct world *w = *state;
    ok(mem_strdup("json-file", &w->plan.log_driver));
    ok(ctlog_open(&w->plan, &w->log));
    char *big = mem_alloc(64000), *at = big;
    for (int i = 0; i < 5000; i++)
        at += snprintf(at, 16, "%d\n", i);
    ctlog_write(w->log, CTLOG_STDOUT, big, (size_t)(at - big));
    mem_freep(&big);
    AUTO_FREE char *text = contents(w, "ctr.log");
    int i = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), i++)
        assert_string_equal(line + STAMP + 10, number_of(i).s);
    assert_int_equal(i, 5000);
}

static void test_bytes_of_all_kinds(void **state)
{
    struct world *w = *state;
    ok(ctlog_open(&w->plan, &w->log));
    ctlog_write(w->log, CTLOG_STDOUT, "\0\xff\r\x01\n", 5);
    char path[128], *text = NULL;
    size_t len = 0;
    (void)snprintf(path, sizeof(path), "%s/ctr.log", w->dir);
    ok(file_read(AT_FDCWD, path, 4096, &text, &len));
    assert_int_equal(len, STAMP + 10 + 5);
    assert_memory_equal(text + STAMP + 10, "\0\xff\r\x01\n", 5);
    free(text);
}

static void test_rotation(void **state)
{
    struct world *w = *state;
    struct stat st;
    char path[128];
    w->plan.log_max_bytes = 1000;
    ok(ctlog_open(&w->plan, &w->log));
    for (int i = 0; i < 300; i++) {
        char line[32];
        (void)snprintf(line, sizeof(line), "line %d\n", i);
        write_text(w, CTLOG_STDOUT, line);
    }
    AUTO_FREE char *now = contents(w, "ctr.log"), *old = contents(w, "ctr.log.1");
    assert_in_range(strlen(now), 1, 1000);
    assert_in_range(strlen(old), 900, 1000);
    assert_non_null(strstr(now, "line 299\n"));
    (void)snprintf(path, sizeof(path), "%s/ctr.log.2", w->dir);
    assert_true(stat(path, &st) < 0);
}

static void test_a_line_longer_than_the_limit(void **state)
{
    struct world *w = *state;
    w->plan.log_max_bytes = 100;
    ok(ctlog_open(&w->plan, &w->log));
    char line[301];
    memset(line, 'x', 300);
    line[300] = '\n';
    for (int i = 0; i < 3; i++)
        ctlog_write(w->log, CTLOG_STDOUT, line, sizeof(line));
    AUTO_FREE char *now = contents(w, "ctr.log");
    assert_int_equal(strlen(now), STAMP + 10 + 301);
}

static void test_rotate_on_demand_and_go_on(void **state)
{
    struct world *w = *state;
    ok(ctlog_open(&w->plan, &w->log));
    write_text(w, CTLOG_STDOUT, "old\n");
    ok(ctlog_rotate(w->log));
    write_text(w, CTLOG_STDOUT, "new\n");
    ctlog_close(w->log);
    w->log = NULL;
    ok(ctlog_open(&w->plan, &w->log)); /* a restart appends */
    write_text(w, CTLOG_STDOUT, "newer\n");
    AUTO_FREE char *old = contents(w, "ctr.log.1"), *text = plain(w);
    assert_non_null(strstr(old, " old\n"));
    assert_string_equal(text, "stdout F new|stdout F newer|");
}

static void test_none(void **state)
{
    struct world *w = *state;
    ok(mem_strdup("none", &w->plan.log_driver));
    ok(ctlog_open(&w->plan, &w->log));
    write_text(w, CTLOG_STDOUT, "x\n");
    assert_false(file_exists(AT_FDCWD, "ctr.log"));
    struct err *e = ctlog_rotate(w->log);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_UNSUPPORTED);
    err_drop(e);
}

static void test_a_full_disk_stops_nothing(void **state)
{
    struct world *w = *state;
    if (access("/dev/full", W_OK) < 0)
        skip();
    ok(ctlog_open(&w->plan, &w->log));
    AUTO_FD int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    /* The log's descriptor is the one that names the file. */
    for (int fd = 3; fd < 64; fd++) {
        char to[128] = "", path[128];
        (void)snprintf(path, sizeof(path), "%s/ctr.log", w->dir);
        if (readlink(fd_proc_path(fd).s, to, sizeof(to) - 1) > 0 && strcmp(to, path) == 0)
            assert_true(dup3(full, fd, O_CLOEXEC) == fd);
    }
    write_text(w, CTLOG_STDOUT, "lost\n");
    assert_int_equal(ctlog_lost(w->log), 28 /* ENOSPC */);
    ok(ctlog_rotate(w->log));
    write_text(w, CTLOG_STDOUT, "kept\n");
    AUTO_FREE char *text = plain(w);
    assert_string_equal(text, "stdout F kept|");
}

static void test_not_a_file(void **state)
{
    struct world *w = *state;
    ok(mem_strdup(w->dir, &w->plan.log_path)); /* a directory */
    struct err *e = ctlog_open(&w->plan, &w->log);
    assert_non_null(e);
    err_drop(e);
    ok(mem_replace(&w->plan.log_path, "/nowhere/at/all"));
    e = ctlog_open(&w->plan, &w->log);
    assert_non_null(e);
    assert_non_null(strstr(err_text(e), "/nowhere/at/all"));
    err_drop(e);
}

static void test_journald(void **state)
{
    struct world *w = *state;
    ok(mem_strdup("journald", &w->plan.log_driver));
    if (access("/run/systemd/journal/socket", F_OK) == 0)
        skip();
    struct err *e = ctlog_open(&w->plan, &w->log);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_UNSUPPORTED);
    err_drop(e);
}

#define WITH_WORLD(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_lines),
        WITH_WORLD(test_time),
        WITH_WORLD(test_many_lines_in_one_read),
        WITH_WORLD(test_bytes_of_all_kinds),
        WITH_WORLD(test_rotation),
        WITH_WORLD(test_a_line_longer_than_the_limit),
        WITH_WORLD(test_rotate_on_demand_and_go_on),
        WITH_WORLD(test_none),
        WITH_WORLD(test_a_full_disk_stops_nothing),
        WITH_WORLD(test_not_a_file),
        WITH_WORLD(test_journald),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
