#include "cli/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)

static void sizes(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {{0, "0B"},       {999, "999B"},           {1000, "1.0KiB"},
                 {MIB, "1.0MiB"}, {3 * MIB / 2, "1.5MiB"}, {UINT64_MAX, "16384.0PiB"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(progress_size_of(cases[i].bytes).s, cases[i].text);
}

static struct image_bar bar_of(uint64_t done, uint64_t total)
{
    struct image_bar bar = {.what = "Copying blob 012345678901", .done_bytes = done, .total_bytes = total};
    return bar;
}

static void lines(void **state)
{
    (void)state;
    struct image_bar half = bar_of(5 * MIB, 10 * MIB);
    assert_string_equal(
        progress_line_of(&half, MIB, 100).s,
        "Copying blob 012345678901 [===================>------------------] 5.0MiB / 10.0MiB | 1.0MiB/s | 5s");
    struct image_bar begin = bar_of(0, 10 * MIB);
    assert_string_equal(progress_line_of(&begin, 0, 70).s,
                        "Copying blob 012345678901 [>----------------------------] 0B / 10.0MiB");
    half.finished = true;
    assert_string_equal(progress_line_of(&half, 0, 100).s, "Copying blob 012345678901 done | 10.0MiB");
    half.existed = true;
    assert_string_equal(progress_line_of(&half, 0, 100).s, "Copying blob 012345678901 skipped: already exists");
    struct image_bar slow = bar_of(0, 1000 * MIB);
    assert_non_null(strstr(progress_line_of(&slow, MIB, 100).s, "| 16m40s"));
    assert_non_null(strstr(progress_line_of(&slow, MIB / 16, 100).s, "| 4h26m"));
    assert_non_null(strstr(progress_line_of(&slow, 1, 100).s, "| 999h"));
}

/* No line is ever wider than there is room for; what makes no sense doesn't break it. */
static void widths(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0, 1, MIB, UINT64_MAX / 2, UINT64_MAX};
    for (size_t width = 0; width < 600; width++)
        for (size_t d = 0; d < 5; d++)
            for (size_t t = 0; t < 5; t++)
                for (size_t s = 0; s < 5; s++) {
                    struct image_bar bar = bar_of(numbers[d], numbers[t]);
                    size_t len = strlen(progress_line_of(&bar, numbers[s], width).s);
                    assert_true(len <= width);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes), cmocka_unit_test(lines), cmocka_unit_test(widths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
