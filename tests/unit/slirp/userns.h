/* A user namespace of a test's own, in which it is uid 0, as the monitor is in its session. */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static inline bool userns_map(const char *path, unsigned id)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "0 %u 1\n", id);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, (size_t)n) == n;
    if (fd >= 0)
        (void)close(fd);
    return good;
}

/* With these namespaces (CLONE_NEW…) as well. False where the host has none: nothing of the program can work. */
static inline bool userns_enter(int flags)
{
    unsigned uid = getuid(), gid = getgid();
    if (unshare(CLONE_NEWUSER | flags) < 0)
        return false;
    int fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, "deny", 4);
        (void)close(fd);
    }
    return userns_map("/proc/self/uid_map", uid) && userns_map("/proc/self/gid_map", gid);
}
