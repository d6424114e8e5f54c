/* What the files that generate a config.json share. Each oci_put_* writes its members into build.out, whose error
 * sticks. */
#pragma once

#include "engine/container/capability.h"
#include "engine/container/jsonout.h"
#include "engine/container/oci.h"
#include "engine/container/security_opt.h"

struct oci_build {
    const struct container_spec *spec;
    const struct image_config *image;
    const struct oci_facts *facts;
    struct strv *notices;
    struct security_opts sec;
    struct cap_sets caps;
    bool systemd;
    bool bound_sys; /* /sys is the host's, since a new one can't be mounted */
    struct jsonout out;
};

/* oci_process.c: the object of a process, "process" or exec's. */
struct oci_process {
    const struct oci_user *user;
    const struct strv *args;
    const struct strv *env;
    const char *cwd;
    const struct cap_sets *caps;
    bool tty;
};
void oci_put_process(struct oci_build *b, const char *key, const struct oci_process *p);
/* The environment of the container: defaults, the host's, the image's, the user's, and what every process gets. */
struct err *oci_environment(const struct oci_build *b, struct strv *ret) ERR_RESULT;
const char *oci_workdir(const struct container_spec *spec, const struct image_config *image);

/* oci_mounts.c: "mounts". */
struct err *oci_put_mounts(struct oci_build *b) ERR_RESULT;
/* oci_linux.c: "linux", "annotations". */
struct err *oci_put_linux(struct oci_build *b) ERR_RESULT;
struct err *oci_put_annotations(struct oci_build *b) ERR_RESULT;
/* oci_resources.c: linux.resources; what can't be applied becomes a notice. */
struct err *oci_put_resources(struct oci_build *b, const char *key) ERR_RESULT;
/* Can the container's cgroup have limits of this controller? */
bool oci_has_controller(const struct oci_build *b, const char *name);
/* oci_security.c: linux.maskedPaths, readonlyPaths and seccomp. */
struct err *oci_put_confinement(struct oci_build *b) ERR_RESULT;
/* The filter program for the annotation that crun reads, into *ret; NULL when the default profile isn't used. */
struct err *oci_seccomp_program(const struct oci_build *b, char **ret) ERR_RESULT;
/* Is `path` unmasked by --security-opt unmask=? */
bool oci_is_unmasked(const struct oci_build *b, const char *path);
/* Ids of the container's user namespace. */
const struct idmap *oci_gid_map(const struct oci_build *b);
