#include "engine/image/progress.h"

#include <stdio.h>

#include "base/strbuf.h"
#include "engine/store/digest.h"

struct image_bar image_bar_of_blob(const char *digest, uint64_t total_bytes)
{
    struct image_bar bar = {.total_bytes = total_bytes};
    (void)snprintf(bar.what, sizeof bar.what, "Copying blob %.12s", digest_hex(digest));
    return bar;
}

void image_say(void (*progress)(void *arg, const char *line), void *progress_arg, const char *fmt, va_list ap)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    if (!progress)
        return;
    struct err *e = strbuf_vprintf(&line, fmt, ap);
    if (!e)
        progress(progress_arg, strbuf_str(&line));
    err_drop(e);
}
