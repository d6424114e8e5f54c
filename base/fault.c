/* Fault injection: two counters. The only mutable globals besides the log level, and unused outside tests. */
#include "base/fault.h"

#include <stdlib.h>
#include <string.h>

static struct {
    unsigned nth; /* 0: disarmed */
    unsigned count;
} fault_points[FAULT_POINT_MAX];

void fault_arm(enum fault_point point, unsigned nth)
{
    fault_points[point].nth = nth;
    fault_points[point].count = 0;
}

unsigned fault_count(enum fault_point point)
{
    return fault_points[point].count;
}

bool fault_hit(enum fault_point point)
{
    /* Passes are counted while armed only: production pays for one load and one branch. */
    if (__builtin_expect(fault_points[point].nth == 0, 1))
        return false;
    /* Exactly once, so that the code that cleans up after the failure works undisturbed. */
    return ++fault_points[point].count == fault_points[point].nth;
}

#ifdef CORACLE_FAULTS
void fault_from_env(void)
{
    static const char *const names[FAULT_POINT_MAX] = {[FAULT_MEM] = "mem:", [FAULT_SYS] = "sys:"};
    const char *s = getenv("CORACLE_FAULT");
    for (unsigned i = 0; s && i < FAULT_POINT_MAX; i++) {
        if (strncmp(s, names[i], strlen(names[i])) != 0)
            continue;
        /* By hand: number.c would allocate for its error, which passes the very points that are armed here. */
        unsigned nth = 0;
        for (const char *d = s + strlen(names[i]); *d >= '0' && *d <= '9' && nth < 100000000; d++)
            nth = nth * 10 + (unsigned)(*d - '0');
        fault_arm((enum fault_point)i, nth);
    }
}
#else
void fault_from_env(void)
{
}
#endif
