/* An image reference. What is accepted is accepted again in its full form, which doesn't change any more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/image/reference.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = NULL, *full = NULL, *again = NULL, *repository = NULL;
    AUTO_REFERENCE struct reference r = {0};
    AUTO_STRV struct strv candidates = STRV_INIT;
    if (size > 65536 || memchr(data, '\0', size))
        return 0;
    struct err *e = mem_strndup((const char *)data, size, &text);
    FUZZ_CHECK(!e);
    err_drop(reference_parse(text, &r));
    err_drop(reference_candidates(text, &candidates));
    e = reference_normalize(text, &full);
    if (e) {
        FUZZ_CHECK(err_kind(e) == ERR_INVALID || err_kind(e) == ERR_UNSUPPORTED);
        err_free(e);
        return 0;
    }
    e = reference_normalize(full, &again);
    FUZZ_CHECK(!e && strcmp(full, again) == 0);
    e = reference_repository(full, &repository);
    FUZZ_CHECK(!e && strncmp(repository, full, strlen(repository)) == 0);
    return 0;
}
