/* Bars on a terminal (stderr), one line each, drawn anew in place: what is finished scrolls up as a line that stays.
 *
 * Whatever else is written goes through progress_hide() first (cli_warn and cli_flush do), so that lines never mix. A
 * signal that ends the program takes the bars off the screen before. There is one screen, hence one state: static.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/image/progress.h"

/* NULL when stderr is no terminal that can do it: then there are lines. */
const struct image_bars *progress_bars(void);
/* Take the bars off the screen; the next show() draws them again. */
void progress_hide(void);
/* The same for good: signals are as they were. */
void progress_end(void);

/* One line of at most `width` cells, without its end. speed 0: unknown. */
struct progress_line {
    char s[512];
};
struct progress_line progress_line_of(const struct image_bar *bar, uint64_t bytes_per_sec, size_t width);
/* "12.3MiB" */
struct progress_size {
    char s[16];
};
struct progress_size progress_size_of(uint64_t bytes);
