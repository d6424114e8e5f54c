#include "engine/image/progress.h"

#include <stdio.h>

#include "engine/store/digest.h"

struct image_bar image_bar_of_blob(const char *digest, uint64_t total_bytes)
{
    struct image_bar bar = {.total_bytes = total_bytes};
    (void)snprintf(bar.what, sizeof bar.what, "Copying blob %.12s", digest_hex(digest));
    return bar;
}
