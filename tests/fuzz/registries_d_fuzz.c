/* Files of registries.d: YAML, and what is made of it. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/trust/registries_d.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_JSON json_t *merged = NULL;
    if (size > 1u << 20)
        return 0;
    AUTO_ERR struct err *e = registries_d_add(&merged, (const char *)data, size, "f.yaml");
    if (e) {
        FUZZ_CHECK(err_text(e)[0] != '\0');
        return 0;
    }
    FUZZ_CHECK(json_is_object(merged));
    registries_d_finish(merged);
    return 0;
}
