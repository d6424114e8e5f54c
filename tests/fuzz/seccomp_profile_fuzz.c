/* Seccomp profiles given by users, and stored specs: the two JSON documents of container/ that come from outside. What
 * is taken as a profile must come out as valid JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/container/seccomp_spec.h"
#include "engine/container/spec.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65536)
        return 0;
    AUTO_FREE char *text = NULL;
    if (mem_strndup((const char *)data, size, &text))
        return 0;
    struct seccomp_options o = {.caps = UINT64_C(0x800405fb)};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct err *e = seccomp_put_profile(&sb, text, &o);
    if (!e) {
        AUTO_JSON json_t *j = NULL;
        e = json_parse(strbuf_str(&sb), sb.len, "section", &j);
        FUZZ_CHECK(!e && json_is_object(j));
    }
    err_drop(e);

    struct container_spec s;
    e = container_spec_from_json(text, strlen(text), &s);
    if (!e)
        container_spec_done(&s);
    err_drop(e);
    return 0;
}
