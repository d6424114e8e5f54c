/* A DNS message as a query from the container, to the names of a network as well, and again as an answer to one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slirp/dns_message.h"
#include "slirp/dns_names.h"
#include "slirp/resolv.h"
#include "tests/fuzz/fuzz.h"

static unsigned scope(const char *name)
{
    return (unsigned)strlen(name);
}

/* The question about a table whose names are the message itself, which a container would have to make come true. */
static void ask_names(const uint8_t *data, size_t size, const struct dns_query *q)
{
    struct dns_names *names = NULL;
    static uint8_t out[DNS_MESSAGE_MAX];
    const struct dns_names_entry e = {.id = 1, .has4 = true, .has6 = size & 1, .ip.s_addr = 0x0200590a};
    FUZZ_CHECK(!dns_names_new(&names));
    FUZZ_CHECK(!dns_names_set(names, &e, (const char *)data, size) &&
               !dns_names_set(names, &e, q->name, strlen(q->name)));
    size_t n = 0;
    if (dns_names_ask(names, data, size, q, out, sizeof(out), &n) == DNS_NAMES_ANSWER)
        FUZZ_CHECK(n && dns_reply_fits(out, n, data, size, q->id));
    n = 0;
    (void)dns_names_ask(names, data, size, q, out, DNS_HEADER, &n);
    FUZZ_CHECK(n == 0);
    dns_names_free(names);
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
        ask_names(data, size, &q);
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
