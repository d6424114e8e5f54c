/* What coracle-overlay parses: mount options, and attributes that layers carry. The first byte chooses. What was
 * accepted is written again as it was read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/override.h"
#include "fuse-overlay/options.h"
#include "fuse-overlay/xattrname.h"
#include "tests/fuzz/fuzz.h"

static void fuzz_override(const char *text, size_t len)
{
    struct override o, again;
    char buf[OVERRIDE_MAX];
    if (!override_parse(text, len, &o))
        return;
    size_t n = override_format(&o, buf);
    FUZZ_CHECK(n < sizeof(buf) && override_parse(buf, n, &again));
    FUZZ_CHECK(again.uid == o.uid && again.gid == o.gid && again.mode == o.mode && again.rdev == o.rdev);
}

static void fuzz_name(const char *name)
{
    char disk[XATTRNAME_MAX + 1], tree[XATTRNAME_MAX + 1];
    if (xattrname_to_disk(name, disk) == 0) {
        FUZZ_CHECK(xattrname_to_tree(disk, tree));
        FUZZ_CHECK(strcmp(tree, name) == 0);
    }
    if (xattrname_to_tree(name, tree))
        FUZZ_CHECK(xattrname_to_disk(tree, disk) == 0 && strcmp(disk, name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = NULL;
    if (size < 1 || size > 65536 || memchr(data, '\0', size))
        return 0;
    struct err *e = mem_strndup((const char *)data + 1, size - 1, &text);
    FUZZ_CHECK(!e);
    if (data[0] == 'x') {
        fuzz_override(text, size - 1);
    } else if (data[0] == 'n') {
        fuzz_name(text);
    } else {
        struct options o = {.ready_fd = -1};
        err_drop(options_parse_list(text, &o));
        options_done(&o);
    }
    return 0;
}
