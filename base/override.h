/* Owner and mode of a file as text in an extended attribute, where the inode can't hold them: "uid:gid:mode[:type]".
 * The format is that of containers/storage (user.containers.override_stat) and of fuse-overlayfs. Computes only, but
 * for the record of a user with one id.
 *
 * That record has a name of its own: what user.containers.override_stat says is taken for the truth by the file systems
 * that know it, and in a namespace with one id no file can be shown as another's. It is on regular files and
 * directories, the only ones that may have user.* attributes (xattr(7)). Where it says what the inode can say, the
 * inode counts, so that chmod(2) and write(2) need nobody's help; see override_apply(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define OVERRIDE_RECORD "user.coracle.override_stat"
#define OVERRIDE_MAX 96 /* bytes of the longest, with its NUL */

struct override {
    uint32_t uid, gid;
    mode_t mode; /* permission bits; with the file type when has_type */
    bool has_type;
    dev_t rdev;
};

/* False when it makes no sense: then the inode counts. `text` need not end in NUL. */
bool override_parse(const char *text, size_t len, struct override *ret);
/* Into `buf` of OVERRIDE_MAX bytes; the length without NUL. `mode` includes the file type. */
size_t override_format(const struct override *o, char *buf);

/* What a record says of a file that has `st`: owner and group; of a directory also the mode, where that lacks what its
 * owner needs to remove it, which the one on disk has (override_disk_mode()); of an empty file, that it is a device. */
void override_apply(const struct override *o, struct stat *st);
/* The mode on disk of a directory of this mode: whoever owns the data directory can delete it (rm -rf). */
mode_t override_disk_mode(mode_t mode);
/* Does a file of this owner and mode (with its type) need a record? */
bool override_is_needed(uint32_t uid, uint32_t gid, mode_t mode);
/* The record of an open file, or of a path; false: it has none. */
bool override_read_fd(int fd, struct override *ret);
bool override_read_path(const char *path, struct override *ret);
/* Write it, or remove it where there is no need for one. 0, or the errno. */
int override_write_fd(int fd, const struct override *o);
int override_write_path(const char *path, const struct override *o);
/* chown(2) of an open file (O_PATH will do), (uint32_t)-1: as it is. `single`: only one id is mapped, and the others
 * are recorded; links, FIFOs, sockets, and file systems without attributes, keep none. A file of another user of the
 * machine is EPERM. 0, or the errno. */
int override_chown(int fd, uint32_t uid, uint32_t gid, bool single);
