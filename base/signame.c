/* Names of signals; see signame.h. */
#include "base/signame.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"

struct err *signame_parse(const char *text, int *ret)
{
    uint64_t n;
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    struct err *err = number_parse_u64(text, (uint64_t)SIGRTMAX, &n);
    if (!err && n > 0) {
        *ret = (int)n;
        return NULL;
    }
    err_drop(err);
    if (strncasecmp(name, "RTMIN+", 6) == 0 || strncasecmp(name, "RTMAX-", 6) == 0) {
        TRY_WRAP(number_parse_u64(name + 6, (uint64_t)(SIGRTMAX - SIGRTMIN), &n), "invalid signal: %s", text);
        *ret = strncasecmp(name, "RTMIN", 5) == 0 ? SIGRTMIN + (int)n : SIGRTMAX - (int)n;
        return NULL;
    }
    for (int sig = 1; sig < SIGRTMIN; sig++) {
        const char *abbrev = sigabbrev_np(sig);
        if (abbrev && strcasecmp(abbrev, name) == 0) {
            *ret = sig;
            return NULL;
        }
    }
    if (strcasecmp(name, "RTMIN") == 0 || strcasecmp(name, "RTMAX") == 0) {
        *ret = strcasecmp(name, "RTMIN") == 0 ? SIGRTMIN : SIGRTMAX;
        return NULL;
    }
    if (text[strspn(text, "0123456789")] == '\0' && strcmp(text, "0") != 0)
        return ERR_NEW(ERR_INVALID, "valid signals are 1 through %d", SIGRTMAX);
    return ERR_NEW(ERR_INVALID, "invalid signal: %s", text);
}

struct signame_text signame_of(int sig)
{
    struct signame_text t;
    const char *abbrev = sig > 0 && sig < SIGRTMIN ? sigabbrev_np(sig) : NULL;
    if (abbrev)
        snprintf(t.s, sizeof(t.s), "SIG%s", abbrev);
    else if (sig >= SIGRTMIN && sig <= SIGRTMAX)
        snprintf(t.s, sizeof(t.s), "SIGRTMIN+%d", sig - SIGRTMIN);
    else
        snprintf(t.s, sizeof(t.s), "%d", sig);
    return t;
}
