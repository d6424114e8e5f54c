/* Progress for a terminal: how far each blob is. Whoever moves blobs fills a list ten times a second, whoever has the
 * screen draws it. Without a terminal there are lines instead (`progress` of the operations' options). */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_BARS_PERIOD_MSEC 100

struct image_bar {
    char what[40]; /* "Copying blob 0123456789ab", "Unpacking": the same text is the same bar */
    uint64_t done_bytes, total_bytes;
    bool finished, existed; /* existed: nothing had to be moved */
    bool passing;           /* leaves no line behind when it is finished */
};
struct image_bars {
    void (*show)(void *arg, const struct image_bar *bars, size_t count);
    void *arg;
};

/* "Copying blob " and the first 12 digits of the digest. */
struct image_bar image_bar_of_blob(const char *digest, uint64_t total_bytes);

/* A line for whoever follows (NULL: nobody); one that there is no memory for is left out. */
void image_say(void (*progress)(void *arg, const char *line), void *progress_arg, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
