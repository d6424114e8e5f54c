/* Whole files and directory trees. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Read a regular file of at most `max` bytes (FIFOs and devices are refused: ERR_INVALID). NUL-terminated. */
struct err *file_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len) ERR_RESULT;
/* The same for an open descriptor, from its start. */
struct err *file_read_fd(int fd, size_t max, char **ret, size_t *ret_len) ERR_RESULT;

enum file_sync { FILE_NOSYNC, FILE_SYNC };
/* Appears whole or not at all: temporary name beside it, then rename; FILE_SYNC flushes the file before and the
 * directory after. The mode is set whatever the umask. */
struct err *file_write_atomic(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
                              enum file_sync sync) ERR_RESULT;
/* mkdir -p; existing directories are fine. */
struct err *file_mkdirs(const char *path, mode_t mode) ERR_RESULT;
/* Open a directory (O_DIRECTORY|O_CLOEXEC|O_NOFOLLOW on the last component). */
struct err *file_open_dir(int dirfd, const char *path, int *ret) ERR_RESULT;
/* rm -rf by descriptors, never following links, never crossing into another mount; missing is fine. Directories
 * without permission are made accessible first. */
struct err *file_remove_tree(int dirfd, const char *path) ERR_RESULT;
/* Bytes and inodes below, hard links counted once, directories as inodes without bytes, other mounts left out.
 * ERR_NO_SPACE past 128 levels. */
struct err *file_tree_size(int dirfd, const char *path, uint64_t *ret_bytes, uint64_t *ret_inodes) ERR_RESULT;
bool file_exists(int dirfd, const char *path);
/* True when something is mounted on `name`, in the mount namespace that `dirfd` belongs to. Seen from another one the
 * kernel lets go of such a mount when its place is removed or replaced, rather than to say EBUSY. Linux 5.8. */
bool file_is_mount(int dirfd, const char *name);
/* Make `to_fd` hold the bytes of `from_fd`: FICLONE, copy_file_range, else read and write; keeps holes. Both from their
 * start, file positions don't matter. Where one is a pipe or socket: from where it is to its end. */
struct err *file_copy_data(int from_fd, int to_fd) ERR_RESULT;

/* Copy everything below one directory into another, existing one: files, links (hard ones among themselves too),
 * special files, owners, modes, times, extended attributes; the directory's own attributes as well. An existing entry
 * that is not a directory is an error (EEXIST). Device nodes that may not be made are left out. */
struct err *file_copy_tree(int from_dirfd, int to_dirfd) ERR_RESULT;
/* The same with other owners: `fn` changes *uid and *gid; false: there is no such owner (ERR_UNSUPPORTED). */
typedef bool (*file_owner_fn)(uid_t *uid, gid_t *gid, void *arg);
struct err *file_copy_tree_owned(int from_dirfd, int to_dirfd, file_owner_fn fn, void *arg) ERR_RESULT;
/* Copying over what is there, as cp does. Either side may be changed meanwhile by whoever works in it: nothing is read
 * or written outside of the two directories. */
struct file_copy_opts {
    file_owner_fn owner; /* NULL: as they are */
    void *owner_arg;
    bool merge;              /* directories get more, everything else is replaced */
    bool replace;            /* with merge: also a directory by something else, or the reverse; else ERR_EXISTS */
    const char *const *omit; /* names at the top that are left out, NULL at the end; or NULL */
};
/* One entry, with what is below it, under another name. */
struct err *file_copy_entry(int from_dirfd, const char *name, int to_dirfd, const char *to_name,
                            const struct file_copy_opts *opts) ERR_RESULT;
/* What is below a directory; the other one keeps its own attributes. */
struct err *file_copy_entries(int from_dirfd, int to_dirfd, const struct file_copy_opts *opts) ERR_RESULT;
/* Give everything below the directory, and itself, to uid:gid; links are not followed, other mounts not entered.
 * `single`: as in override_chown(). */
struct err *file_chown_tree(int dirfd, uid_t uid, gid_t gid, bool single) ERR_RESULT;

/* An advisory lock (flock) that lives as long as the descriptor. wait=false: ERR_IN_USE when held by another. */
struct err *file_lock(int fd, bool exclusive, bool wait) ERR_RESULT;
/* Open and lock a directory, or a file that is made if missing; what `path` names while the lock is held. */
struct err *file_open_locked(int dirfd, const char *path, bool exclusive, bool wait, int *ret) ERR_RESULT;
