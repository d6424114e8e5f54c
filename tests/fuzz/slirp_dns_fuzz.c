/* A DNS message as a query from the container, and again as an answer to one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slirp/dns_message.h"
#include "slirp/resolv.h"
#include "tests/fuzz/fuzz.h"

static unsigned scope(const char *name)
{
    return (unsigned)strlen(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_query q;
    enum dns_rcode rcode = DNS_OK;
    uint8_t out[700];
    struct resolv r;
    if (size > DNS_MESSAGE_MAX)
        return 0;
    resolv_parse((const char *)data, size, scope, &r);
    FUZZ_CHECK(r.n >= 1 && r.n <= RESOLV_SERVERS_MAX);
    (void)dns_reply_is_truncated(data, size);
    (void)dns_reply_fits(data, size, data, size, 0);
    size_t n = dns_reply_truncated(data, size, out, sizeof(out));
    FUZZ_CHECK(n <= sizeof(out));
    switch (dns_parse(data, size, &q, &rcode)) {
    case DNS_QUERY:
        FUZZ_CHECK(DNS_HEADER + q.question_len <= size && strlen(q.name) <= DNS_NAME_MAX);
        n = dns_reply_address(data, size, &q, "\xc0\0\2\1", 4, out, sizeof(out));
        FUZZ_CHECK(n && dns_reply_fits(out, n, data, size, q.id));
        break;
    case DNS_BROKEN:
        n = dns_reply_code(data, size, rcode, out, sizeof(out));
        FUZZ_CHECK(n >= DNS_HEADER && dns_parse(out, n, &q, &rcode) == DNS_IGNORE);
        break;
    case DNS_IGNORE:
    default:
        break;
    }
    return 0;
}
