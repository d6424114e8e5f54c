#include "slirp/resolv.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/number.h"

#define RESOLV_WORD_MAX ((size_t)64) /* an IPv6 address with "%" and an interface */

static bool resolv_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The word behind "nameserver" in one line; false if it says something else or is too long to be an address. */
static bool resolv_word(const char *line, size_t len, char *ret)
{
    static const char key[] = "nameserver";
    size_t at = sizeof(key) - 1, n = 0;
    if (len <= at || memcmp(line, key, at) != 0 || !resolv_blank(line[at]))
        return false;
    while (at < len && resolv_blank(line[at]))
        at++;
    while (at + n < len && !resolv_blank(line[at + n]))
        n++;
    if (!n || n >= RESOLV_WORD_MAX || memchr(line + at, 0, n))
        return false;
    memcpy(ret, line + at, n);
    ret[n] = '\0';
    return true;
}

static bool resolv_scope(const char *name, unsigned (*scope)(const char *), uint32_t *ret)
{
    uint64_t index = 0;
    struct err *e = number_parse_u64(name, UINT32_MAX, &index);
    *ret = e ? scope(name) : (uint32_t)index;
    err_drop(e);
    return *ret != 0;
}

static bool resolv_address(char *word, unsigned (*scope)(const char *), union slirp_addr *ret)
{
    union slirp_addr a;
    memset(&a, 0, sizeof(a));
    char *percent = strchr(word, '%');
    if (inet_pton(AF_INET, word, &a.in.sin_addr) == 1) {
        a.in.sin_family = AF_INET;
        a.in.sin_port = htons(RESOLV_PORT);
        /* 0.0.0.0 is this host (resolv.conf(5) of some systems); say so. */
        if (!a.in.sin_addr.s_addr)
            a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *ret = a;
        return true;
    }
    if (percent)
        *percent = '\0';
    if (inet_pton(AF_INET6, word, &a.in6.sin6_addr) != 1)
        return false;
    a.in6.sin6_family = AF_INET6;
    a.in6.sin6_port = htons(RESOLV_PORT);
    if (percent && !resolv_scope(percent + 1, scope, &a.in6.sin6_scope_id))
        return false;
    *ret = a;
    return true;
}

void resolv_parse(const char *text, size_t len, unsigned (*scope)(const char *name), struct resolv *ret)
{
    char word[RESOLV_WORD_MAX];
    struct resolv r;
    memset(&r, 0, sizeof(r));
    for (size_t at = 0; at < len && r.n < RESOLV_SERVERS_MAX;) {
        const char *newline = memchr(text + at, '\n', len - at);
        size_t line = newline ? (size_t)(newline - text) - at : len - at;
        if (resolv_word(text + at, line, word) && resolv_address(word, scope, &r.servers[r.n]))
            r.n++;
        at += line + 1;
    }
    if (!r.n) {
        r.servers[0].in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(RESOLV_PORT)};
        r.servers[0].in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        r.n = 1;
    }
    *ret = r;
}
