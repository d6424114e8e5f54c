#include "cli/labels.h"

#include "cli/create.h"

struct err *cli_parse_labels(const struct strv *files, const struct strv *given, struct strv *ret)
{
    struct container_spec spec;
    container_spec_init(&spec);
    struct err *e = create_add_labels(&spec, files, given);
    if (!e)
        e = strv_copy(&spec.labels, ret);
    container_spec_done(&spec);
    return e;
}
