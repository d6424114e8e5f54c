/* Completion of what needs no engine: verbs, flags, choices, files. */
#include "tests/unit/cli/expect.h"

#include "base/mem.h"
#include "cli/complete.h"

/* First fields of the candidates for the last of the words, joined by blanks. */
static void check(const char *const *words, const char *expected)
{
    AUTO_CLI struct cli c = {0};
    AUTO_STRBUF struct strbuf out = STRBUF_INIT, names = STRBUF_INIT;
    struct complete_place place;
    size_t n = 0;
    while (words[n])
        n++;
    complete_place(&c, (char **)(uintptr_t)words, n - 1, &place);
    expect_success(complete_word(&c, &place, words[n - 1], &out));
    for (const char *line = strbuf_str(&out); *line; line += strcspn(line, "\n") + 1)
        expect_success(strbuf_printf(&names, "%s%.*s", names.len ? " " : "", (int)strcspn(line, "\t\n"), line));
    assert_string_equal(strbuf_str(&names), expected);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_verbs(void **state)
{
    (void)state;
    check(WORDS("ren"), "rename");
    check(WORDS("container", "pr"), "prune");
    check(WORDS("--root", "/x", "volume", "e"), "exists export");
    check(WORDS("nonsense", ""), "");
    check(WORDS("__"), "");
    check(WORDS("help", "ren"), "rename");
}

static void test_flags(void **state)
{
    (void)state;
    check(WORDS("ps", "--no"), "--no-trunc --noheading");
    check(WORDS("run", "--net"), "--network --network-alias");
    check(WORDS("run", "--conmon-pid"), ""); /* not built yet */
    check(WORDS("ps", "--sort=ru"), "--sort=runningfor");
    check(WORDS("ps", "--sort", "st"), "status");
    check(WORDS("ps", "--", "--no"), "");
    check(WORDS("run", "image", "--na"), ""); /* belongs to the container */
    check(WORDS("run", "-it", "--network", "ho"), "host");
    check(WORDS("run", "--storage-driver", "ov"), "overlay");
}

static void test_files(void **state)
{
    (void)state;
    check(WORDS("load", "-i", ""), ":file");
    check(WORDS("load", "-qi", "x"), ":file");
    check(WORDS("--root", ""), ":dir");
    check(WORDS("import", ""), ":file");
    check(WORDS("import", "a.tar", ""), "");
    check(WORDS("run", "--cidfile=x"), ":file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
