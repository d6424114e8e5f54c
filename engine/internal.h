/* The engine object, for the files of this folder. */
#pragma once

#include "base/ident.h"
#include "engine/engine.h"
#include "engine/monitor/cgroup.h"
#include "engine/storage/options.h"

struct engine {
    struct engine_opts opts; /* strings owned below */
    char *opt_root, *opt_runroot, *opt_runtime, *opt_driver, *opt_cgroup_manager;
    struct strv runtime_flags, hooks_dirs, cdi_dirs, storage_opts;
    struct session *session;
    struct store *store;
    struct monitor *spare; /* for the container with next_id */
    struct ident next_id;
    bool id_taken;
    struct cgroup_facts cgroup;
    bool has_cgroup;
    char *runtime;      /* absolute path, once looked up */
    const char *driver; /* storage driver, once chosen */
    struct storage_options storage;
    bool has_storage, has_stores;
    char *storage_wanted; /* driver of STORAGE_DRIVER or storage.conf; NULL */
    char *storage_file;   /* the storage.conf that counts; NULL */
    struct strv notices;
};
