/* The flags of health checks, which create, run and update share. */
#pragma once

#include "cli/cli.h"

struct container_spec;

struct health_flags {
    const char *cmd, *interval, *timeout, *start_period, *on_failure;
    int64_t retries;
    const char *startup_cmd, *startup_interval, *startup_timeout;
    int64_t startup_retries, startup_successes;
    bool none;
    const char *log_destination;
    int64_t log_count, log_size;
};

/* Entries for a table of flags; `at` is the offset of the struct health_flags. */
#define HEALTH_FLAGS(at)                                                                                            \
    {"health-cmd", 0, CLI_STRING, .offset = (at) + offsetof(struct health_flags, cmd),                              \
     .help = "set a healthcheck command for the container ('none' disables the existing healthcheck)"},             \
        {"health-interval",                                                                                         \
         0,                                                                                                         \
         CLI_STRING,                                                                                                \
         .offset = (at) + offsetof(struct health_flags, interval),                                                  \
         .def = "30s",                                                                                              \
         .help = "set an interval for the healthchecks (a value of disable results in no automatic timer setup)"},  \
        {"health-log-destination",                                                                                  \
         0,                                                                                                         \
         CLI_STRING,                                                                                                \
         CLI_COMPLETE_DIR,                                                                                          \
         .offset = (at) + offsetof(struct health_flags, log_destination),                                           \
         .def = "local",                                                                                            \
         .help = "set the destination of the HealthCheck log (directory, local or events_logger)"},                 \
        {"health-max-log-count",                                                                                    \
         0,                                                                                                         \
         CLI_UINT,                                                                                                  \
         .offset = (at) + offsetof(struct health_flags, log_count),                                                 \
         .def = "5",                                                                                                \
         .help = "set maximum number of attempts in the HealthCheck log file"},                                     \
        {"health-max-log-size",                                                                                     \
         0,                                                                                                         \
         CLI_UINT,                                                                                                  \
         .offset = (at) + offsetof(struct health_flags, log_size),                                                  \
         .def = "500",                                                                                              \
         .help = "set maximum length in characters of stored HealthCheck log"},                                     \
        {"health-on-failure", 0, CLI_STRING, .offset = (at) + offsetof(struct health_flags, on_failure),            \
         .help = "action to take once the container turns unhealthy"},                                              \
        {"health-retries",                                                                                          \
         0,                                                                                                         \
         CLI_INT,                                                                                                   \
         .offset = (at) + offsetof(struct health_flags, retries),                                                   \
         .arg = "uint",                                                                                             \
         .def = "3",                                                                                                \
         .help = "the number of retries allowed before a healthcheck is considered to be unhealthy"},               \
        {"health-start-period",                                                                                     \
         0,                                                                                                         \
         CLI_STRING,                                                                                                \
         .offset = (at) + offsetof(struct health_flags, start_period),                                              \
         .def = "0s",                                                                                               \
         .help = "the initialization time needed for a container to bootstrap"},                                    \
        {"health-startup-cmd", 0, CLI_STRING, .offset = (at) + offsetof(struct health_flags, startup_cmd),          \
         .help = "Set a startup healthcheck command for the container"},                                            \
        {"health-startup-interval",                                                                                 \
         0,                                                                                                         \
         CLI_STRING,                                                                                                \
         .offset = (at) + offsetof(struct health_flags, startup_interval),                                          \
         .def = "30s",                                                                                              \
         .help = "Set an interval for the startup healthcheck"},                                                    \
        {"health-startup-retries", 0, CLI_UINT, .offset = (at) + offsetof(struct health_flags, startup_retries),    \
         .help = "Set the maximum number of retries before the startup healthcheck will restart the container"},    \
        {"health-startup-success", 0, CLI_UINT, .offset = (at) + offsetof(struct health_flags, startup_successes),  \
         .help = "Set the number of consecutive successes before the startup healthcheck is marked as successful"}, \
        {"health-startup-timeout",                                                                                  \
         0,                                                                                                         \
         CLI_STRING,                                                                                                \
         .offset = (at) + offsetof(struct health_flags, startup_timeout),                                           \
         .def = "30s",                                                                                              \
         .help = "Set the maximum amount of time that the startup healthcheck may take"},                           \
    {                                                                                                               \
        "health-timeout", 0, CLI_STRING, .offset = (at) + offsetof(struct health_flags, timeout), .def = "30s",     \
                                         .help = "the maximum time allowed to complete the healthcheck before an "  \
                                                 "interval is considered failed"                                    \
    }
/* Further down in a table's order. */
#define NO_HEALTHCHECK_FLAG(at)                                                              \
    {                                                                                        \
        "no-healthcheck", 0, CLI_BOOL, .offset = (at) + offsetof(struct health_flags, none), \
                                       .help = "Disable healthchecks on container"           \
    }

/* Was one of them given? */
bool health_flags_given(const struct cli *c);
/* Into the specification. Where only times are given they change `base` (JSON: the check so far), or, when it is NULL,
 * whatever the image brings. ERR_INVALID in Podman's words. */
struct err *health_flags_apply(const struct cli *c, const struct health_flags *o, const char *base,
                               struct container_spec *spec) ERR_RESULT;
