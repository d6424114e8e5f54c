/* The mount API of Linux 5.2 and later as thin wrappers, since not every C library has them: fsopen(2), fsconfig(2),
 * fsmount(2), move_mount(2), open_tree(2), mount_setattr(2). Each returns a descriptor or 0, or a negative errno. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

int mountapi_fsopen(const char *fs_name);
int mountapi_set_string(int fs, const char *key, const char *value);
int mountapi_set_flag(int fs, const char *key);
int mountapi_create(int fs);
/* `attributes`: MOUNTAPI_RDONLY … */
int mountapi_fsmount(int fs, uint64_t attributes);
/* Attach a detached mount to the directory `target`. */
int mountapi_move(int mnt, const char *target);
/* The same onto what `target_fd` is, whatever its name means by now. */
int mountapi_move_to(int mnt, int target_fd);
/* A detached copy of the mount that `fd` is the top of; in the mount namespace where that is. */
int mountapi_clone_fd(int fd);
/* A detached copy of the mount at `path`, with what is mounted below it when `recursive`. */
int mountapi_clone(const char *path, bool recursive);
/* Set attributes and propagation (MS_PRIVATE …, 0: leave) of a mount and, when `recursive`, those below. */
int mountapi_setattr(int mnt, bool recursive, uint64_t attributes, uint64_t propagation);
/* The last line that the kernel wrote into the log of `fs` (what it disliked), or "". */
struct mountapi_log {
    char s[256];
};
struct mountapi_log mountapi_read_log(int fs);

#define MOUNTAPI_RDONLY UINT64_C(0x1)
#define MOUNTAPI_NOSUID UINT64_C(0x2)
#define MOUNTAPI_NODEV UINT64_C(0x4)
