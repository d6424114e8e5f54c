#include "engine/container/stats.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/container/internal.h"
#include "engine/container/processes.h"
#include "engine/engine.h"
#include "engine/monitor/cgroup.h"
#include "engine/monitor/lockfile.h"

#define TEXT_MAX ((size_t)1 << 20)

/* --- texts of the kernel */

/* Each line: "  eth0: RX-BYTES … (8 columns) TX-BYTES …". */
void stats_parse_net(const char *text, uint64_t *ret_in, uint64_t *ret_out)
{
    *ret_in = *ret_out = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        char name[32];
        uint64_t in, out;
        if (sscanf(line, " %31[^: \n]: %" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64, name, &in, &out) != 3 ||
            strcmp(name, "lo") == 0)
            continue;
        *ret_in += in;
        *ret_out += out;
    }
}

/* "key VALUE" on a line of its own; 0 when missing. */
uint64_t stats_parse_key(const char *text, const char *key)
{
    size_t len = strlen(key);
    uint64_t value;
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (strncmp(line, key, len) == 0 && sscanf(line + len, " %" SCNu64, &value) == 1)
            return value;
    return 0;
}

/* "8:0 rbytes=N wbytes=N …" for each device. */
void stats_parse_io(const char *text, uint64_t *ret_read, uint64_t *ret_written)
{
    *ret_read = *ret_written = 0;
    for (const char *at = text; (at = strstr(at, "bytes=")); at++) {
        uint64_t value;
        if (at == text || sscanf(at + strlen("bytes="), "%" SCNu64, &value) != 1)
            continue;
        if (at[-1] == 'r')
            *ret_read += value;
        else if (at[-1] == 'w')
            *ret_written += value;
    }
}

/* A missing file (its controller isn't there) is empty. */
static void read_or_empty(int dirfd, const char *name, char **ret)
{
    err_drop(file_read(dirfd, name, TEXT_MAX, ret, NULL));
}

static uint64_t host_memory(void)
{
    AUTO_FREE char *text = NULL;
    read_or_empty(AT_FDCWD, "/proc/meminfo", &text);
    return stats_parse_key(text, "MemTotal:") << 10;
}

/* --- from the cgroup */

/* Where the monitor noted it down. ERR_NOT_FOUND: it has none of its own that we can see. */
static struct err *open_cgroup(struct engine *e, const struct container *c, int *ret)
{
    AUTO_FREE char *run_dir = NULL, *path = NULL, *full = NULL;
    AUTO_FD int dir = -1;
    TRY(container_run_dir(e, c->id, &run_dir));
    TRY(file_open_dir(AT_FDCWD, run_dir, &dir));
    TRY(file_read(dir, LOCKFILE_CGROUP, 4096, &path, NULL));
    if (path[0] != '/' || strstr(path, "/.."))
        return ERR_NEW(ERR_NOT_FOUND, "no cgroup");
    TRY(mem_asprintf(&full, CGROUP_ROOT "%s", path));
    return file_open_dir(AT_FDCWD, full, ret);
}

/* Memory without what the page cache could give back, as Docker counts. */
static void take_memory(int dir, struct stats_sample *s)
{
    AUTO_FREE char *current = NULL, *max = NULL, *stat = NULL;
    uint64_t used = 0, limit;
    read_or_empty(dir, "memory.current", &current);
    read_or_empty(dir, "memory.max", &max);
    read_or_empty(dir, "memory.stat", &stat);
    if (!current || sscanf(current, "%" SCNu64, &used) != 1)
        return;
    uint64_t cache = stats_parse_key(stat, "inactive_file ");
    s->memory_bytes = cache < used ? used - cache : used;
    if (max && sscanf(max, "%" SCNu64, &limit) == 1 && limit < s->memory_limit_bytes)
        s->memory_limit_bytes = limit;
}

/* What a controller doesn't count (it isn't delegated) stays what the processes add up to. */
static void take_cgroup(int dir, struct stats_sample *s)
{
    AUTO_FREE char *cpu = NULL, *io = NULL, *pids = NULL;
    uint64_t number;
    read_or_empty(dir, "cpu.stat", &cpu);
    read_or_empty(dir, "io.stat", &io);
    read_or_empty(dir, "pids.current", &pids);
    if (cpu && strstr(cpu, "usage_usec "))
        s->cpu_nsec = stats_parse_key(cpu, "usage_usec ") * 1000;
    if (io)
        stats_parse_io(io, &s->block_in_bytes, &s->block_out_bytes);
    if (pids && sscanf(pids, "%" SCNu64, &number) == 1)
        s->pids = number;
    take_memory(dir, s);
}

/* --- from processes */

static void add_process(const struct proclist_item *p, struct stats_sample *s)
{
    AUTO_FREE char *io = NULL;
    char path[64];
    uint64_t ticks = p->user_ticks + p->system_ticks + p->waited_ticks;
    s->cpu_nsec += ticks * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
    s->memory_bytes += p->resident_bytes;
    s->pids += (uint64_t)p->threads;
    (void)snprintf(path, sizeof(path), "/proc/%d/io", (int)p->pid);
    read_or_empty(AT_FDCWD, path, &io);
    s->block_in_bytes += stats_parse_key(io, "read_bytes:");
    s->block_out_bytes += stats_parse_key(io, "write_bytes:");
}

static struct err *add_processes(struct engine *e, const struct container *c, struct stats_sample *s)
{
    AUTO_PROCLIST struct proclist l = {0};
    TRY(container_processes(e, c, &l));
    for (size_t i = 0; i < l.count; i++)
        if (l.items[i].marked)
            add_process(&l.items[i], s);
    return NULL;
}

struct err *container_stats(struct engine *e, const struct container *c, struct stats_sample *ret)
{
    struct stats_sample s = {.at_nsec = timefmt_now(), .started_nsec = c->started_nsec};
    AUTO_FREE char *net = NULL;
    AUTO_FD int dir = -1;
    char path[64];
    *ret = (struct stats_sample){0};
    if (!c->host_pid)
        return NULL;
    s.memory_limit_bytes = host_memory();
    struct err *err = open_cgroup(e, c, &dir);
    TRY(add_processes(e, c, &s));
    if (!err)
        take_cgroup(dir, &s);
    err_drop(err);
    if (c->has_spec && c->spec.network.mode != NS_HOST) {
        (void)snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)c->host_pid);
        read_or_empty(AT_FDCWD, path, &net);
        stats_parse_net(net, &s.net_in_bytes, &s.net_out_bytes);
    }
    *ret = s;
    return NULL;
}
