/* Containers of jobs on clusters (`run --hpc`): the command of the image takes this process's place.
 *
 * No monitor, no runtime, no row: the process that the job's launcher started is the one that runs, with its number,
 * process group, control group, environment and descriptors, and is killed with them. Network, processes and IPC are
 * the host's; only the root file system is the image's, with home, working directory, /tmp, /dev, /proc and /sys of the
 * host in it, and everything keeps the user's own id.
 *
 * Ranks of one job step share a session of their own (its directory is named after the step), and in it one user
 * namespace and, for the same image and mounts, one mount namespace, so that they may read each other's memory
 * (process_vm_readv(2)) and one process at most serves a packed image. The first one makes these; they are files in the
 * session's private tmpfs:
 *
 *     run_dir/hpc/user                  the user namespace (nsfs): the user's id and group are their own
 *     run_dir/hpc/<what>/mnt            the mount namespace with the container's root
 *     run_dir/hpc/<what>/w              what is written to the root, in memory
 *
 * Each rank keeps its connection to the session's holder open, under a high number, through execve(2): the kernel
 * closes it when the rank ends, however that happens, and with the last one the holder ends, and with it all mounts and
 * whatever serves them. Nothing has to be cleaned up.
 */
#pragma once

#include "base/err.h"
#include "engine/container/spec.h"

struct engine;
struct hpc_edits;

/* The session directory (engine_opts.runroot) of a step below the data directory `root`, NULL: the usual one;
 * directories of steps that are over are removed. `step`: --step, or NULL: as the job's launcher says in the
 * environment, and this process alone where it says nothing. Before the engine is opened. */
struct err *hpc_session_dir(const char *root, const char *step, char **ret) ERR_RESULT;
/* Returns only when it failed; ERR_NO_COMMAND and ERR_CANNOT_EXEC (127, 126) are about the command. The engine is one
 * that was opened with the step's directory. */
struct err *hpc_run(struct engine *e, const struct container_spec *spec) ERR_RESULT;

/* --- hpc_build.c: what hpc.c needs made, in the session. */
struct hpc_root {
    const char *place; /* run_dir/hpc/<what>, there already */
    struct strv layers;
    const struct container_spec *spec;
    const struct hpc_edits *edits;
    const char *home, *cwd;
};
/* A user namespace as the file `path`. */
struct err *hpc_make_user(struct engine *e, const char *path) ERR_RESULT;
/* A mount namespace with the root in it as the file <place>/mnt. */
struct err *hpc_make_root(struct engine *e, const struct hpc_root *r) ERR_RESULT;
