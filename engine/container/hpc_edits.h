/* What CDI devices and OCI hooks want of a job step's root (hpc.h). Private to hpc*.c.
 *
 * Variables are each rank's own; mounts and hooks belong to the root, which the step's first rank makes. Devices of the
 * host are all there, under their names. Hooks run where the specification has createContainer: in the mount namespace
 * of the root, before it is entered. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/container/spec.h"
#include "engine/image/image.h"

struct engine;
struct hpc_edits;

/* Borrows `spec` and `config`, which must outlive it. ERR_UNSUPPORTED names what a step cannot have. */
struct err *hpc_edits_new(struct engine *e, const struct container_spec *spec, const struct image_config *config,
                          struct hpc_edits **ret) ERR_RESULT;
void hpc_edits_free(struct hpc_edits *x);
const struct strv *hpc_edits_env(const struct hpc_edits *x);
/* Whatever the root depends on, as text. */
struct err *hpc_edits_describe(const struct hpc_edits *x, struct strbuf *out) ERR_RESULT;

typedef struct err *(*hpc_show_fn)(int root, const char *source, const char *target, bool read_only);
struct err *hpc_edits_mount(const struct hpc_edits *x, int root, hpc_show_fn show) ERR_RESULT;
/* `place`: a directory for their bundle; `root`: the path of the mounted root. */
struct err *hpc_edits_run_hooks(const struct hpc_edits *x, const char *place, const char *root) ERR_RESULT;
