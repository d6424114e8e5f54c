/* -p and --expose: checked when given, kept as text. */
#include "engine/container/spec_internal.h"
#include "engine/network/publish.h"

struct err *spec_add_publish(struct container_spec *s, const char *value)
{
    AUTO_PUBLISH struct publish_list parsed = {0};
    TRY(publish_parse(value, &parsed));
    return strv_add(&s->publish, value);
}

struct err *spec_check_expose(const char *value)
{
    AUTO_PUBLISH struct publish_list parsed = {0};
    return publish_parse_exposed(value, &parsed);
}
