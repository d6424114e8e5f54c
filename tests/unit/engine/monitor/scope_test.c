/* The message that asks systemd for a scope, read back by the rules of the D-Bus specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/strbuf.h"
#include "engine/monitor/scope.h"

/* A reader that fails the test where a length or the padding is wrong. */
struct reader {
    const struct strbuf *sb;
    size_t at;
};

static void align(struct reader *r, size_t to)
{
    for (; r->at % to; r->at++)
        assert_int_equal(r->sb->data[r->at], 0);
}

static uint32_t u32(struct reader *r)
{
    uint32_t v;
    align(r, 4);
    assert_true(r->at + 4 <= r->sb->len);
    memcpy(&v, r->sb->data + r->at, 4);
    r->at += 4;
    return v;
}

static void text(struct reader *r, size_t len, const char *want)
{
    assert_int_equal(len, strlen(want));
    assert_true(r->at + len < r->sb->len);
    assert_string_equal(r->sb->data + r->at, want);
    r->at += len + 1;
}

static void string(struct reader *r, const char *want)
{
    size_t len = u32(r);
    text(r, len, want);
}

static void signature(struct reader *r, const char *want)
{
    size_t len = (unsigned char)r->sb->data[r->at++];
    text(r, len, want);
}

static void field(struct reader *r, int code, const char *type, const char *want)
{
    align(r, 8);
    assert_int_equal(r->sb->data[r->at++], code);
    signature(r, type);
    if (*type == 'g')
        signature(r, want);
    else
        string(r, want);
}

static void property(struct reader *r, const char *name, const char *type)
{
    align(r, 8);
    string(r, name);
    signature(r, type);
}

static void check(const char *name, const char *slice, bool make_slice)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    assert_null(scope_message(name, slice, make_slice, 4711, &sb));
    struct reader r = {.sb = &sb, .at = 4};
    assert_int_equal(sb.data[1], 1);
    assert_int_equal(sb.data[3], 1);
    size_t body_len = u32(&r);
    assert_int_equal(u32(&r), 1);
    size_t fields_end = u32(&r);
    fields_end += r.at;
    field(&r, 1, "o", "/org/freedesktop/systemd1");
    field(&r, 2, "s", "org.freedesktop.systemd1.Manager");
    field(&r, 3, "s", "StartTransientUnit");
    field(&r, 6, "s", "org.freedesktop.systemd1");
    field(&r, 8, "g", "ssa(sv)a(sa(sv))");
    assert_int_equal(r.at, fields_end);
    align(&r, 8);
    assert_int_equal(r.at + body_len, sb.len);
    string(&r, name);
    string(&r, "fail");
    size_t end = u32(&r);
    align(&r, 8);
    end += r.at;
    property(&r, "PIDs", "au");
    assert_int_equal(u32(&r), 4);
    assert_int_equal(u32(&r), 4711);
    property(&r, "Slice", "s");
    string(&r, slice);
    property(&r, "Delegate", "b");
    assert_int_equal(u32(&r), 1);
    property(&r, "CollectMode", "s");
    string(&r, "inactive-or-failed");
    assert_int_equal(r.at, end);
    size_t units = u32(&r);
    align(&r, 8);
    assert_int_equal(r.at + units, sb.len);
    if (make_slice) {
        string(&r, slice);
        end = u32(&r);
        align(&r, 8);
        end += r.at;
        property(&r, "StopWhenUnneeded", "b");
        assert_int_equal(u32(&r), 1);
        assert_int_equal(r.at, end);
    }
    assert_int_equal(r.at, sb.len);
}

/* Names of all lengths modulo 8, so that each padding occurs. */
static void the_request_is_well_formed(void **state)
{
    static const char name[] = "coracle-0123456789.scope", slice[] = "user.slice";
    (void)state;
    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < 8; k++)
            for (int make_slice = 0; make_slice < 2; make_slice++)
                check(name + i, slice + k, make_slice);
}

static void running_out_of_memory_is_an_error(void **state)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    (void)state;
    fault_arm(FAULT_MEM, 1);
    struct err *e = scope_message("a.scope", "user.slice", false, 1, &sb);
    fault_arm(FAULT_MEM, 0);
    assert_non_null(e);
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_is_well_formed),
        cmocka_unit_test(running_out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
