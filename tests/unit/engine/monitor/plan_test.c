/* Plans and exec requests as bytes: there and back, and what must not get in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/mem.h"
#include "engine/monitor/plan.h"

static void ok(struct err *e)
{
    if (e)
        print_error("%s\n", err_text(e));
    assert_null(e);
}

static void refused(struct err *e, enum err_kind kind, const char *words)
{
    assert_non_null(e);
    assert_int_equal(err_kind(e), kind);
    if (!strstr(err_text(e), words))
        print_error("\"%s\" lacks \"%s\"\n", err_text(e), words);
    assert_non_null(strstr(err_text(e), words));
    err_drop(e);
}

static void fill(struct monitor_plan *p)
{
    ok(mem_strdup("c0ffee", &p->id));
    ok(mem_strdup("/run/c", &p->run_dir));
    ok(mem_strdup("/data/ct", &p->container_dir));
    ok(mem_strdup("/usr/bin/crun", &p->runtime));
    ok(mem_strdup("overlay", &p->root.driver));
    ok(mem_strdup("/data/layers", &p->root.layers_dir));
    ok(strv_add(&p->root.layers, "a1"));
    ok(strv_add(&p->root.layers, "b2"));
}

static void test_there_and_back(void **state)
{
    (void)state;
    AUTO_PLAN struct monitor_plan p = {0};
    AUTO_PLAN struct monitor_plan q = {0};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    fill(&p);
    ok(mem_strdup("", &p.log_tag)); /* empty is not NULL */
    ok(strv_add(&p.runtime_flags, "debug"));
    ok(strv_add(&p.exit_command, "/bin/true"));
    ok(strv_add(&p.exit_command, ""));
    p.tty = true;
    p.rows = 50;
    p.restart = PLAN_RESTART_ON_FAILURE;
    p.restart_max = 7;
    p.stop_timeout_nsec = INT64_MAX;
    p.log_max_bytes = UINT64_MAX;
    p.mounts = mem_zalloc(2 * sizeof(*p.mounts));
    p.n_mounts = 2;
    ok(mem_strdup("copy", &p.mounts[0].driver));
    ok(mem_strdup("/src", &p.mounts[0].rootfs));
    ok(mem_strdup("overlay", &p.mounts[1].driver));
    p.mounts[1].read_only = true;
    ok(plan_encode(&p, &sb));
    ok(plan_decode(sb.data, sb.len, &q));
    assert_string_equal(q.id, "c0ffee");
    assert_null(q.name);
    assert_string_equal(q.log_tag, "");
    assert_int_equal(q.root.layers.count, 2);
    assert_string_equal(q.root.layers.items[1], "b2");
    assert_int_equal(q.exit_command.count, 2);
    assert_true(q.tty && !q.interactive);
    assert_int_equal(q.rows, 50);
    assert_int_equal(q.restart_max, 7);
    assert_true(q.stop_timeout_nsec == INT64_MAX && q.log_max_bytes == UINT64_MAX);
    assert_int_equal(q.n_mounts, 2);
    assert_string_equal(q.mounts[0].rootfs, "/src");
    assert_true(q.mounts[1].read_only);
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    AUTO_PLAN struct monitor_plan p = {0};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    fill(&p);
    ok(plan_encode(&p, &sb));
    for (size_t len = 0; len < sb.len; len++) {
        struct monitor_plan q = {0};
        /* A copy of just that size, so that the sanitizer sees a read behind it. */
        char *copy = malloc(len ? len : 1);
        memcpy(copy, sb.data, len);
        refused(plan_decode(copy, len, &q), ERR_CORRUPT, "");
        free(copy);
    }
}

static void test_trailing_bytes(void **state)
{
    (void)state;
    AUTO_PLAN struct monitor_plan p = {0};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct monitor_plan q = {0};
    fill(&p);
    ok(plan_encode(&p, &sb));
    ok(strbuf_putc(&sb, 0));
    refused(plan_decode(sb.data, sb.len, &q), ERR_CORRUPT, "too many");
}

/* Every byte, every bit: an error or a valid plan, nothing else; the sanitizers watch. */
static void test_flipped_bits(void **state)
{
    (void)state;
    AUTO_PLAN struct monitor_plan p = {0};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    fill(&p);
    ok(strv_add(&p.exit_command, "/bin/true"));
    ok(plan_encode(&p, &sb));
    for (size_t bit = 0; bit < sb.len * 8; bit++) {
        struct monitor_plan q = {0};
        sb.data[bit / 8] = (char)(sb.data[bit / 8] ^ (1 << (bit % 8)));
        struct err *e = plan_decode(sb.data, sb.len, &q);
        if (!e) {
            ok(plan_check(&q));
            plan_done(&q);
        }
        err_drop(e);
        sb.data[bit / 8] = (char)(sb.data[bit / 8] ^ (1 << (bit % 8)));
    }
}

static void test_random_bytes(void **state)
{
    (void)state;
    unsigned char buf[512];
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)rand_r(&seed) % sizeof(buf);
        for (size_t i = 0; i < len; i++)
            buf[i] = (unsigned char)rand_r(&seed);
        struct monitor_plan p = {0};
        struct monitor_exec x = {0};
        memcpy(buf, round % 2 ? "CPLN" : "XECC", 4);
        err_drop(plan_decode(buf, len, &p));
        err_drop(plan_exec_decode(buf, len, &x));
        plan_done(&p);
        plan_exec_done(&x);
    }
}

static void test_nul_in_a_string(void **state)
{
    (void)state;
    AUTO_PLAN struct monitor_plan p = {0};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct monitor_plan q = {0};
    fill(&p);
    ok(plan_encode(&p, &sb));
    char *at = memmem(sb.data, sb.len, "/run/c", 6);
    at[3] = '\0';
    refused(plan_decode(sb.data, sb.len, &q), ERR_CORRUPT, "NUL");
}

static void set(char **slot, const char *value)
{
    ok(mem_replace(slot, value));
}

static void test_what_cannot_be_right(void **state)
{
    (void)state;
    AUTO_PLAN struct monitor_plan p = {0};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    fill(&p);
    ok(plan_check(&p));
    set(&p.id, "../evil");
    refused(plan_check(&p), ERR_INVALID, "no container id");
    set(&p.id, NULL);
    refused(plan_check(&p), ERR_INVALID, "no container id");
    set(&p.id, "c0ffee");
    set(&p.runtime, "crun");
    refused(plan_check(&p), ERR_INVALID, "absolute");
    set(&p.runtime, "/usr/bin/crun");
    set(&p.container_dir, NULL);
    refused(plan_check(&p), ERR_INVALID, "missing");
    set(&p.container_dir, "/data/ct");
    set(&p.log_driver, "splunk");
    refused(plan_check(&p), ERR_INVALID, "unknown log driver");
    set(&p.log_driver, "passthrough");
    p.tty = true;
    refused(plan_check(&p), ERR_INVALID, "terminal");
    p.tty = false;
    set(&p.log_driver, NULL);
    p.stop_signal = 65;
    refused(plan_check(&p), ERR_INVALID, "signal");
    p.stop_signal = 0;
    p.timeout_nsec = -1;
    refused(plan_encode(&p, &sb), ERR_INVALID, "negative");
    p.timeout_nsec = 0;
    p.preserve_fds = PLAN_PRESERVE_FDS_MAX + 1;
    refused(plan_check(&p), ERR_INVALID, "preserved");
    p.preserve_fds = 0;
    p.restart = 4;
    refused(plan_check(&p), ERR_INVALID, "restart");
    p.restart = 0;
    set(&p.cgroup_manager, "nonsense");
    refused(plan_check(&p), ERR_INVALID, "cgroup manager");
    set(&p.cgroup_manager, NULL);
    ok(strv_add(&p.exit_command, "touch"));
    refused(plan_check(&p), ERR_INVALID, "exit command");
    set(&p.root.driver, NULL);
    refused(plan_check(&p), ERR_INVALID, "exit command");
}

static void test_exec(void **state)
{
    (void)state;
    char id[] = "ab12";
    struct monitor_exec x = {.id = id, .tty = true, .attach = true, .preserve_fds = 7, .rows = 3}, y = {0};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    AUTO_STRBUF struct strbuf none = STRBUF_INIT;
    ok(plan_exec_encode(&x, &sb));
    ok(plan_exec_decode(sb.data, sb.len, &y));
    assert_string_equal(y.id, "ab12");
    assert_true(y.tty && y.attach && !y.interactive && y.preserve_fds == 7 && y.rows == 3);
    plan_exec_done(&y);
    for (size_t len = 0; len < sb.len; len++)
        refused(plan_exec_decode(sb.data, len, &y), ERR_CORRUPT, "");
    x.preserve_fds = 8;
    refused(plan_exec_encode(&x, &none), ERR_UNSUPPORTED, "7");
    x.preserve_fds = 0;
    id[0] = '/';
    refused(plan_exec_encode(&x, &none), ERR_INVALID, "session id");
    struct monitor_plan p = {0};
    refused(plan_decode(sb.data, sb.len, &p), ERR_CORRUPT, "not a plan");
}

/* Without memory, at any place: an error, and nothing leaks. */
static void test_out_of_memory(void **state)
{
    (void)state;
    AUTO_PLAN struct monitor_plan p = {0};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    fill(&p);
    ok(plan_encode(&p, &sb));
    for (unsigned n = 1;; n++) {
        struct monitor_plan q = {0};
        fault_arm(FAULT_MEM, n);
        struct err *e = plan_decode(sb.data, sb.len, &q);
        fault_arm(FAULT_MEM, 0);
        plan_done(&q);
        if (!e)
            break;
        refused(e, ERR_NO_MEMORY, "");
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),       cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_trailing_bytes),       cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_random_bytes),         cmocka_unit_test(test_nul_in_a_string),
        cmocka_unit_test(test_what_cannot_be_right), cmocka_unit_test(test_exec),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
