/* What a running container uses, from its cgroup (version 2), else added up over its processes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct container;
struct engine;

struct stats_sample { /* all zero: it doesn't run */
    int64_t at_nsec, started_nsec;
    uint64_t cpu_nsec; /* used since its start */
    uint64_t memory_bytes, memory_limit_bytes;
    uint64_t net_in_bytes, net_out_bytes, block_in_bytes, block_out_bytes;
    uint64_t pids;
};
struct err *container_stats(struct engine *e, const struct container *c, struct stats_sample *ret) ERR_RESULT;

/* Pure: texts of /proc/PID/net/dev (all but loopback), memory.stat and io.stat. */
void stats_parse_net(const char *text, uint64_t *ret_in, uint64_t *ret_out);
uint64_t stats_parse_key(const char *text, const char *key);
void stats_parse_io(const char *text, uint64_t *ret_read, uint64_t *ret_written);
