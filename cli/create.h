/* What run and create share: their flags and how these become a container_spec. */
#pragma once

#include "cli/cli.h"
#include "cli/health_flags.h"
#include "cli/registry_flags.h"
#include "engine/container/spec.h"

struct create_opts {
    struct container_spec spec;
    struct registry_flags registry;
    struct registry_opts pull; /* what they say */
    struct strv env, env_files, labels, label_files, attach;
    const char *pod_id_file;
    const char *arch, *os, *variant, *platform;
    uint64_t preserve_fds;
    bool replace, quiet, rootfs, nestable;
    struct health_flags health;
    /* run alone */
    bool detach, rmi, no_sig_proxy, explain, hpc;
    const char *step;
    const char *detach_keys;
};

extern const struct cli_flag create_flags[];
struct err *create_opts_init(void *opts);
void create_opts_done(void *opts);
/* The rest of the spec: environment and labels in their order, image or rootfs, command, platform; refuses
 * contradictions. */
struct err *create_finish_spec(struct cli *c, struct create_opts *o) ERR_RESULT;
/* Labels of files, then `labels`, into a specification. */
struct err *create_add_labels(struct container_spec *s, const struct strv *files, const struct strv *labels) ERR_RESULT;
/* Refuse an existing --cidfile now; write it once the id is known. */
struct err *create_open_cidfile(const char *path, int *ret_fd) ERR_RESULT;
/* --pidfile of root, whose session may not write where root may: opened before the session is entered. *ret_fd is -1
 * without one, and for everybody else. */
struct err *create_open_pidfile(const char *path, int *ret_fd) ERR_RESULT;
struct err *create_write_cidfile(const char *path, int fd, const char *id) ERR_RESULT;
/* --replace: remove who has the name. */
struct err *create_replace(struct cli *c, const struct create_opts *o) ERR_RESULT;
