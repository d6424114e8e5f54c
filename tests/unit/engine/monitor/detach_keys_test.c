#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/monitor/detach_keys.h"

static void parse(const char *text, struct detach_keys *d)
{
    struct err *e = detach_keys_parse(text, d);
    if (e)
        print_error("%s\n", err_text(e));
    assert_null(e);
}

/* Feed `in` in pieces of `piece` bytes; what comes out is `out`. Returns whether the keys were seen. */
static bool feed(const char *keys, const char *in, size_t piece, const char *out)
{
    struct detach_keys d;
    unsigned char got[256];
    size_t n = 0, len = strlen(in);
    bool seen = false;
    parse(keys, &d);
    for (size_t at = 0; at < len && !seen; at += piece) {
        size_t more = 0, take = len - at < piece ? len - at : piece;
        seen = detach_keys_feed(&d, (const unsigned char *)in + at, take, got + n, &more);
        n += more;
    }
    assert_int_equal(n, strlen(out));
    assert_memory_equal(got, out, n);
    return seen;
}

static void test_parse(void **state)
{
    (void)state;
    struct detach_keys d;
    parse(DETACH_KEYS_DEFAULT, &d);
    assert_int_equal(d.n, 2);
    assert_int_equal(d.keys[0], 16);
    assert_int_equal(d.keys[1], 17);
    parse("ctrl-a,x,DEL,ctrl-[,ctrl-@,ctrl-_,ctrl-\\", &d);
    assert_memory_equal(d.keys, "\x01x\x7f\x1b\0\x1f\x1c", 7);
    parse("", &d);
    assert_int_equal(d.n, 0);
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"ctrl-", "ctrl-A", "ctrl-ab", "strg-a", "a,,b", ",", "ab", "ctrl-1", "del"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct detach_keys d;
        struct err *e = detach_keys_parse(bad[i], &d);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_INVALID);
        err_drop(e);
    }
    char many[3 * DETACH_KEYS_MAX + 8] = "a";
    for (int i = 0; i < DETACH_KEYS_MAX; i++)
        strncat(many, ",a", sizeof(many) - strlen(many) - 1);
    struct detach_keys d;
    struct err *e = detach_keys_parse(many, &d);
    assert_non_null(e);
    err_drop(e);
}

static void test_feed(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 8; piece++) {
        assert_true(feed("ctrl-p,ctrl-q",
                         "ab\x10\x11"
                         "cd",
                         piece, "ab"));
        assert_false(feed("ctrl-p,ctrl-q",
                          "ab\x10"
                          "cd",
                          piece,
                          "ab\x10"
                          "cd"));
        assert_false(feed("ctrl-p,ctrl-q", "\x11\x11", piece, "\x11\x11"));
        /* The first key twice: the second one may begin the sequence. */
        assert_true(feed("ctrl-p,ctrl-q", "\x10\x10\x11", piece, "\x10"));
        assert_true(feed("a,a,b", "aaaab", piece, "aa"));
        assert_true(feed("a,b,a,c", "ababac", piece, "ab"));
        assert_false(feed("a,b,a,c", "ababab", piece, "abab")); /* the last two are held back */
        assert_true(feed("x", "yx", piece, "y"));
        assert_false(feed("", "\x10\x11", piece, "\x10\x11"));
    }
}

/* Against the plain definition: the output is the input up to the first place where the keys stand in a row. */
static void test_feed_random(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int round = 0; round < 20000; round++) {
        char in[25] = "", keys[8] = "";
        size_t n_keys = 1 + (size_t)rand_r(&seed) % 4;
        struct detach_keys d = {.n = n_keys};
        for (size_t i = 0; i < sizeof(in) - 1; i++)
            in[i] = (char)('a' + rand_r(&seed) % 2);
        for (size_t i = 0; i < n_keys; i++)
            d.keys[i] = (unsigned char)(keys[i] = (char)('a' + rand_r(&seed) % 2));
        const char *place = strstr(in, keys);
        unsigned char out[64];
        size_t len = 0;
        bool seen = detach_keys_feed(&d, (const unsigned char *)in, strlen(in), out, &len);
        assert_int_equal(seen, place != NULL);
        assert_int_equal(len, place ? (size_t)(place - in) : strlen(in) - d.matched);
        assert_memory_equal(out, in, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_feed),
        cmocka_unit_test(test_feed_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
