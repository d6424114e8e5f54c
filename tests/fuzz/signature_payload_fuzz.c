/* What signatures carry. The first byte says what: g GPG's payload, c cosign's, r a bundle of the Rekor log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/trust/payload.h"
#include "engine/trust/rekor.h"
#include "tests/fuzz/fuzz.h"

static void parse(const char *text, size_t len, const char *type)
{
    AUTO_PAYLOAD struct payload p = {0};
    AUTO_ERR struct err *e = payload_parse(text, len, type, &p);
    FUZZ_CHECK(e || (p.reference && strlen(p.digest) == 71));
}

static void verify(const char *text, size_t len)
{
    static const struct pubkeys none;
    AUTO_FREE char *bundle = NULL;
    err_drop(mem_strndup(text, len, &bundle));
    AUTO_ERR struct err *e = rekor_verify(&none, bundle, "payload", 7, "c2ln", NULL);
    FUZZ_CHECK(e); /* nobody's promise is accepted */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1u << 20)
        return 0;
    const char *text = (const char *)data + 1;
    if (data[0] == 'r')
        verify(text, size - 1);
    else
        parse(text, size - 1, data[0] == 'c' ? PAYLOAD_COSIGN_TYPE : PAYLOAD_GPG_TYPE);
    return 0;
}
