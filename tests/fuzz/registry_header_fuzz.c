/* Headers of registries: the first byte says which, 'l' is Link, everything else WWW-Authenticate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/registry/challenge.h"
#include "engine/registry/link.h"
#include "tests/fuzz/fuzz.h"

static void parse_link(const char *text)
{
    AUTO_FREE char *next = NULL;
    struct err *e = link_next(text, &next);
    FUZZ_CHECK(!e);
    FUZZ_CHECK(!next || strstr(text, next));
}

static void parse_challenge(const char *text)
{
    AUTO_CHALLENGE struct challenge c = {0};
    struct err *e = challenge_parse(text, &c);
    if (e) {
        FUZZ_CHECK(err_text(e)[0] != '\0');
        FUZZ_CHECK(c.scheme == CHALLENGE_NONE && !c.realm);
    } else {
        FUZZ_CHECK(c.scheme != CHALLENGE_BEARER || c.realm);
    }
    err_drop(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = NULL;
    if (size < 1 || size > 1u << 16)
        return 0;
    struct err *e = mem_strndup((const char *)data + 1, strnlen((const char *)data + 1, size - 1), &text);
    if (e)
        abort();
    if (data[0] == 'l')
        parse_link(text);
    else
        parse_challenge(text);
    return 0;
}
