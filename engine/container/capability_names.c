/* Names of capabilities: linux/capability.h. Depends on nothing, since a build tool uses it as well. */
#include <string.h>
#include <strings.h>

#include "engine/container/capability.h"

/* In the order of their numbers. */
static const char *const names[CAP_NUMBER_MAX] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

const char *cap_name(unsigned number)
{
    return number < CAP_NUMBER_MAX ? names[number] : NULL;
}

/* Names are compared without their prefix when the caller left it out, in any case. */
bool cap_find(const char *name, unsigned *ret_number)
{
    bool prefixed = strncasecmp(name, "CAP_", 4) == 0;
    for (unsigned i = 0; i < CAP_NUMBER_MAX; i++) {
        if (strcasecmp(prefixed ? names[i] : names[i] + 4, name) == 0) {
            *ret_number = i;
            return true;
        }
    }
    return false;
}
