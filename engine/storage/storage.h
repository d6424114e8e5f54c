/* Storage drivers: from layers and an upper directory to a mounted root file system.
 *
 * Used by coracle-monitor (for a running container) and by commands that need the root of a stopped one; the mount
 * belongs to the calling process's private mount namespace and dies with it. Links only base/.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/strv.h"

struct storage_mount {
    const char *driver;        /* "overlay", "fuse-overlay", "copy" */
    const char *layers_dir;    /* <root>/layers */
    struct strv layers;        /* short directory names there, or absolute paths; bottom first; borrowed */
    const char *container_dir; /* has (or gets) upper/, work/; for copy: copy/. NULL: read-only mount of the layers */
    const char *upper, *work; /* overlays: other directories than those of container_dir, both there already; or NULL */
    const char *mount_points; /* overlays: a directory below the lowest layer, relative to layers_dir; or NULL */
    const char *rootfs;       /* --rootfs DIR instead of layers: plain bind, or the lowest layer with container_dir */
    bool read_only;
    bool is_volatile; /* --rm: nobody will read upper after a crash */
    bool may_change;  /* "overlay" that the kernel refuses: fuse-overlay goes on with the same directories */

    unsigned long flags;           /* MS_NODEV … of the union that is mounted */
    const char *uid_map, *gid_map; /* fuse-overlay alone: "on disk:shown:count", more of them behind colons; or NULL */
    const char *program;           /* fuse-overlay: another program with the options of fuse-overlayfs; NULL: our own */
    int watch_fd;                  /* fuse-overlay: a pidfd whose end ends the mount; 0: this process's */
    const char *program_options;   /* fuse-overlay: more options, as one list; or NULL */
};

/* Mount onto `target` (an existing directory). overlay: fsopen/fsconfig with "lowerdir+" (6.5), else one lowerdir
 * string of short paths relative to layers_dir, else mount(2). fuse-overlay: a process (coracle-overlay) that lives as
 * long as the mount and the calling process. The error says who refused and what would help. */
struct err *storage_mount(const struct storage_mount *m, const char *target) ERR_RESULT;
/* A directory or file on what `target_fd` (O_PATH) is, something of the same kind, in this process's mount namespace.
 */
struct err *storage_bind(const char *source, int target_fd, bool read_only) ERR_RESULT;
/* The mount that `root_fd` is the top of, in the mount namespace `mntns_fd`, shown on `target` in this process's. */
struct err *storage_bind_from(int mntns_fd, int root_fd, const char *target) ERR_RESULT;
/* A mount namespace for this process alone, if it has none yet, and in it an empty tmpfs on the directory `place`
 * (made when missing): whatever is mounted there goes with the process. Called again it puts another tmpfs on top; what
 * was opened in the one below stays. */
struct err *storage_private_place(const char *place) ERR_RESULT;

/* What upper directories of overlay and fuse-overlay say, overlayfs.rst: an entry (with `st` from lstat) that deletes
 * its name from the layers below; a directory that hides what they have under its name. */
bool storage_is_whiteout(int dirfd, const char *name, const struct stat *st);
bool storage_is_opaque(int dirfd);

/* Does `driver` work with directories below `root`, here, now? NULL error: yes. */
struct err *storage_probe(const char *driver, const char *root) ERR_RESULT;
/* "overlay" if it works, else "fuse-overlay", else "copy"; *ret_why says what was refused, or NULL. */
struct err *storage_choose(const char *root, const char **ret_driver, char **ret_why) ERR_RESULT;
/* The names in the driver table, for messages and completion. */
const char *const *storage_drivers(void);
