/* Short random names for directories. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "engine/store/internal.h"
#include "engine/store/name.h"

struct err *store_name_random(struct store_name *ret)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char raw[STORE_NAME_LEN];
    ssize_t n;
    do
        n = getrandom(raw, sizeof raw, 0);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof raw)
        return ERR_SYS(errno, "getrandom");
    for (size_t i = 0; i < sizeof raw; i++)
        ret->s[i] = alphabet[raw[i] & 31];
    ret->s[STORE_NAME_LEN] = '\0';
    return NULL;
}
