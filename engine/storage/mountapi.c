#include "engine/storage/mountapi.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From linux/mount.h, which can't be included together with sys/mount.h on every C library. */
#define FSOPEN_CLOEXEC_ 0x1u
#define FSCONFIG_SET_FLAG_ 0u
#define FSCONFIG_SET_STRING_ 1u
#define FSCONFIG_CMD_CREATE_ 6u
#define FSMOUNT_CLOEXEC_ 0x1u
#define MOVE_MOUNT_F_EMPTY_PATH_ 0x4u
#define MOVE_MOUNT_T_EMPTY_PATH_ 0x40u
#define OPEN_TREE_CLONE_ 0x1u
#define AT_RECURSIVE_ 0x8000u

struct mount_attr_ {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};

static int result(long r)
{
    return r < 0 ? -errno : (int)r;
}

int mountapi_fsopen(const char *fs_name)
{
    return result(syscall(SYS_fsopen, fs_name, FSOPEN_CLOEXEC_));
}

int mountapi_set_string(int fs, const char *key, const char *value)
{
    return result(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING_, key, value, 0));
}

int mountapi_set_flag(int fs, const char *key)
{
    return result(syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG_, key, NULL, 0));
}

int mountapi_create(int fs)
{
    return result(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE_, NULL, NULL, 0));
}

int mountapi_fsmount(int fs, uint64_t attributes)
{
    return result(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC_, attributes));
}

int mountapi_move(int mnt, const char *target)
{
    return result(syscall(SYS_move_mount, mnt, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH_));
}

int mountapi_move_to(int mnt, int target_fd)
{
    return result(syscall(SYS_move_mount, mnt, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH_ | MOVE_MOUNT_T_EMPTY_PATH_));
}

int mountapi_clone_fd(int fd)
{
    return result(syscall(SYS_open_tree, fd, "", OPEN_TREE_CLONE_ | (unsigned)O_CLOEXEC | (unsigned)AT_EMPTY_PATH));
}

int mountapi_clone(const char *path, bool recursive)
{
    unsigned flags = OPEN_TREE_CLONE_ | (unsigned)O_CLOEXEC | (recursive ? AT_RECURSIVE_ : 0);
    return result(syscall(SYS_open_tree, AT_FDCWD, path, flags));
}

int mountapi_setattr(int mnt, bool recursive, uint64_t attributes, uint64_t propagation)
{
    struct mount_attr_ attr = {.attr_set = attributes, .propagation = propagation};
    unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE_ : 0);
    return result(syscall(SYS_mount_setattr, mnt, "", flags, &attr, sizeof(attr)));
}

/* Messages are read one by one, "e <file system>: text"; the oldest first (fsopen(2)). */
struct mountapi_log mountapi_read_log(int fs)
{
    struct mountapi_log last = {""};
    char line[sizeof(last.s)];
    for (ssize_t n; (n = read(fs, line, sizeof(line) - 1)) > 0;) {
        while (n > 0 && line[n - 1] == '\n')
            n--;
        line[n] = '\0';
        size_t skip = n > 2 && line[1] == ' ' ? 2 : 0;
        memcpy(last.s, line + skip, (size_t)n + 1 - skip);
    }
    return last;
}
