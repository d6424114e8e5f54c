#include "base/pattern.h"

#include <regex.h>

struct err *pattern_matches(const char *pattern, const char *text, bool *ret)
{
    regex_t re;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return ERR_NEW(ERR_INVALID, "invalid regular expression in filter: %s", pattern);
    *ret = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    return NULL;
}
