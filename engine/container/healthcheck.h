/* Health checks as they are asked for: the healthcheck of an image's config (Docker's, image-spec knows none), and
 * those of flags, which are kept in the specification in the same form. Computes only.
 *
 * A specification's check without "Test" changes the times of the image's.
 *
 *     {"Test": ["CMD-SHELL", "curl -f localhost"], "Interval": 30000000000, "Timeout": …, "StartPeriod": …, "Retries":
 * 3}
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

struct container_spec;
struct image_config;

/* Where results go besides directories (--health-log-destination): the container's own, or along with events. */
#define HEALTH_LOG_LOCAL "local"
#define HEALTH_LOG_EVENTS "events_logger"

struct healthcheck {
    struct strv test; /* "CMD" and arguments, "CMD-SHELL" and a line, or "NONE" */
    int64_t interval_nsec, timeout_nsec, start_period_nsec;
    int64_t retries;   /* of a startup check: failures until the container is restarted, 0: never */
    int64_t successes; /* of a startup check: how many it takes */
};
void healthcheck_done(struct healthcheck *h);
#define AUTO_HEALTHCHECK __attribute__((cleanup(healthcheck_done)))

/* ERR_INVALID. What is missing is 0. */
struct err *healthcheck_parse(const char *json, struct healthcheck *ret) ERR_RESULT;
struct err *healthcheck_text(const struct healthcheck *h, bool startup, char **ret_json) ERR_RESULT;
/* The text of --health-cmd, by Podman's rules: an array in JSON, "CMD …", "CMD-SHELL …", "none", or a line for a shell.
 */
struct err *healthcheck_parse_command(const char *text, struct strv *ret_test) ERR_RESULT;
/* What the container has: the specification's check, else the image's with Docker's defaults. *ret_any false: none. */
struct err *healthcheck_resolve(const struct container_spec *spec, const struct image_config *image,
                                struct healthcheck *ret, bool *ret_any) ERR_RESULT;
/* What is run; `test` isn't "NONE". ERR_INVALID. */
struct err *healthcheck_command(const struct strv *test, struct strv *ret_argv) ERR_RESULT;
/* "none", "kill", "restart", "stop" as enum plan_health_action; NULL is none. */
struct err *healthcheck_parse_action(const char *text, uint32_t *ret) ERR_RESULT;
