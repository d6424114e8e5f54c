/* The flags of limits, which create, run and update share. */
#pragma once

#include "cli/cli.h"
#include "engine/container/spec.h"

/* Setters of the kinds that have none of their own; f->offset is the place in the verb's options. */
struct err *resource_set_text(void *opts, const struct cli_flag *f, const char *value) ERR_RESULT;        /* char * */
struct err *resource_set_bytes(void *opts, const struct cli_flag *f, const char *value) ERR_RESULT;       /* int64_t */
struct err *resource_set_memory_swap(void *opts, const struct cli_flag *f, const char *value) ERR_RESULT; /* -1 too */
struct err *resource_set_blkio_weight(void *opts, const struct cli_flag *f, const char *value) ERR_RESULT;

#define RESOURCE_BYTES_HELP \
    " (format: <number>[<unit>], where unit = b (bytes), k (kibibytes), m (mebibytes), or g (gibibytes))"

/* Entries for a table of flags; `at` is the offset of the struct resource_spec. */
#define RESOURCE_AT(at, member) .offset = (at) + offsetof(struct resource_spec, member)
#define RESOURCE_BLKIO_FLAGS(at)                                                               \
    {"blkio-weight",                                                                           \
     0,                                                                                        \
     CLI_CALL,                                                                                 \
     RESOURCE_AT(at, blkio_weight),                                                            \
     .set = resource_set_blkio_weight,                                                         \
     .help = "Block IO weight (relative weight) accepts a weight value between 10 and 1000."}, \
    {                                                                                          \
        "blkio-weight-device", 0, CLI_STRINGS, RESOURCE_AT(at, blkio_weight_device),           \
            .arg = "DEVICE_NAME:WEIGHT",                                                       \
            .help = "Block IO weight (relative device weight, format: DEVICE_NAME:WEIGHT)"     \
    }
#define RESOURCE_CPU_TIME_FLAGS(at)                                      \
    {"cpu-period", 0, CLI_UINT, RESOURCE_AT(at, cpu_period),             \
     .help = "Limit the CPU CFS (Completely Fair Scheduler) period"},    \
        {"cpu-quota", 0, CLI_INT, RESOURCE_AT(at, cpu_quota),            \
         .help = "Limit the CPU CFS (Completely Fair Scheduler) quota"}, \
        {"cpu-rt-period", 0, CLI_UINT, RESOURCE_AT(at, cpu_rt_period),   \
         .help = "Limit the CPU real-time period in microseconds"},      \
    {                                                                    \
        "cpu-rt-runtime", 0, CLI_INT, RESOURCE_AT(at, cpu_rt_runtime),   \
            .help = "Limit the CPU real-time runtime in microseconds"    \
    }
#define RESOURCE_CPU_SHARE_FLAGS(at)                                                                    \
    {"cpu-shares", 'c', CLI_UINT, RESOURCE_AT(at, cpu_shares), .help = "CPU shares (relative weight)"}, \
        {"cpus", 0, CLI_FLOAT, RESOURCE_AT(at, cpus),                                                   \
         .help = "Number of CPUs. The default is 0.000 which means no limit"},                          \
        {"cpuset-cpus",                                                                                 \
         0,                                                                                             \
         CLI_CALL,                                                                                      \
         RESOURCE_AT(at, cpuset_cpus),                                                                  \
         .set = resource_set_text,                                                                      \
         .help = "CPUs in which to allow execution (0-3, 0,1)"},                                        \
    {                                                                                                   \
        "cpuset-mems", 0, CLI_CALL, RESOURCE_AT(at, cpuset_mems),                                       \
            .set = resource_set_text,                                                                   \
            .help = "Memory nodes (MEMs) in which to allow execution (0-3, 0,1). Only "                 \
                    "effective on NUMA systems."                                                        \
    }
#define RESOURCE_CPU_FLAGS(at) RESOURCE_CPU_TIME_FLAGS(at), RESOURCE_CPU_SHARE_FLAGS(at)
#define RESOURCE_READ_BPS_FLAG(at)                                                                           \
    {                                                                                                        \
        "device-read-bps", 0, CLI_STRINGS, RESOURCE_AT(at, device_read_bps),                                 \
            .help = "Limit read rate (bytes per second) from a device (e.g. --device-read-bps=/dev/sda:1mb)" \
    }
#define RESOURCE_WRITE_BPS_FLAG(at)                                                                          \
    {                                                                                                        \
        "device-write-bps", 0, CLI_STRINGS, RESOURCE_AT(at, device_write_bps),                               \
            .help = "Limit write rate (bytes per second) to a device (e.g. --device-write-bps=/dev/sda:1mb)" \
    }
#define RESOURCE_THROTTLE_FLAGS(at)                                                                        \
    RESOURCE_READ_BPS_FLAG(at),                                                                            \
        {"device-read-iops", 0, CLI_STRINGS, RESOURCE_AT(at, device_read_iops),                            \
         .help = "Limit read rate (IO per second) from a device (e.g. --device-read-iops=/dev/sda:1000)"}, \
        RESOURCE_WRITE_BPS_FLAG(at),                                                                       \
    {                                                                                                      \
        "device-write-iops", 0, CLI_STRINGS, RESOURCE_AT(at, device_write_iops),                           \
            .help = "Limit write rate (IO per second) to a device (e.g. "                                  \
                    "--device-write-iops=/dev/sda:1000)"                                                   \
    }
#define RESOURCE_MEMORY_FLAGS(at)                                                        \
    {"memory",                                                                           \
     'm',                                                                                \
     CLI_CALL,                                                                           \
     RESOURCE_AT(at, memory_bytes),                                                      \
     .set = resource_set_bytes,                                                          \
     .arg = "<number>[<unit>]",                                                          \
     .help = "Memory limit" RESOURCE_BYTES_HELP},                                        \
        {"memory-reservation",                                                           \
         0,                                                                              \
         CLI_CALL,                                                                       \
         RESOURCE_AT(at, memory_reservation_bytes),                                      \
         .set = resource_set_bytes,                                                      \
         .arg = "<number>[<unit>]",                                                      \
         .help = "Memory soft limit" RESOURCE_BYTES_HELP},                               \
        {"memory-swap",                                                                  \
         0,                                                                              \
         CLI_CALL,                                                                       \
         RESOURCE_AT(at, memory_swap_bytes),                                             \
         .set = resource_set_memory_swap,                                                \
         .help = "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"}, \
    {                                                                                    \
        "memory-swappiness", 0, CLI_INT, RESOURCE_AT(at, memory_swappiness),             \
            .def = "-1",                                                                 \
            .help = "Tune container memory swappiness (0 to 100, or -1 for system "      \
                    "default)"                                                           \
    }
#define RESOURCE_PIDS_FLAG(at)                                                              \
    {                                                                                       \
        "pids-limit", 0, CLI_INT, RESOURCE_AT(at, pids_limit),                              \
            .help = "Tune container pids limit (set -1 for unlimited) (default 2048 where " \
                    "limits can be applied)"                                                \
    }

/* Copy those that were given on the command line. *ret_any: there were some. */
struct err *resource_flags_apply(const struct cli *c, const struct resource_spec *from, struct resource_spec *to,
                                 bool *ret_any) ERR_RESULT;
