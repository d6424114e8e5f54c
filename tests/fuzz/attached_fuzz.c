/* Manifests of attached signatures. What is read can be added to, and is read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/image/attached.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ATTACHED struct attached a = {0}, again = {0};
    AUTO_FREE char *manifest = NULL, *config = NULL;
    if (size > 1u << 20)
        return 0;
    AUTO_ERR struct err *e = attached_parse((const char *)data, size, &a);
    if (e)
        return 0;
    for (size_t i = 0; i < a.count; i++)
        FUZZ_CHECK(a.layers[i].media_type && a.layers[i].digest);
    AUTO_ERR struct err *built = attached_build(&a, "{}", "payload", "c2ln", &manifest, &config);
    if (built) /* there were 128 already */
        return 0;
    AUTO_ERR struct err *read = attached_parse(manifest, strlen(manifest), &again);
    FUZZ_CHECK(!read && again.count == a.count + 1);
    return 0;
}
