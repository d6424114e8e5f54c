#include "cli/labels.h"

#include "engine/container/spec.h"

struct err *cli_parse_labels(const struct strv *given, struct strv *ret)
{
    struct container_spec spec;
    struct err *e = NULL;
    container_spec_init(&spec);
    for (size_t i = 0; i < given->count && !e; i++)
        e = spec_add_label(&spec, given->items[i]);
    if (!e)
        e = strv_copy(&spec.labels, ret);
    container_spec_done(&spec);
    return e;
}
