/* What a storage driver is. Private to engine/storage. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "engine/storage/storage.h"

struct proc_opts;

struct storage_driver {
    const char *name;
    /* Mount `m` onto the existing directory `target`. */
    struct err *(*mount)(const struct storage_mount *m, const char *target);
    bool automatic; /* storage_choose() may take it, in the order of the table */
    bool maps_ids;  /* understands uid_map and gid_map */
};

/* NULL when the table has no such name. */
const struct storage_driver *storage_driver_find(const char *name);

struct err *overlay_mount(const struct storage_mount *m, const char *target) ERR_RESULT;
struct err *fuse_mount(const struct storage_mount *m, const char *target) ERR_RESULT;
struct err *copy_mount(const struct storage_mount *m, const char *target) ERR_RESULT;

/* What drivers do alike: one directory, or nothing at all, as the root. */
struct err *bind_mount(const char *source, const char *target, bool read_only) ERR_RESULT;
/* The same with m->flags. */
struct err *bind_flagged(const struct storage_mount *m, const char *source, const char *target,
                         bool read_only) ERR_RESULT;
/* By mount(2) alone. */
struct err *bind_old(const char *source, const char *target, bool read_only) ERR_RESULT;
struct err *bind_empty(const char *target, bool read_only) ERR_RESULT;
/* MS_NODEV … for what a driver without options of its own has mounted on `target`. */
struct err *bind_flags(const char *target, unsigned long flags, bool read_only) ERR_RESULT;
/* A root that needs no union of directories, being one or none. *ret_done tells whether that was it. */
struct err *bind_trivial(const struct storage_mount *m, const char *target, bool *ret_done) ERR_RESULT;
/* An upper or work directory, unless it is there. A new upper directory is what "/" of the mounted root looks like, so
 * it gets owner and mode of `like`, the topmost layer's (may be NULL). */
struct err *bind_make_dir(const char *path, const char *like) ERR_RESULT;
/* Run a program that mounts, leaves a process behind that answers for the mount, and ends. That process becomes
 * nobody's child, not even a subreaper's: fuse.c. */
struct err *storage_start_server(const struct proc_opts *opts) ERR_RESULT;
/* Absolute path of a layer's files: <layers_dir>/<layer>/diff, or the layer itself where it is elsewhere. */
struct err *storage_layer_path(const struct storage_mount *m, const char *layer, char **ret) ERR_RESULT;
/* The same for whoever stands in layers_dir. */
struct err *storage_lower_path(const char *layer, char **ret) ERR_RESULT;
