/* Names of signals: "TERM", "SIGTERM", "15", "RTMIN+3". */
#pragma once

#include "base/err.h"

/* Case does not matter. ERR_INVALID "invalid signal: X". */
struct err *signame_parse(const char *text, int *ret) ERR_RESULT;
/* "SIGTERM"; "SIG64"-like for those without a name. */
struct signame_text {
    char s[24];
};
struct signame_text signame_of(int sig);
