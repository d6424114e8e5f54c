/* CDI specifications: what passes the check can be looked up in, and has numbers where numbers are wanted. */
#include <stdlib.h>

#include "base/mem.h"
#include "engine/container/cdi.h"
#include "tests/fuzz/fuzz.h"

static void look_up(const json_t *doc)
{
    const char *kind = json_string_value(json_object_get(doc, "kind"));
    const json_t *devices = json_object_get(doc, "devices"), *common = NULL, *edits = NULL;
    for (size_t i = 0; i < json_array_size(devices); i++) {
        AUTO_FREE char *name = NULL;
        const json_t *device = json_array_get(devices, i);
        err_drop(mem_asprintf(&name, "%s=%s", kind, json_string_value(json_object_get(device, "name"))));
        FUZZ_CHECK(cdi_is_name(name));
        FUZZ_CHECK(cdi_find(doc, name, &common, &edits));
        FUZZ_CHECK(edits == json_object_get(device, "containerEdits"));
        const json_t *nodes = json_object_get(edits, "deviceNodes");
        for (size_t k = 0; k < json_array_size(nodes); k++)
            (void)cdi_number(json_array_get(nodes, k), "major", -1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_JSON json_t *doc = NULL;
    if (size > 1u << 20)
        return 0;
    struct err *e = json_parse((const char *)data, size, "cdi", &doc);
    if (!e)
        e = cdi_check(doc, "cdi");
    if (e)
        FUZZ_CHECK(err_text(e)[0] != '\0');
    else
        look_up(doc);
    err_drop(e);
    return 0;
}
