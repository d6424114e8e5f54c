/* What idplan_make has to know about the calling process. */
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "userns/idplan.h"

#define ID_MAP_FILE_MAX ((size_t)64 << 10)

static struct err *idplan_read_map(const char *path, struct idmap *ret)
{
    AUTO_FREE char *text = NULL;
    TRY(file_read(AT_FDCWD, path, ID_MAP_FILE_MAX, &text, NULL));
    return ERR_WRAP(idmap_parse(text, ret), "read %s", path);
}

/* Effective capabilities, by the system call: libcap would be a library for one number (capget(2)). */
static uint64_t idplan_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capget, &header, data) < 0)
        return 0;
    return data[0].effective | (uint64_t)data[1].effective << 32;
}

struct err *idplan_facts_read(struct idplan_facts *ret)
{
    AUTO_IDPLAN_FACTS struct idplan_facts f = {.uid = geteuid(), .gid = getegid()};
    const uint64_t set_ids = (uint64_t)1 << CAP_SETUID | (uint64_t)1 << CAP_SETGID;
    const uint64_t map_zero = set_ids | (uint64_t)1 << CAP_SETFCAP;
    uint64_t caps = idplan_capabilities();
    f.can_set_ids = (caps & set_ids) == set_ids;
    f.can_map_zero = (caps & map_zero) == map_zero;
    TRY(idplan_read_map("/proc/self/uid_map", &f.own_uids));
    TRY(idplan_read_map("/proc/self/gid_map", &f.own_gids));
    *ret = f;
    f = (struct idplan_facts){0};
    return NULL;
}
