/* Limits of single block devices: --blkio-weight-device, --device-read-bps and their kin; rules for devices. What a
 * device's number is, only the host can tell: start_devices.c. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "engine/container/spec_internal.h"

#define WEIGHT_MIN 10
#define WEIGHT_MAX 1000

static const size_t lists[] = {
    [THROTTLE_WEIGHT] = offsetof(struct resource_spec, blkio_weight_device),
    [THROTTLE_READ_BPS] = offsetof(struct resource_spec, device_read_bps),
    [THROTTLE_WRITE_BPS] = offsetof(struct resource_spec, device_write_bps),
    [THROTTLE_READ_IOPS] = offsetof(struct resource_spec, device_read_iops),
    [THROTTLE_WRITE_IOPS] = offsetof(struct resource_spec, device_write_iops),
};

struct strv *spec_throttles_of(struct resource_spec *r, enum throttle_kind kind)
{
    return (struct strv *)(void *)((char *)r + lists[kind]);
}

const struct strv *spec_throttles(const struct resource_spec *r, enum throttle_kind kind)
{
    return (const struct strv *)(const void *)((const char *)r + lists[kind]);
}

static struct err *parse_rate(enum throttle_kind kind, const char *value, const char *rate, uint64_t *ret)
{
    bool bytes = kind == THROTTLE_READ_BPS || kind == THROTTLE_WRITE_BPS;
    struct err *e = bytes ? number_parse_bytes(rate, ret) : number_parse_u64(rate, INT64_MAX, ret);
    if (!e && kind == THROTTLE_WEIGHT && *ret != 0 && (*ret < WEIGHT_MIN || *ret > WEIGHT_MAX))
        e = ERR_NEW(ERR_INVALID, "out of range");
    if (!e && *ret <= INT64_MAX)
        return NULL;
    err_drop(e);
    if (kind == THROTTLE_WEIGHT)
        return ERR_NEW(ERR_INVALID, "invalid weight for device: %s", value);
    return ERR_NEW(ERR_INVALID,
                   "invalid rate for device: %s. The correct format is <device-path>:<number>%s. Number must be a "
                   "positive integer%s",
                   value, bytes ? "[<unit>]" : "", bytes ? ". Unit is optional and can be kb, mb, or gb" : "");
}

struct err *spec_parse_throttle(enum throttle_kind kind, const char *value, char **ret_path, uint64_t *ret_rate)
{
    const char *colon = strchr(value, ':');
    if (!colon || colon == value)
        return ERR_NEW(ERR_INVALID, "bad format: %s", value);
    if (strncmp(value, "/dev/", 5) != 0)
        return ERR_NEW(ERR_INVALID, "bad format for device path: %s", value);
    TRY(parse_rate(kind, value, colon + 1, ret_rate));
    return mem_strndup(value, (size_t)(colon - value), ret_path);
}

struct err *spec_check_throttles(const struct resource_spec *r)
{
    for (int kind = 0; kind < THROTTLE_KINDS; kind++) {
        const struct strv *list = spec_throttles(r, (enum throttle_kind)kind);
        for (size_t i = 0; i < list->count; i++) {
            AUTO_FREE char *path = NULL;
            uint64_t rate;
            TRY(spec_parse_throttle((enum throttle_kind)kind, list->items[i], &path, &rate));
        }
    }
    return NULL;
}

/* "*" or a number. */
static struct err *check_device_number(const char *text)
{
    uint64_t number;
    if (strcmp(text, "*") == 0)
        return NULL;
    struct err *e = number_parse_u64(text, UINT32_MAX, &number);
    if (!e)
        return NULL;
    err_drop(e);
    return ERR_NEW(ERR_INVALID, "strconv.ParseUint: parsing \"%s\": invalid syntax", text);
}

/* "TYPE MAJOR:MINOR ACCESS", cgroup-v1/devices.rst of the kernel. */
static struct err *check_device_rule(const char *rule)
{
    AUTO_STRV struct strv words = STRV_INIT, numbers = STRV_INIT;
    TRY(strv_split(rule, ' ', &words));
    if (words.count != 3)
        return ERR_NEW(ERR_INVALID, "invalid device cgroup rule requires type, major:Minor, and access rules: \"%s\"",
                       rule);
    const char *type = words.items[0];
    if (strlen(type) != 1 || !strchr("abc", *type))
        return ERR_NEW(ERR_INVALID, "invalid device type in device-access-add: %s", type);
    TRY(strv_split(words.items[1], ':', &numbers));
    if (numbers.count != 2)
        return ERR_NEW(ERR_INVALID, "invalid device cgroup rule: \"%s\": %s is not MAJOR:MINOR", rule, words.items[1]);
    TRY(check_device_number(numbers.items[0]));
    TRY(check_device_number(numbers.items[1]));
    const char *access = words.items[2];
    return *access && strspn(access, "rwm") == strlen(access)
               ? NULL
               : ERR_NEW(ERR_INVALID, "invalid device access in device-access-add: %s", access);
}

struct err *spec_check_device_rules(const struct container_spec *s)
{
    for (size_t i = 0; i < s->device_cgroup_rules.count; i++)
        TRY(check_device_rule(s->device_cgroup_rules.items[i]));
    return NULL;
}
