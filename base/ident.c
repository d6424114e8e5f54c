#include "base/ident.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/fault.h"

struct err *ident_random(struct ident *ret)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char raw[IDENT_LEN / 2];

    /* Requests of up to 256 bytes are never short and, once the pool is ready, never interrupted: getrandom(2). Before
     * that, early in boot, a signal may interrupt it. */
    ssize_t n;
    do {
        n = fault_hit(FAULT_SYS) ? (errno = ENOSYS, -1) : getrandom(raw, sizeof(raw), 0);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(raw))
        return ERR_SYS(n < 0 ? errno : EIO, "get random bytes");

    for (size_t i = 0; i < sizeof(raw); i++) {
        ret->s[2 * i] = hex[raw[i] >> 4];
        ret->s[2 * i + 1] = hex[raw[i] & 15];
    }
    ret->s[IDENT_LEN] = '\0';
    return NULL;
}

bool ident_is_prefix(const char *s)
{
    size_t n = strspn(s, "0123456789abcdef");
    return n >= 1 && n <= IDENT_LEN && s[n] == '\0';
}

/* <ctype.h> would ask the locale. */
static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool ident_is_name(const char *s)
{
    if (!is_alnum(s[0]))
        return false;
    for (s++; *s; s++)
        if (!is_alnum(*s) && *s != '_' && *s != '.' && *s != '-')
            return false;
    return true;
}
