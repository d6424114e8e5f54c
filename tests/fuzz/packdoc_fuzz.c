/* The end of a packed image, the document in it, and the index of an image store: the first byte chooses. What is
 * accepted can be written and is accepted again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/image/outside.h"
#include "engine/image/packdoc.h"
#include "tests/fuzz/fuzz.h"

static void fuzz_tail(const uint8_t *data, size_t size)
{
    char tail[PACKDOC_TAIL_LEN] = {0}, again[PACKDOC_TAIL_LEN];
    struct packdoc_tail t;
    uint64_t file_bytes = 0;
    if (size < sizeof(file_bytes))
        return;
    memcpy(&file_bytes, data, sizeof(file_bytes));
    size -= sizeof(file_bytes);
    memcpy(tail, data + sizeof(file_bytes), size < sizeof(tail) ? size : sizeof(tail));
    struct err *e = packdoc_tail_parse(tail, file_bytes, &t);
    if (e) {
        err_free(e);
        return;
    }
    FUZZ_CHECK(t.offset + t.len + PACKDOC_TAIL_LEN == file_bytes);
    e = packdoc_tail_text(&t, again);
    FUZZ_CHECK(!e);
}

static void fuzz_document(const char *data, size_t size)
{
    AUTO_PACKDOC struct packdoc d = {0}, other = {0};
    AUTO_FREE char *text = NULL;
    struct err *e = packdoc_parse(data, size, &d);
    if (e) {
        err_free(e);
        return;
    }
    e = packdoc_text(&d, &text);
    FUZZ_CHECK(!e);
    e = packdoc_parse(text, strlen(text), &other);
    FUZZ_CHECK(!e && strcmp(d.config, other.config) == 0);
}

static void fuzz_index(const char *data, size_t size)
{
    AUTO_OUTSIDE_INDEX struct outside_index x = {0};
    struct err *e = outside_index_parse(data, size, &x);
    for (size_t i = 0; !e && i < x.count; i++)
        FUZZ_CHECK(x.entries[i].path[0] != '/' && strcmp(x.entries[i].path, "..") != 0 &&
                   strncmp(x.entries[i].path, "../", 3) != 0 && !strstr(x.entries[i].path, "/../"));
    err_drop(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1 << 20)
        return 0;
    if (data[0] % 3 == 0)
        fuzz_tail(data + 1, size - 1);
    else if (data[0] % 3 == 1)
        fuzz_document((const char *)data + 1, size - 1);
    else
        fuzz_index((const char *)data + 1, size - 1);
    return 0;
}
