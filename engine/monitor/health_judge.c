/* Which status a result gives. */
#include "engine/monitor/health.h"

/* Of a startup check nothing shows but that the container is starting: until it has succeeded often enough. */
static enum health_verdict judge_startup(const struct plan_health *plan, struct health_count *count, bool ok)
{
    if (ok) {
        count->startup_successes++;
        count->startup_failures = 0;
        count->startup_done = count->startup_successes >= plan->startup_successes;
        return HEALTH_GO_ON;
    }
    count->startup_successes = 0;
    count->startup_failures++;
    return plan->startup_retries && count->startup_failures >= plan->startup_retries ? HEALTH_RESTART : HEALTH_GO_ON;
}

enum health_verdict health_judge(const struct plan_health *plan, struct health_count *count, bool ok,
                                 int64_t since_start_nsec)
{
    if (plan->startup && !count->startup_done)
        return judge_startup(plan, count, ok);
    if (ok) {
        count->status = MONITOR_HEALTH_HEALTHY;
        count->streak = 0;
        return HEALTH_GO_ON;
    }
    /* Once healthy, the start is over. */
    if (count->status == MONITOR_HEALTH_STARTING && since_start_nsec < plan->start_period_nsec)
        return HEALTH_GO_ON;
    count->streak++;
    if (count->streak < plan->retries)
        return HEALTH_GO_ON;
    count->status = MONITOR_HEALTH_UNHEALTHY;
    return HEALTH_ACT;
}
