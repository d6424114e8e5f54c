#include "cli/resource_flags.h"

#include <string.h>

#include "base/mem.h"
#include "base/number.h"

static void *slot(void *opts, const struct cli_flag *f)
{
    return (char *)opts + f->offset;
}

struct err *resource_set_text(void *opts, const struct cli_flag *f, const char *value)
{
    return mem_replace(slot(opts, f), value);
}

struct err *resource_set_bytes(void *opts, const struct cli_flag *f, const char *value)
{
    uint64_t bytes;
    struct err *e = number_parse_bytes(value, &bytes);
    if (!e && bytes <= INT64_MAX) {
        *(int64_t *)slot(opts, f) = (int64_t)bytes;
        return NULL;
    }
    err_drop(e);
    if (strcmp(f->name, "shm-size") == 0)
        return ERR_NEW(ERR_INVALID, "unable to translate --shm-size: invalid size: '%s'", value);
    return ERR_NEW(ERR_INVALID, "invalid value for %s: invalid size: '%s'", f->name, value);
}

struct err *resource_set_memory_swap(void *opts, const struct cli_flag *f, const char *value)
{
    if (strcmp(value, "-1") != 0)
        return resource_set_bytes(opts, f, value);
    *(int64_t *)slot(opts, f) = -1;
    return NULL;
}

struct err *resource_set_blkio_weight(void *opts, const struct cli_flag *f, const char *value)
{
    struct err *e = number_parse_i64(value, 10, 1000, slot(opts, f));
    if (!e)
        return NULL;
    err_drop(e);
    return ERR_NEW(ERR_INVALID, "invalid value for blkio-weight: '%s': not a number from 10 to 1000", value);
}

#define R(flag, member)                                                                              \
    {                                                                                                \
        flag, offsetof(struct resource_spec, member), sizeof(((struct resource_spec *)NULL)->member) \
    }
static const struct {
    const char *flag;
    size_t offset, size;
} plain[] = {
    R("blkio-weight", blkio_weight),
    R("cpu-period", cpu_period),
    R("cpu-quota", cpu_quota),
    R("cpu-rt-period", cpu_rt_period),
    R("cpu-rt-runtime", cpu_rt_runtime),
    R("cpu-shares", cpu_shares),
    R("cpus", cpus),
    R("memory", memory_bytes),
    R("memory-reservation", memory_reservation_bytes),
    R("memory-swap", memory_swap_bytes),
    R("memory-swappiness", memory_swappiness),
    R("pids-limit", pids_limit),
};

/* --cpus and --cpu-quota say the same in two ways: the last word is the one that holds. */
struct err *resource_flags_apply(const struct cli *c, const struct resource_spec *from, struct resource_spec *to,
                                 bool *ret_any)
{
    *ret_any = false;
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (!cli_given(c, plain[i].flag))
            continue;
        memcpy((char *)to + plain[i].offset, (const char *)from + plain[i].offset, plain[i].size);
        *ret_any = true;
    }
    if (cli_given(c, "cpus") && !cli_given(c, "cpu-quota"))
        to->cpu_quota = to->cpu_period = 0;
    else if (cli_given(c, "cpu-quota") || cli_given(c, "cpu-period"))
        to->cpus = 0;
    if (cli_given(c, "cpuset-cpus"))
        TRY(mem_replace(&to->cpuset_cpus, from->cpuset_cpus));
    if (cli_given(c, "cpuset-mems"))
        TRY(mem_replace(&to->cpuset_mems, from->cpuset_mems));
    for (int kind = 0; kind < THROTTLE_KINDS; kind++) {
        static const char *const flags[] = {[THROTTLE_WEIGHT] = "blkio-weight-device",
                                            [THROTTLE_READ_BPS] = "device-read-bps",
                                            [THROTTLE_WRITE_BPS] = "device-write-bps",
                                            [THROTTLE_READ_IOPS] = "device-read-iops",
                                            [THROTTLE_WRITE_IOPS] = "device-write-iops"};
        if (!cli_given(c, flags[kind]))
            continue;
        struct strv *list = spec_throttles_of(to, (enum throttle_kind)kind);
        strv_clear(list);
        TRY(strv_add_all(list, spec_throttles(from, (enum throttle_kind)kind)->items));
        *ret_any = true;
    }
    *ret_any |= cli_given(c, "cpuset-cpus") || cli_given(c, "cpuset-mems");
    return NULL;
}
