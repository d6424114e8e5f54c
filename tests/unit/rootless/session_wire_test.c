#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "rootless/session_wire.h"

static void hello_make(struct strbuf *ret, const char *notice)
{
    AUTO_HELLO struct session_hello h = {
        .flags = SESSION_REMAPPED, .host_uid = 1001, .host_gid = 1002, .digest = 42, .idle_nsec = 7};
    assert_null(idmap_add(&h.uids, 0, 1001, 1));
    assert_null(idmap_add(&h.uids, 1, 100000, 65536));
    assert_null(idmap_add(&h.gids, 0, 1002, 1));
    assert_null(mem_strdup("/home/anna/data", &h.root));
    assert_null(mem_strdup(notice, &h.notice));
    assert_null(session_hello_encode(&h, ret));
}

static void a_hello_comes_back_as_it_was(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf wire = STRBUF_INIT;
    AUTO_HELLO struct session_hello h = {0};
    hello_make(&wire, "one id");
    assert_null(session_hello_decode(wire.data, wire.len, &h));
    assert_int_equal(h.flags, SESSION_REMAPPED);
    assert_int_equal(h.host_uid, 1001);
    assert_int_equal(h.host_gid, 1002);
    assert_int_equal(h.digest, 42);
    assert_int_equal(h.idle_nsec, 7);
    assert_int_equal(h.uids.count, 2);
    assert_int_equal(h.gids.count, 1);
    assert_int_equal(h.uids.ranges[1].host, 100000);
    assert_string_equal(h.root, "/home/anna/data");
    assert_string_equal(h.notice, "one id");
}

static void no_notice_is_no_notice(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf wire = STRBUF_INIT;
    AUTO_HELLO struct session_hello h = {0};
    hello_make(&wire, NULL);
    assert_null(session_hello_decode(wire.data, wire.len, &h));
    assert_null(h.notice);
}

static void the_holder_may_change_the_digest(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf wire = STRBUF_INIT;
    AUTO_HELLO struct session_hello h = {0};
    hello_make(&wire, NULL);
    session_hello_set_digest(wire.data, 43, true);
    assert_null(session_hello_decode(wire.data, wire.len, &h));
    assert_int_equal(h.digest, 43);
    assert_int_equal(h.flags, SESSION_REMAPPED | SESSION_STALE);
}

static void every_shortened_hello_is_refused(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf wire = STRBUF_INIT;
    hello_make(&wire, "one id");
    for (size_t len = 0; len < wire.len; len++) {
        AUTO_HELLO struct session_hello h = {0};
        AUTO_FREE char *copy = mem_alloc(len); /* so that reading behind it is seen */
        assert_non_null(copy);
        memcpy(copy, wire.data, len);
        struct err *e = session_hello_decode(copy, len, &h);
        if (!e)
            fail_msg("accepted %zu of %zu bytes", len, wire.len);
        err_free(e);
    }
}

/* Each byte of the hello replaced by each of a few values: decoded or refused, never read out of bounds. */
static void no_changed_byte_does_harm(void **state)
{
    (void)state;
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
    AUTO_STRBUF struct strbuf wire = STRBUF_INIT;
    hello_make(&wire, "one id");
    for (size_t at = 0; at < wire.len; at++) {
        for (size_t v = 0; v < ARRAY_LEN(values); v++) {
            AUTO_HELLO struct session_hello h = {0};
            AUTO_FREE char *copy = mem_alloc(wire.len);
            assert_non_null(copy);
            memcpy(copy, wire.data, wire.len);
            copy[at] = (char)values[v];
            err_drop(session_hello_decode(copy, wire.len, &h));
        }
    }
}

static void another_version_is_named_as_such(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf wire = STRBUF_INIT;
    AUTO_HELLO struct session_hello h = {0};
    hello_make(&wire, NULL);
    wire.data[4] = 99;
    AUTO_ERR struct err *e = session_hello_decode(wire.data, wire.len, &h);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_UNSUPPORTED);
}

static void overlapping_ranges_are_refused(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf wire = STRBUF_INIT;
    AUTO_HELLO struct session_hello h = {0};
    hello_make(&wire, NULL);
    struct idmap_range r = {.ct = 0, .host = 7, .count = 1};
    size_t head = wire.len - strlen("/home/anna/data") - 3 * sizeof(r);
    memcpy(wire.data + head + sizeof(r), &r, sizeof(r));
    AUTO_ERR struct err *e = session_hello_decode(wire.data, wire.len, &h);
    assert_non_null(e);
}

static void the_digest_of_the_sources_is_stable(void **state)
{
    (void)state;
    assert_true(session_sources_digest() == session_sources_digest());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_comes_back_as_it_was),     cmocka_unit_test(no_notice_is_no_notice),
        cmocka_unit_test(the_holder_may_change_the_digest), cmocka_unit_test(every_shortened_hello_is_refused),
        cmocka_unit_test(no_changed_byte_does_harm),        cmocka_unit_test(another_version_is_named_as_such),
        cmocka_unit_test(overlapping_ranges_are_refused),   cmocka_unit_test(the_digest_of_the_sources_is_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
