#include "cli/pod_members.h"

#include "base/mem.h"

const struct template_member pod_members[] = {
    {"ID", TEMPLATE_STRUCT, NULL, "Id"},
    {"Created", TEMPLATE_TIME, NULL},
    {"Labels", TEMPLATE_MAP, NULL},
    {"InfraConfig", TEMPLATE_STRUCT, "*define.InspectPodInfraConfig"},
    {"PortBindings", TEMPLATE_MAP, "map[string][]define.InspectHostPort"},
    {"DNSServer", TEMPLATE_LIST, NULL},
    {"DNSSearch", TEMPLATE_LIST, NULL},
    {"DNSOption", TEMPLATE_LIST, NULL},
    {"HostAdd", TEMPLATE_LIST, NULL},
    {"Networks", TEMPLATE_LIST, NULL},
    {"NetworkOptions", TEMPLATE_MAP, NULL},
    {"SharedNamespaces", TEMPLATE_LIST, NULL},
    {"Containers", TEMPLATE_LIST, NULL},
    {"CreateCommand", TEMPLATE_LIST, NULL},
    {"CPUPeriod", TEMPLATE_STRUCT, NULL, "cpu_period"},
    {"CPUQuota", TEMPLATE_STRUCT, NULL, "cpu_quota"},
    {"CPUShares", TEMPLATE_STRUCT, NULL, "cpu_shares"},
    {"CPUSetCPUs", TEMPLATE_STRUCT, NULL, "cpuset_cpus"},
    {"CPUSetMems", TEMPLATE_STRUCT, NULL, "cpuset_mems"},
    {"PidNS", TEMPLATE_STRUCT, NULL, "pid_ns"},
    {"UserNS", TEMPLATE_STRUCT, NULL, "userns"},
    {"UtsNS", TEMPLATE_STRUCT, NULL, "uts_ns"},
    {"Mounts", TEMPLATE_LIST, NULL, "mounts"},
    {"Devices", TEMPLATE_LIST, NULL, "devices"},
    {"BlkioDeviceReadBps", TEMPLATE_LIST, NULL, "device_read_bps"},
    {"BlkioDeviceWriteBps", TEMPLATE_LIST, NULL, "device_write_bps"},
    {"BlkioWeight", TEMPLATE_STRUCT, NULL, "blkio_weight"},
    {"BlkioWeightDevice", TEMPLATE_LIST, NULL, "blkio_weight_device"},
    {"VolumesFrom", TEMPLATE_LIST, NULL, "volumes_from"},
    {"SecurityOpts", TEMPLATE_LIST, NULL, "security_opt"},
    {"MemoryLimit", TEMPLATE_STRUCT, NULL, "memory_limit"},
    {"MemorySwap", TEMPLATE_STRUCT, NULL, "memory_swap"},
    {0},
};

bool pod_members_fit(const json_t *object)
{
    return json_object_get(object, "ExitPolicy") && json_object_get(object, "NumContainers");
}

static struct err *complete(json_t *object, const char *const *keys, size_t n, json_t *(*zero)(void))
{
    for (size_t i = 0; i < n; i++) {
        const json_t *now = json_object_get(object, keys[i]);
        if (!now || json_is_null(now))
            TRY(json_put(object, keys[i], zero()));
    }
    return NULL;
}

static json_t *no_number(void)
{
    return json_integer(0);
}

static json_t *no_text(void)
{
    return json_string("");
}

struct err *pod_members_complete(json_t *object)
{
    static const char *const numbers[] = {"cpu_period",   "cpu_quota",   "cpu_shares",
                                          "memory_limit", "memory_swap", "blkio_weight"};
    static const char *const texts[] = {"CgroupParent", "CgroupPath",  "InfraContainerID", "RestartPolicy",
                                        "Namespace",    "cpuset_cpus", "cpuset_mems"};
    static const char *const lists[] = {
        "SharedNamespaces", "Containers",       "CreateCommand",       "mounts",      "devices", "device_read_bps",
        "volumes_from",     "device_write_bps", "blkio_weight_device", "security_opt"};
    static const char *const maps[] = {"Labels"};
    static const char *const infra_lists[] = {"DNSServer", "DNSSearch", "DNSOption", "HostAdd", "Networks"};
    static const char *const infra_maps[] = {"NetworkOptions", "PortBindings"};
    json_t *infra = json_object_get(object, "InfraConfig");
    TRY(complete(object, numbers, ARRAY_LEN(numbers), no_number));
    TRY(complete(object, texts, ARRAY_LEN(texts), no_text));
    TRY(complete(object, lists, ARRAY_LEN(lists), json_array));
    TRY(complete(object, maps, ARRAY_LEN(maps), json_object));
    if (!infra)
        return NULL;
    TRY(complete(infra, numbers, 3, no_number)); /* the limits of the processor */
    TRY(complete(infra, texts + 5, 2, no_text));
    TRY(complete(infra, infra_lists, ARRAY_LEN(infra_lists), json_array));
    return complete(infra, infra_maps, ARRAY_LEN(infra_maps), json_object);
}
