/* Messages that make no sense, against the handlers themselves: nothing happens but that the peer is dropped. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/msg.h"
#include "engine/monitor/job.h"
#include "engine/monitor/life.h"
#include "engine/monitor/peer.h"

struct world {
    struct server s;
    struct peer *p;
    int client;
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
    int pair[2];
    server_init(&w->s);
    ok(mem_strdup("c0ffee", &w->s.plan.id));
    ok(mem_strdup("none", &w->s.plan.log_driver));
    ok(loop_new(&w->s.loop));
    ok(ctlog_open(&w->s.plan, &w->s.log));
    ok(msg_pair(pair));
    ok(peer_add(&w->s, pair[0], &w->p));
    w->client = pair[1];
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    (void)close(w->client);
    server_done(&w->s);
    plan_done(&w->s.plan);
    mem_freep(&w);
    return 0;
}

static bool handle(struct world *w, uint32_t type, const void *data, size_t len)
{
    AUTO_MSG struct msg m = MSG_INIT;
    m.type = type;
    m.len = len;
    m.data = mem_alloc(len + 1);
    memcpy(m.data, data, len);
    m.data[len] = '\0';
    return request_handle(w->p, &m);
}

/* The answer that waits; its type. */
static uint32_t answer(struct world *w, enum err_kind *ret_kind)
{
    AUTO_MSG struct msg m = MSG_INIT;
    bool eof = false;
    ok(msg_recv(w->client, &m, &eof));
    if (m.type == MONITOR_FAILED) {
        struct err *e = NULL;
        ok(err_decode(m.data, m.len, &e));
        *ret_kind = err_kind(e);
        err_drop(e);
    }
    return m.type;
}

static char nonsense[0x10000];

static void test_senseless(void **state)
{
    struct world *w = *state;
    const uint32_t sigs[] = {0, 65, UINT32_MAX};
    const struct monitor_stop bad_stop = {.timeout_nsec = -2};
    struct monitor_attach unterminated;
    memset(&unterminated, 'a', sizeof(unterminated));
    for (uint32_t type = 0; type < 100; type++)
        assert_false(handle(w, type, nonsense, type == MONITOR_EXEC || type == MONITOR_WAIT ? 0x10000 : 1) &&
                     type != MONITOR_EXEC && type != MONITOR_WAIT);
    for (size_t i = 0; i < 3; i++) {
        assert_false(handle(w, MONITOR_KILL, &sigs[i], sizeof(sigs[i])));
        assert_false(handle(w, MONITOR_SIGNAL, &sigs[i], sizeof(sigs[i])));
    }
    assert_false(handle(w, MONITOR_STOP, &bad_stop, sizeof(bad_stop)));
    assert_false(handle(w, MONITOR_ATTACH, &unterminated, sizeof(unterminated)));
    assert_false(handle(w, MONITOR_START, "", 0)); /* not the control connection */
    assert_false(handle(w, UINT32_MAX, "", 0));
    assert_false(handle(w, MONITOR_PLAN, "", 0)); /* only once, and first */
}

static void test_nothing_runs(void **state)
{
    struct world *w = *state;
    enum err_kind kind = ERR_INTERNAL;
    const uint32_t sig = SIGTERM;
    const struct monitor_attach a = {.no_stdin = 0}, other = {.job = "abc"};
    assert_true(handle(w, MONITOR_KILL, &sig, sizeof(sig)));
    assert_int_equal(answer(w, &kind), MONITOR_FAILED);
    assert_int_equal(kind, ERR_STATE);
    assert_true(handle(w, MONITOR_ATTACH, &a, sizeof(a)));
    assert_int_equal(answer(w, &kind), MONITOR_FAILED);
    assert_int_equal(kind, ERR_STATE);
    assert_true(handle(w, MONITOR_ATTACH, &other, sizeof(other)));
    assert_int_equal(answer(w, &kind), MONITOR_FAILED);
    assert_int_equal(kind, ERR_NOT_FOUND);
    assert_true(handle(w, MONITOR_WAIT, "abc", 3));
    assert_int_equal(answer(w, &kind), MONITOR_FAILED);
    assert_int_equal(kind, ERR_NOT_FOUND);
    assert_true(handle(w, MONITOR_REOPEN_LOG, "", 0));
    assert_int_equal(answer(w, &kind), MONITOR_FAILED);
    assert_int_equal(kind, ERR_UNSUPPORTED);
    assert_true(handle(w, MONITOR_STATE, "", 0));
    assert_int_equal(answer(w, &kind), MONITOR_STATE);
    /* Not attached: these mean nothing, and break nothing. */
    assert_true(handle(w, MONITOR_SIGNAL, &sig, sizeof(sig)));
    assert_true(handle(w, MONITOR_END_INPUT, "", 0));
    assert_true(handle(w, MONITOR_RESIZE, "\1\0\1\0", 4));
}

static void test_answers_that_nobody_reads(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 20000 && !w->p->broken; i++)
        assert_true(handle(w, MONITOR_STATE, "", 0));
    assert_true(w->p->broken); /* dropped rather than remembered for ever */
}

static void test_random_messages(void **state)
{
    struct world *w = *state;
    unsigned seed = 3;
    char buf[300];
    for (int i = 0; i < 50000; i++) {
        size_t len = (size_t)rand_r(&seed) % sizeof(buf);
        uint32_t type = (uint32_t)rand_r(&seed) % (MONITOR_MSG_MAX + 2);
        for (size_t k = 0; k < len; k++)
            buf[k] = (char)rand_r(&seed);
        if (type == MONITOR_STOP || type == MONITOR_CLEANED)
            continue; /* valid ones would end the server */
        (void)handle(w, type, buf, len);
        char drain[512];
        while (recv(w->client, drain, sizeof(drain), MSG_DONTWAIT) > 0)
            ;
    }
    assert_false(w->s.ending);
}

#define WITH_WORLD(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_senseless),
        WITH_WORLD(test_nothing_runs),
        WITH_WORLD(test_answers_that_nobody_reads),
        WITH_WORLD(test_random_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
